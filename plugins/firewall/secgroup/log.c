/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections whose rule says 'log': an event where the host takes events, else a line in its log.
 */
#include <arpa/inet.h>
#include <string.h>

#include "secgroup.h"
#include "xvs/ext/sdk.h"

enum { TEXT_BYTES = 48 };

static void address_print(const uint8_t address[16], char out[TEXT_BYTES])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool is_v4 = memcmp(address, mapped, sizeof(mapped)) == 0;

	if (!inet_ntop(is_v4 ? AF_INET : AF_INET6, address + (is_v4 ? 12 : 0), out, TEXT_BYTES))
		out[0] = '\0';
}

static uint32_t what_of(const struct xvs_conn_event *e)
{
	if (e->conn->state != XVS_CONN_CLOSED)
		return CONNECTION_BEGIN;
	return e->cause == XVS_CONN_DENIED ? CONNECTION_DENIED : CONNECTION_END;
}

static void event_fill(const struct xvs_conn_event *e, struct connection_event *out)
{
	const struct xvs_conn *c = e->conn;

	memset(out, 0, sizeof(*out));
	out->id = c->id;
	out->what = what_of(e);
	out->rule = c->slot && *c->slot <= RULES_MAX ? (uint32_t)*c->slot : 0;
	out->inbound = c->inbound ? DIRECTION_IN : DIRECTION_OUT;
	out->proto = c->proto;
	address_print(c->src, out->src);
	address_print(c->dst, out->dst);
	out->src_port = xvs_ntoh16(c->src_port);
	out->dst_port = xvs_ntoh16(c->dst_port);
	out->packets = c->packets[0] + c->packets[1];
	out->bytes = c->bytes[0] + c->bytes[1];
}

static void event_log(const struct secgroup *s, const struct connection_event *v)
{
	static const char *const words[] = { "begins", "ends", "is denied" };

	xvs_logf(s->host, XVS_LOG_INFO,
		 "connection %llu %s by rule %u: protocol %u, %s port %u to %s port %u",
		 (unsigned long long)v->id, words[v->what], v->rule, v->proto, v->src, v->src_port,
		 v->dst, v->dst_port);
}

void secgroup_event(void *self, const struct xvs_conn_event *e)
{
	const struct secgroup *s = self;
	struct connection_event value;

	event_fill(e, &value);
	if (s->events)
		(void)s->events->emit(s->host, &secgroup_features[FEATURE_EVENT], e->conn->port,
				      &value); /* a full queue is counted by the host */
	else
		event_log(s, &value);
}
