/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/judge.h - one packet at the tracker: what the files that judge it hand to each other.
 */
#ifndef XVS_CONN_JUDGE_H
#define XVS_CONN_JUDGE_H

#include "conn/table.h"
#include "conn/tcp.h"

/* Lives for one call of conn_judge(). */
struct visit {
	struct conn_table *t;
	struct worker *w;
	struct conn_port *port;
	uint32_t port_id;
	uint32_t epoch; /* of the port before anybody was asked (architecture 16.2) */
	bool inbound;
	bool is_dry;                    /* a trace: changes nothing */
	const struct conn_ahead *ahead; /* what was read of the packet before; NULL: nothing */
	uint32_t nr;                    /* of the packet there */
	uint32_t bucket;                /* of its tuple, if that is tracked */
	uint32_t head;                  /* where the chain began that was walked for it last */
	struct packet *p;
	void *arg;
	struct conn_result *out;
};

static inline enum conn_answer visit_drop(struct visit *v, uint16_t reason)
{
	v->out->reason = reason;
	return CONN_DROP;
}

/* [worker] judge.c: a packet that has its L4 header. */
enum conn_answer judge_whole(struct visit *v);

/* [worker] judge.c: the connection of this key as it stands, or NULL; ends what is overdue. */
struct conn *judge_find(struct visit *v, uint32_t bucket, const struct conn_key *key);

/* [worker] judge.c: its authorisation is of today. */
bool judge_is_fresh(const struct visit *v, struct conn *c);

/*
 * [worker] Opening and closing take three packets of one end at least, a question with its answer one or two.
 * TCP that is not established is not the one that goes on.
 */
static inline bool judge_goes_on(struct conn *c, unsigned direction)
{
	enum { A_FEW = 3 };
	enum conn_state state = conn_state(c);
	struct half_counts counts;

	if (state != STATE_ESTABLISHED && state != STATE_NEW)
		return false;
	half_read(c, direction, &counts);
	return counts.packets >= A_FEW;
}

/* [worker] icmp.c: an error of ICMP or ICMPv6. */
enum conn_answer icmp_judge_error(struct visit *v);

/* A packet on its way through a live connection. */
struct passage {
	struct conn_table *t;
	struct worker *w;
	struct conn *c;
	unsigned direction;
	const struct packet *p;
	void *arg;
};

/* [worker] update.c: lets it in: CONN_PASS, CONN_DROP with *reason, CONN_AGAIN. */
enum conn_answer update_conn(const struct passage *m, uint16_t *reason);
/* [worker] update.c: the same of TCP whose segment was read. */
enum conn_answer update_segment(const struct passage *m, const struct tcp_segment *seg,
				uint16_t *reason);
/* [worker] update.c: what that would answer, changing nothing. */
enum conn_answer update_dry(const struct passage *m, uint16_t *reason);

/* 1: from the responder. */
static inline unsigned conn_direction(const struct conn *c, bool inbound)
{
	return c->inbound != inbound;
}

#endif /* XVS_CONN_JUDGE_H */
