/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/conn.h - optional interface "xvs.conn/1": authorise connections that the host tracks.
 */
#ifndef XVS_CONN_H
#define XVS_CONN_H

#include "host.h"
#include "packet.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XVS_CONN "xvs.conn/1"
#define XVS_CONN_HOST "xvs.conn-host/1"

enum xvs_conn_state {
	XVS_CONN_NEW = 1,         /* being authorised */
	XVS_CONN_ESTABLISHED = 2, /* both directions seen */
	XVS_CONN_CLOSING = 3,
	XVS_CONN_CLOSED = 4,      /* last event; totals are final */
};

enum xvs_conn_cause {
	XVS_CONN_FIN = 1, /* closed by its ends */
	XVS_CONN_RST = 2,
	XVS_CONN_IDLE = 3,
	XVS_CONN_DENIED = 4,  /* by a verdict */
	XVS_CONN_EVICTED = 5, /* table full, or flushed */
	XVS_CONN_MOVED = 6,   /* goes on at another host */
};

/* A connection as the host tracks it, once per protected port, for all firewall extensions. */
struct xvs_conn {
	uint32_t size;
	uint16_t state;     /* enum xvs_conn_state */
	uint8_t proto;
	uint8_t inbound;    /* 1: opened toward the port that is being protected */
	uint32_t port;      /* the protected port */
	uint32_t segment;
	uint8_t src[16], dst[16];   /* initiator, responder; inside addresses, as the guest sees them */
	uint16_t src_port, dst_port; /* network order; ICMP: id, type and code */
	uint32_t mark;      /* set by a verdict; travels with the connection */
	uint64_t packets[2], bytes[2]; /* [0] from the initiator */
	uint64_t begin_ns;
	uint64_t id;        /* unique on this host since its start; for logs */
	uint64_t *slot;     /* eight bytes of yours, a value; migrated if state formats agree, else 0 */
};

enum xvs_conn_action { XVS_CONN_ALLOW = 0, XVS_CONN_DENY = 1, XVS_CONN_REJECT = 2 };

struct xvs_conn_verdict {
	uint32_t size;
	uint16_t action;    /* enum xvs_conn_action; DENY and REJECT are remembered as well */
	uint16_t reason;
	uint32_t idle_ms;   /* 0: the protocol's default */
	uint32_t mark;
	uint32_t log;       /* 1: event() for begin and end, and once for a denial */
	uint32_t report_ms; /* event() at least so often while packets come; 0: no */
	uint32_t stream_bytes[2]; /* TCP, "xvs.stream/1": show me so much of each direction; 0: nothing */
	uint32_t reserved;
};

struct xvs_conn_event {
	uint32_t size;
	uint16_t cause;     /* enum xvs_conn_cause where state is CLOSED */
	uint16_t reason;    /* of the extension that denied, if it was you */
	const struct xvs_conn *conn;
	uint64_t now_ns;
	uint64_t *counters;
	void *port_state;
	void *worker_state;
};

/*
 * authorise() is called once per connection and protected port, for its first
 * packet; the first DENY or REJECT in the chain wins.  A reply, and an ICMP error
 * that belongs to the connection, need no second question.  After the host interface's
 * invalidate(), each live connection is authorised anew at its next packet, with its
 * state and slot as they are.  Calls about one connection never overlap.  A firewall
 * that also has ingress or egress gets them after this, in its place in the chain.
 */
struct xvs_conn_ops {
	uint32_t size;
	uint32_t reserved;
	void (*authorise)(void *self, const struct xvs_batch *b, uint32_t i,
			  const struct xvs_conn *c, struct xvs_conn_verdict *v); /* [worker] */
	void (*event)(void *self, const struct xvs_conn_event *e);               /* [worker] */
};

/* The host's half. */
struct xvs_conn_host {
	uint32_t size;
	uint32_t reserved;
	void (*invalidate)(const struct xvs_host *h);                            /* [any] */
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_CONN_H */
