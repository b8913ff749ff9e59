/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/vgen.h - what the modes of the generator share: options, two ports, and more that listen.
 */
#ifndef XVS_VGEN_VGEN_H
#define XVS_VGEN_VGEN_H

#include <stdio.h>

#include "vgen/port.h"

enum { VGEN_SINKS_MAX = 6, VGEN_SAMPLES_MAX = 1 << 20 };

struct options {
	const char *mode;
	const char *sockets[2 + VGEN_SINKS_MAX]; /* A, B, then sinks */
	uint32_t port_count;
	bool is_server;
	bool is_packed, has_event_index;
	uint16_t ring_size;
	uint32_t size; /* bytes of a frame, without FCS */
	uint32_t flows, macs;
	bool is_tcp;
	bool both;           /* directions at once */
	bool closes;         /* connect: each connection is reset once it is open */
	bool establishes;    /* every flow is seen in both directions before anything is measured */
	uint32_t port_shift; /* with establishes: of its connections no other run has had any */
	bool touches;
	bool waits; /* rate, new, connect: for a line of input between warming up and measuring */
	double seconds, warm_up_s;
	uint32_t pps;     /* latency: 0 is 10,000 */
	uint32_t idle_ms; /* wake: how long nothing is sent */
	uint32_t samples; /* wake, connect */
	int beside; /* wake: the core of a thread that is woken in turn with the switch; -1: none */
	int patience_ms;
	uint32_t size_max; /* verify: all sizes from size to this */
	bool offloads;     /* verify: checksums and segmentation are left to the switch */
	bool big_buffers; /* verify: receive buffers are chains, one a packet; else they are merged */
};

struct vgen {
	struct options o;
	struct front *fronts[2 + VGEN_SINKS_MAX];
	struct port ports[2 + VGEN_SINKS_MAX]; /* 0 is A, 1 is B */
};

/* What flows of this run look like; backward: from B to A. */
static inline struct flow_shape vgen_shape(const struct vgen *g, bool is_backward)
{
	return (struct flow_shape){ .macs = g->o.macs,
				    .size = g->o.size,
				    .port_shift = g->o.port_shift,
				    .is_tcp = g->o.is_tcp,
				    .is_backward = is_backward };
}

/* Makes one port and connects it, with its rings filled. */
int vgen_connect(struct vgen *g, uint32_t nr, struct xvs_error *err);
void vgen_disconnect(struct vgen *g, uint32_t nr);

/* What stands between begin and end of JSON that each mode prints. */
void vgen_print_ports(const struct vgen *g);

/* Has the switch broken a ring or closed a connection?  Then -errno with *err. */
int vgen_check(const struct vgen *g, struct xvs_error *err);

/*
 * prepare.c: until frames of every MAC address have come through in both directions, and if the
 * options say so, of every flow: by UDP one each way, by TCP a handshake.
 */
int vgen_prepare(struct vgen *g, struct xvs_error *err);

/* prepare.c: says that it is warm, and waits if it is to; true: what has cooled down is to be warmed. */
bool vgen_wait(const struct vgen *g);

/* The modes: 0, or -errno with *err; print JSON. */
int vgen_rate(struct vgen *g, struct xvs_error *err);
int vgen_connections(struct vgen *g, struct xvs_error *err);
int vgen_latency(struct vgen *g, struct xvs_error *err);
int vgen_wake(struct vgen *g, struct xvs_error *err);
int vgen_start(struct vgen *g, struct xvs_error *err);
int vgen_verify(struct vgen *g, struct xvs_error *err);

/* samples.c: sorted in place; quantile 0 .. 1 */
void samples_sort(uint64_t *values, uint32_t count);
uint64_t samples_at(const uint64_t *sorted, uint32_t count, double quantile);

#endif /* XVS_VGEN_VGEN_H */
