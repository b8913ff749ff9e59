/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.h - filter expressions of libpcap ("arp or port 53"), compiled to our own program.
 */
#ifndef CAPTURE_FILTER_H
#define CAPTURE_FILTER_H

#include "cbpf.h"

/*
 * [control] *out stays NULL for an empty expression, which accepts everything; else free() it.
 * -EINVAL with libpcap's words in 'err', field "filter"; -ENOMEM.
 */
int filter_compile(const char *expression, struct cbpf_program **out, struct xvs_error *err);

#endif /* CAPTURE_FILTER_H */
