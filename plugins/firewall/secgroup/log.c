/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections whose rule says 'log': an event where the host takes events, else a line in its log
 * that is one object of JSON behind a word.
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
	out->rule = slot_rule(c->slot);
	out->inbound = c->inbound ? DIRECTION_IN : DIRECTION_OUT;
	out->proto = c->proto;
	address_print(c->src, out->src);
	address_print(c->dst, out->dst);
	out->src_port = xvs_ntoh16(c->src_port);
	out->dst_port = xvs_ntoh16(c->dst_port);
	out->packets = c->packets[0] + c->packets[1];
	out->bytes = c->bytes[0] + c->bytes[1];
}

/* Names of ports are of letters, digits and a few signs that JSON takes as they are. */
static void event_log(const struct secgroup *s, const struct secgroup_port *port, uint32_t worker,
		      const struct connection_event *v)
{
	static const char *const words[] = { "begin", "end", "denied" };
	const char *name = atomic_load_explicit(&port->name, memory_order_acquire);
	char *line = port->shares[worker].line;

	(void)snprintf(line, sizeof(port->shares[worker].line),
		       "connection {\"what\":\"%s\",\"port\":\"%s\",\"id\":%llu,\"rule\":%u,"
		       "\"direction\":\"%s\",\"proto\":%u,\"src\":\"%s\",\"src_port\":%u,"
		       "\"dst\":\"%s\",\"dst_port\":%u,\"packets\":%llu,\"bytes\":%llu,"
		       "\"unlogged\":%llu}",
		       words[v->what], name, (unsigned long long)v->id, v->rule,
		       v->inbound == DIRECTION_IN ? "in" : "out", v->proto, v->src, v->src_port,
		       v->dst, v->dst_port, (unsigned long long)v->packets,
		       (unsigned long long)v->bytes, (unsigned long long)v->unlogged);
	s->host->log(s->host, XVS_LOG_INFO, line);
}

/* One more that is not told of; the next one tells how many. */
static bool is_too_many(struct secgroup_port *port, uint64_t now_ns)
{
	const struct rules *rules = atomic_load_explicit(&port->rules, memory_order_acquire);
	uint32_t rate = rules ? rules_log_rate(rules) : 0;
	const struct xvs_meter_rate limit = { rate, rate };

	if (xvs_meter_take(&port->log_meter, &limit, now_ns, 1, 0) == 0)
		return false;
	atomic_fetch_add_explicit(&port->unlogged, 1, memory_order_relaxed);
	return true;
}

void secgroup_event(void *self, const struct xvs_conn_event *e)
{
	const struct secgroup *s = self;
	struct secgroup_port *port = e->port_state;
	const struct secgroup_worker *worker = e->worker_state;
	struct connection_event value;

	if (is_too_many(port, e->now_ns))
		return;
	event_fill(e, &value);
	value.unlogged = atomic_exchange_explicit(&port->unlogged, 0, memory_order_relaxed);
	if (s->events)
		(void)s->events->emit(s->host, &secgroup_features[FEATURE_EVENT], e->conn->port,
				      &value); /* a full queue is counted by the host */
	else
		event_log(s, port, worker->index, &value);
}
