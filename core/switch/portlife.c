/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/portlife.c - a port comes up, is compiled anew, goes down.
 *
 * Order: attached (closed), policies, on the path (closed), conf compiled, open, UP.
 */
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "policy/builtin.h"
#include "switch/portview.h"
#include "switch/relay.h"
#include "switch/world.h"

/* Keeps the first that is wrong. */
static void keep_problem(struct port *p, const struct xvs_error *err)
{
	if (p->problem[0] == '\0')
		(void)str_copy(p->problem, sizeof(p->problem), err->text);
}

static int attach_one(struct port *p, struct member *m, bool is_tolerated, struct xvs_error *err)
{
	int result = port_attach(p, m, &p->settings, err);

	if (result == 0)
		return 0;
	if (!is_tolerated)
		return result;
	keep_problem(p, err);
	return 0;
}

int port_up(struct port *p, struct member *const *members, size_t count, bool is_tolerated,
	    struct xvs_error *err)
{
	int result = port_open(p, err);

	if (result < 0)
		goto err_tolerate;
	for (size_t i = 0; i < count && result == 0 && !p->is_member; i++)
		if (members[i]->instance && member_stands(members[i], &p->settings))
			result = attach_one(p, members[i], is_tolerated, err);
	if (result == 0)
		result = port_enter(p, err);
	if (result == 0)
		return 0;

	port_detach_all(p);
	port_close(p);
err_tolerate:
	if (is_tolerated)
		keep_problem(p, err);
	else
		(void)error_context(err, "port %s", p->full_name);
	return is_tolerated ? 0 : result;
}

void port_down(struct port *p)
{
	p->path_port = NULL;
	p->is_open = false;
	portview_tell(p);
	if (p->is_guarded)
		conn_port_close(path_conns(p->w->path), p->id);
	p->is_guarded = false;
	port_detach_all(p);
	port_close(p);
}

enum { MS_PER_S = 1000 };

/* By its policy; without one, as the table says. */
static void limits_of(const struct port *p, struct conn_port_limits *out)
{
	const struct policy_connections *c = settings_bytes(&p->settings, builtin_connections.id);

	*out = (struct conn_port_limits){ .group = p->sw->path_switch->nr };
	if (!c)
		return;
	out->connections = c->limit;
	out->half_open = c->half_open;
	out->group_connections = c->switch_limit;
	out->has_midstream = true;
	out->midstream_ms = c->midstream_s * MS_PER_S;
	out->times.ms[CONN_TIME_TCP_SYN_SENT] = c->tcp_syn_sent_s * MS_PER_S;
	out->times.ms[CONN_TIME_TCP_SYN_RECEIVED] = c->tcp_syn_received_s * MS_PER_S;
	out->times.ms[CONN_TIME_TCP_ESTABLISHED] = c->tcp_established_s * MS_PER_S;
	out->times.ms[CONN_TIME_TCP_CLOSING] = c->tcp_closing_s * MS_PER_S;
	out->times.ms[CONN_TIME_TCP_TIME_WAIT] = c->tcp_time_wait_s * MS_PER_S;
	out->times.ms[CONN_TIME_UDP] = c->udp_s * MS_PER_S;
	out->times.ms[CONN_TIME_UDP_STREAM] = c->udp_stream_s * MS_PER_S;
	out->times.ms[CONN_TIME_ICMP] = c->icmp_s * MS_PER_S;
	out->times.ms[CONN_TIME_SCTP_OPENING] = c->sctp_opening_s * MS_PER_S;
	out->times.ms[CONN_TIME_SCTP_ESTABLISHED] = c->sctp_established_s * MS_PER_S;
	out->times.ms[CONN_TIME_SCTP_CLOSING] = c->sctp_closing_s * MS_PER_S;
	out->times.ms[CONN_TIME_OTHER] = c->other_s * MS_PER_S;
}

/* Again, when limits may have changed. */
static void guard(struct port *p, struct port_conf *conf, struct reasons *reasons)
{
	struct conn_port_limits limits;
	struct xvs_error err = ERROR_INIT;

	if (conf->ingress.conn_place == CHAIN_MAX)
		return;
	limits_of(p, &limits);
	if (conn_port_guard(path_conns(p->w->path), p->id, &limits, &err) == 0) {
		p->is_guarded = true;
		return;
	}
	reasons_add(reasons, "connections cannot be tracked: %s", err.text);
	conf->is_open = false;
}

/* But for their numbers.  Both are of zeroed memory, so that bytes between members do not differ. */
static bool conf_equal(const struct port_conf *a, const struct port_conf *b)
{
	size_t from = offsetof(struct port_conf, sw);

	return memcmp((const char *)a + from, (const char *)b + from, sizeof(*a) - from) == 0;
}

static void keep_reasons(struct port *p, struct reasons *reasons)
{
	free(p->reasons);
	p->reasons = reasons;
	if (reasons->count > 0)
		return;
	free(reasons);
	p->reasons = NULL;
}

/* Once for each time; what is wrong with a port that never was open is in the answer to its maker. */
static void tell_state(struct port *p)
{
	bool is_open = p->is_open && !port_is_blocked(p);
	char why[512] = "it is blocked";
	size_t len = 0;

	if (is_open == p->is_told_open)
		return;
	p->is_told_open = is_open;
	if (is_open) {
		log_message(MSG_PORT_OPEN, "port %s is open", p->full_name);
		return;
	}
	for (size_t i = 0; p->reasons && i < p->reasons->count && len < sizeof(why) - 1; i++)
		len += (size_t)snprintf(why + len, sizeof(why) - len, "%s%.120s", i ? "; " : "",
					p->reasons->text[i]);
	log_message(MSG_PORT_CLOSED, "port %s is closed: %s", p->full_name, why);
}

bool port_publish(struct port *p, struct port_conf *conf, struct reasons *reasons, bool is_changed)
{
	port_compile(p, conf, reasons);
	if (!p->path_port && reasons->count == 0)
		reasons_add(reasons, "is not on the packet path");
	if (p->path_port)
		guard(p, conf, reasons);
	p->is_open = reasons->count == 0;
	if (p->relay && p->is_frozen)
		relay_compile(p->relay, conf);
	keep_reasons(p, reasons);
	tell_state(p);
	/* First, so that UP comes before the first packet. */
	port_tell_news(p);
	portview_tell(p);
	if (!p->path_port || (!is_changed && conf_equal(conf, p->path_port->conf))) {
		free(conf);
		return !p->is_open;
	}
	path_port_publish(p->path_port, conf);
	if (p->is_guarded)
		conn_port_reauthorise(path_conns(p->w->path), p->id);
	return !p->is_open;
}
