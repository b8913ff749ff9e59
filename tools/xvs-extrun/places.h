/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-extrun/places.h - which ports there are, as the command line says: "vm1=52:54:00:00:00:01,up0". */
#ifndef XVS_EXTRUN_PLACES_H
#define XVS_EXTRUN_PLACES_H

#include "extlab/lab.h"

/* Room for an uplink that nobody named is always left. */
struct places {
	struct lab_port ports[LAB_PORTS_MAX];
	size_t count;
};

/* Names with the address of their adapter; the one without is the uplink.  -EINVAL. */
int places_parse(const char *text, struct places *out, struct xvs_error *err);

/* A guest's port named for a file, with this address; its index.  -ENOSPC. */
int places_add_file(struct places *p, const char *file, const uint8_t mac[6]);

/* The last port is an uplink afterwards, "up0" if nobody named another. */
void places_close(struct places *p);

/* Where a frame with this source comes in: at the adapter that has it, else at the uplink. */
uint32_t places_of(const struct places *p, const uint8_t mac[6]);

#endif /* XVS_EXTRUN_PLACES_H */
