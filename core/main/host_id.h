/* SPDX-License-Identifier: Apache-2.0 */
/* main/host_id.h - a number that this host has at each start, and another one most likely has not. */
#ifndef XVS_MAIN_HOST_ID_H
#define XVS_MAIN_HOST_ID_H

#include <stdint.h>

/* [control] 'state_dir': NULL: none. */
uint64_t host_id(const char *state_dir);

#endif /* XVS_MAIN_HOST_ID_H */
