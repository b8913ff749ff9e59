/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/summary.h - what a frame is, in a few words. */
#ifndef XVSCTL_SUMMARY_H
#define XVSCTL_SUMMARY_H

#include "base/str.h"

/*
 * Addresses, protocol, ports and the length on the wire, of as many bytes as were captured:
 * "IP 10.0.0.1.4001 > 10.0.0.2.80: tcp S, length 74".  Any bytes will do.
 */
void summary_add(struct strbuf *out, const uint8_t *frame, uint32_t cap_len, uint32_t wire_len);

#endif /* XVSCTL_SUMMARY_H */
