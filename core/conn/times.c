/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/times.c - how long connections may be idle.
 */
#include "conn/table.h"

/*
 * No shorter than RFC 5382 (TCP: 2 h 4 min, 4 min while opening and closing), RFC 4787 (UDP:
 * 2 min, 5 min advised) and RFC 5508 (ICMP queries: 1 min) allow those who translate; a firewall
 * has no reason to be ruder.  An SCTP association sends a HEARTBEAT every 30 s (RFC 9260, 16), so
 * that a few lost ones must not end it.
 */
static const uint32_t defaults[CONN_TIMES] = {
	[CONN_TIME_TCP_SYN_SENT] = 240000,     [CONN_TIME_TCP_SYN_RECEIVED] = 240000,
	[CONN_TIME_TCP_ESTABLISHED] = 7440000, [CONN_TIME_TCP_CLOSING] = 240000,
	[CONN_TIME_TCP_TIME_WAIT] = 240000,    [CONN_TIME_UDP] = 120000,
	[CONN_TIME_UDP_STREAM] = 300000,       [CONN_TIME_ICMP] = 60000,
	[CONN_TIME_SCTP_OPENING] = 60000,      [CONN_TIME_SCTP_ESTABLISHED] = 600000,
	[CONN_TIME_SCTP_CLOSING] = 60000,      [CONN_TIME_OTHER] = 600000,
};

void times_complete(struct conn_times *times)
{
	for (unsigned i = 0; i < CONN_TIMES; i++) {
		if (times->ms[i] == 0)
			times->ms[i] = defaults[i];
	}
}

static enum conn_time time_of_tcp(enum conn_state state)
{
	switch (state) {
	case STATE_SYN_SENT:
		return CONN_TIME_TCP_SYN_SENT;
	case STATE_SYN_RECEIVED:
		return CONN_TIME_TCP_SYN_RECEIVED;
	case STATE_CLOSING:
		return CONN_TIME_TCP_CLOSING;
	case STATE_TIME_WAIT:
		return CONN_TIME_TCP_TIME_WAIT;
	default:
		return CONN_TIME_TCP_ESTABLISHED;
	}
}

static enum conn_time time_of_sctp(enum conn_state state)
{
	switch (state) {
	case STATE_SYN_SENT:
	case STATE_SYN_RECEIVED:
		return CONN_TIME_SCTP_OPENING;
	case STATE_CLOSING:
	case STATE_TIME_WAIT:
		return CONN_TIME_SCTP_CLOSING;
	default:
		return CONN_TIME_SCTP_ESTABLISHED;
	}
}

static enum conn_time time_of(uint8_t proto, enum conn_state state)
{
	switch (proto) {
	case PROTO_TCP:
		return time_of_tcp(state);
	case PROTO_SCTP:
		return time_of_sctp(state);
	case PROTO_UDP:
		return state == STATE_ESTABLISHED ? CONN_TIME_UDP_STREAM : CONN_TIME_UDP;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		return CONN_TIME_ICMP;
	default:
		return CONN_TIME_OTHER;
	}
}

/* What a verdict asked for is meant for conversations: it makes opening and closing no longer. */
uint64_t conn_timeout_ms(struct conn_table *t, struct conn *c)
{
	enum conn_state state = conn_state(c);
	enum conn_time time = time_of(c->key.proto, state);
	uint32_t usual = atomic_load_explicit(&conn_port(t, c)->times[time], memory_order_relaxed);
	uint32_t asked = atomic_load_explicit(&c->idle_ms, memory_order_relaxed);

	if (asked == 0)
		return usual;
	if ((c->key.proto == PROTO_TCP || c->key.proto == PROTO_SCTP) &&
	    state != STATE_ESTABLISHED && usual < asked)
		return usual;
	return asked;
}
