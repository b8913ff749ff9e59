/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/trace.h - what would become of a packet: it takes the real way, and leaves no trace but this.
 *
 * The packet bears XVS_PKT_DRY.  It is judged by every extension, the flow cache is not asked and not
 * filled, connections are looked at and not changed, nothing is counted, taken or sent.
 */
#ifndef XVS_PATH_TRACE_H
#define XVS_PATH_TRACE_H

#include "path/path.h"

enum trace_kind {
	TRACE_ENTERED = 0, /* 'port', 'segment', 'tci' */
	TRACE_JUDGED = 1,  /* an extension's verdict on the flow: 'action' enum xvs_flow_action */
	TRACE_AUTHORISED = 2, /* a firewall's on the connection: enum xvs_conn_action */
	TRACE_CONNECTION =
		3,        /* the tracker's own: enum conn_answer; instance and reason of a denial */
	TRACE_CALLED = 4, /* an extension saw the packet: enum trace_call */
	TRACE_FORWARDED = 5, /* 'dest', 'count' ports */
	TRACE_LEFT = 6,      /* by 'port', as 'key' and 'tci' say */
	TRACE_DROPPED = 7,   /* at 'port', by 'instance' (0: the switch) for 'reason' */
};

enum trace_call { TRACE_PASSED = 0, TRACE_REFUSED = 1, TRACE_CHANGED = 2, TRACE_SETTLED = 3 };

/* TEXT: of one extension; TEXTS: of all of them. */
enum { TRACE_TEXT = 4096, TRACE_TEXTS = 65536, TRACE_EVENTS_MAX = 512, TRACE_EXITS_MAX = 64 };

struct trace_event {
	uint8_t kind;  /* enum trace_kind */
	uint8_t stage; /* enum xvs_stage */
	uint8_t action;
	uint8_t is_tagged; /* 'tci' is a tag */
	uint16_t instance;
	uint16_t reason;
	uint16_t tci;
	uint16_t place; /* in the chain of 'port' */
	uint32_t port;
	uint32_t segment;
	uint32_t dest;
	uint32_t count;
	uint32_t sample;          /* JUDGED with WATCH: one packet in so many */
	uint32_t len;             /* LEFT, ENTERED */
	struct xvs_flow_key key;  /* LEFT, ENTERED: the packet; JUDGED: values that are set */
	struct xvs_flow_key mask; /* JUDGED: where they are set */
	const char *text;         /* what the extension says of it, or NULL: xvs/ext/explain.h */
};

typedef void trace_done(void *arg, const struct trace_event *events, uint32_t count, bool is_cut);

/*
 * [control] A frame as it would come in at this port, tag included.  done(arg, ...) comes on the
 * control thread, the events in the order of the packet's way; 'is_cut': there were more.
 * -ENOENT: no such port.  -EOPNOTSUPP: the outside port of a NAT, which would answer by itself.  -EINVAL: no frame of at most PACKET_MAX bytes.  -ENOMEM.
 */
int path_trace(struct path *path, uint32_t port, const void *frame, uint32_t len, trace_done *done,
	       void *arg);

#endif /* XVS_PATH_TRACE_H */
