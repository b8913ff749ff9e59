/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/program.h - our XDP program on a device: there from attach to detach, and no longer.
 *
 * All functions are [control].
 */
#ifndef XVS_PORT_AF_XDP_PROGRAM_H
#define XVS_PORT_AF_XDP_PROGRAM_H

#include "base/error.h"
#include "port/backend.h"

struct bpf_object;
struct xdp_program;
struct kernel_count;

/* Zeroed with link == -1 is detached. */
struct program {
	uint32_t ifindex;
	struct bpf_object *object;
	struct xdp_program *shared; /* attached by the dispatcher; NULL: by 'link' */
	int link;                   /* closes itself when the daemon dies, whatever kills it */
	bool is_native;
	bool puts_tags; /* gives frames their tags back that were handed over beside them */
	int sockets, shed4, shed6; /* maps */
	volatile uint32_t *shed_entries;
	struct kernel_count *counts;
	char why_direct[128]; /* what the dispatcher said */
};

/*
 * Takes away what a killed daemon left, then attaches: native or else generic, through the
 * dispatcher or else directly.  'gives_tags': the device hands tags over beside the frame.
 * -EBUSY: a program that is not ours is there.
 */
int program_attach(struct program *p, uint32_t ifindex, bool gives_tags, struct xvs_error *err);
void program_detach(struct program *p);

/* Frames of this receive queue go to the XDP socket 'fd' from now on. */
int program_set_socket(struct program *p, uint32_t queue, int fd, struct xvs_error *err);

/* shed.c: as shed() and shed_counts() of backend.h. */
int program_shed(struct program *p, uint32_t slot, const struct backend_source *s);
void program_unshed(struct program *p, const struct backend_source *s);
void program_shed_counts(const struct program *p, uint32_t slot, uint64_t *packets,
			 uint64_t *bytes);

#endif /* XVS_PORT_AF_XDP_PROGRAM_H */
