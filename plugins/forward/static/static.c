/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.xvs.static - a forwarder that learns nothing, as VMware's switches do.
 *
 * The host tells which adapter is behind which port; that table alone decides.  What is not in it
 * is not here, so it goes to an uplink, and what an uplink brings for it is dropped.  So no guest
 * can draw the traffic of another by sending with its address, and nothing is ever flooded but
 * broadcast and multicast.
 *
 *   destination           from a guest or the host     from an uplink
 *   ------------------    -------------------------    --------------------------
 *   group address         flood the segment            flood the segment
 *   an adapter's          its port                     its port
 *   the sender's own      drop same-port               -
 *   any other             first uplink that is up      drop unknown-unicast
 *
 * An extension cannot see which VLANs a trunk carries.  So an address that is known in another
 * segment only, where it may be a trunk's, is left to the built-in switch, which can.
 *
 * Every verdict is cached by the host and depends on the destination address (a group address: on
 * one bit of it) and the tag.  When an address comes or goes, the flows toward it are judged anew;
 * when the uplink changes, those that go there.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "xvs/ext/sdk.h"
#include "xvs/extension.h"

/* Groups of verdicts, for invalidate(). */
enum tag {
	TAG_ADDRESS = 1u << 0, /* by the address: told apart by invalidate_match() */
	TAG_UPLINK = 1u << 1,  /* by the choice of the uplink */
};

enum reason { REASON_OTHER, REASON_UNKNOWN_UNICAST, REASON_SAME_PORT };

static const struct xvs_label reasons[] = {
	{ "no-destination", "The forwarder has no destination for the packet" },
	{ "unknown-unicast", "No adapter has the destination address, and no uplink can take it" },
	{ "same-port", "The destination is behind the port that the packet came from" },
};

struct static_port {
	struct static_port *next; /* in the order of attaching */
	uint32_t id;
	uint32_t flags;
	uint32_t segment; /* workers read it: set before packets come, atomically afterwards */
	uint8_t mac[6];
	bool up;
	char name[64];
};

struct status_row {
	uint8_t mac[6];
	uint8_t pad[2];
	uint32_t segment;
	char port[64];
};

struct static_switch {
	const struct xvs_host *host;
	const struct xvs_flow_host *flow;
	struct static_port *ports;
	uint64_t seed;
	_Atomic(struct table *) table; /* written by [control]; read by workers */
	_Atomic uint32_t uplink;       /* the same; XVS_PORT_NONE: none is up */
	struct status_row *rows;       /* what the last status_read() gave out */
};

struct status {
	uint32_t count;
	char uplink[64];
	struct xvs_table entries; /* struct status_row */
};

static const struct xvs_field row_fields[] = {
	{ .name = "mac",
	  .help = "Address of the adapter",
	  .type = XVS_MAC,
	  .offset = offsetof(struct status_row, mac) },
	{ .name = "segment",
	  .help = "Segment of the port's untagged packets",
	  .type = XVS_U32,
	  .offset = offsetof(struct status_row, segment),
	  .max = UINT32_MAX },
	{ .name = "port",
	  .help = "Port behind which it is",
	  .type = XVS_TEXT,
	  .offset = offsetof(struct status_row, port),
	  .max = 64 },
};

static const struct xvs_field status_fields[] = {
	{ .name = "count",
	  .help = "Number of addresses",
	  .type = XVS_U32,
	  .offset = offsetof(struct status, count),
	  .max = UINT32_MAX },
	{ .name = "uplink",
	  .help = "Port that takes what is not in the table; empty: none is up",
	  .type = XVS_TEXT,
	  .offset = offsetof(struct status, uplink),
	  .max = 64 },
	{ .name = "entries",
	  .help = "The addresses, in no particular order",
	  .type = XVS_LIST,
	  .offset = offsetof(struct status, entries),
	  .max = 1u << 24,
	  .fields = XVS_TABLE(row_fields),
	  .element_bytes = sizeof(struct status_row) },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct status),
	  .id = "org.xvs.static.table/1",
	  .summary = "The address table and the uplink in use",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_STATUS,
	  .fields = XVS_TABLE(status_fields) },
};

/* ---- the table and the uplink, from the ports ------------------------------------------- */

/* An uplink's own address is the host's business; zero is "not known". */
static bool is_listed(const struct static_port *p)
{
	static const uint8_t zero[6];

	return !(p->flags & (XVS_PORT_UPLINK | XVS_PORT_PROBE)) && memcmp(p->mac, zero, 6) != 0;
}

static void free_table(void *arg)
{
	table_destroy(arg);
}

static void table_publish(struct static_switch *s, struct table *t)
{
	struct table *old = atomic_exchange_explicit(&s->table, t, memory_order_acq_rel);

	if (old)
		s->host->defer(s->host, free_table, old);
}

/* Of equal addresses in one segment the port that came first has it. */
static int table_rebuild(struct static_switch *s)
{
	uint32_t count = 0;
	struct table *t;

	for (const struct static_port *p = s->ports; p; p = p->next)
		count++;
	t = table_create(count, s->seed);
	if (!t)
		return -ENOMEM;
	for (const struct static_port *p = s->ports; p; p = p->next) {
		if (is_listed(p) && !table_add(t, p->mac, p->segment, p->id))
			xvs_logf(
				s->host, XVS_LOG_WARN,
				"port %s: its MAC address is another port's in this segment, which "
				"keeps it; give each adapter its own",
				p->name);
	}
	table_publish(s, t);
	return 0;
}

/* Flows toward this address are judged anew. */
static void address_changed(const struct static_switch *s, const uint8_t mac[6])
{
	struct xvs_flow_key key = { 0 };
	struct xvs_flow_key mask = { 0 };

	memcpy(key.eth_dst, mac, 6);
	memset(mask.eth_dst, 0xff, 6);
	s->flow->invalidate_match(s->host, &key, &mask);
}

static void uplink_choose(struct static_switch *s)
{
	const struct static_port *p = s->ports;
	uint32_t now;

	while (p && !(p->up && (p->flags & XVS_PORT_UPLINK)))
		p = p->next;
	now = p ? p->id : XVS_PORT_NONE;
	if (atomic_exchange_explicit(&s->uplink, now, memory_order_acq_rel) != now)
		s->flow->invalidate(s->host, TAG_UPLINK);
}

/* ---- control ----------------------------------------------------------------------------- */

static int static_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			 struct xvs_error *err)
{
	struct static_switch *s = calloc(1, sizeof(*s));

	if (!s)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	s->host = host;
	s->flow = host->query(host, XVS_FLOW_HOST);
	s->seed = args->seed;
	if (!s->flow || table_rebuild(s) != 0) {
		free(s);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	*self = s;
	return 0;
}

static void static_destroy(void *self)
{
	struct static_switch *s = self;

	table_destroy(atomic_load_explicit(&s->table, memory_order_relaxed));
	free(s->rows);
	free(s);
}

static void port_copy(struct static_port *p, const struct xvs_port *port)
{
	p->id = port->id;
	p->flags = port->flags;
	memcpy(p->mac, port->mac, sizeof(p->mac));
	__atomic_store_n(&p->segment, port->segment, __ATOMIC_RELAXED);
	(void)snprintf(p->name, sizeof(p->name), "%s", port->name);
}

static void port_append(struct static_switch *s, struct static_port *p)
{
	struct static_port **at = &s->ports;

	while (*at)
		at = &(*at)->next;
	*at = p;
}

static void port_unlink(struct static_switch *s, const struct static_port *p)
{
	struct static_port **at = &s->ports;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
}

static int static_port_attach(void *self, const struct xvs_port *port, void **port_state,
			      struct xvs_error *err)
{
	struct static_switch *s = self;
	struct static_port *p = calloc(1, sizeof(*p));

	if (!p)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	port_copy(p, port);
	port_append(s, p);
	if (is_listed(p) && table_rebuild(s) != 0) {
		port_unlink(s, p);
		free(p);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	if (is_listed(p))
		address_changed(s, p->mac);
	*port_state = p;
	return 0;
}

/*
 * Taking out needs no memory; only where a new address is to come in may there be none.  Flows
 * are judged anew when the table is whole: the address may be that of a second port, which has
 * it from now on.
 */
static void port_changed(struct static_switch *s, struct static_port *p, const struct xvs_port *now)
{
	const struct static_port before = *p;

	if (is_listed(&before))
		table_take_out(atomic_load_explicit(&s->table, memory_order_relaxed), p->id);
	port_copy(p, now);
	if (table_rebuild(s) != 0)
		xvs_logf(s->host, XVS_LOG_ERROR,
			 "port %s: out of memory, so its MAC address is not in the table until the "
			 "next change of a port",
			 p->name);
	if (is_listed(&before))
		address_changed(s, before.mac);
	if (is_listed(p))
		address_changed(s, p->mac);
}

static void static_port_event(void *self, void *port_state, int event, const struct xvs_port *now)
{
	struct static_port *p = port_state;

	if (event == XVS_PORT_UP || event == XVS_PORT_DOWN)
		p->up = event == XVS_PORT_UP;
	if (event == XVS_PORT_CHANGED)
		port_changed(self, p, now);
	uplink_choose(self);
}

static void static_port_detach(void *self, void *port_state)
{
	struct static_switch *s = self;
	struct static_port *p = port_state;

	port_unlink(s, p);
	if (is_listed(p)) {
		table_take_out(atomic_load_explicit(&s->table, memory_order_relaxed), p->id);
		if (table_rebuild(s) != 0)
			s->host->log(s->host, XVS_LOG_WARN,
				     "out of memory: the address table is tidied up later");
		address_changed(s, p->mac);
	}
	uplink_choose(s);
	free(p);
}

/* ---- status ------------------------------------------------------------------------------ */

static void name_of_port(const struct static_switch *s, uint32_t id, char name[64])
{
	const struct static_port *p = s->ports;

	while (p && p->id != id)
		p = p->next;
	(void)snprintf(name, 64, "%s", p ? p->name : "");
}

static uint32_t rows_fill(const struct static_switch *s, const struct table *t,
			  struct status_row *rows)
{
	const struct table_row *row;
	uint32_t count = 0;

	for (uint32_t i = 0; (row = table_row(t, i)) != NULL; i++) {
		uint32_t port = atomic_load_explicit(&row->port, memory_order_relaxed);

		if (port == XVS_PORT_NONE)
			continue;
		if (rows) {
			memcpy(rows[count].mac, row->mac, 6);
			rows[count].segment = row->segment;
			name_of_port(s, port, rows[count].port);
		}
		count++;
	}
	return count;
}

static int static_status_read(void *self, void *port_state, const char *feature, void *out,
			      struct xvs_error *err)
{
	struct static_switch *s = self;
	struct table *t = atomic_load_explicit(&s->table, memory_order_relaxed);
	struct status *status = out;
	uint32_t count = rows_fill(s, t, NULL);
	struct status_row *rows = calloc(count + 1, sizeof(*rows));

	(void)port_state;
	(void)feature;
	if (!rows)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	free(s->rows);
	s->rows = rows;
	(void)rows_fill(s, t, rows);
	status->count = count;
	name_of_port(s, atomic_load_explicit(&s->uplink, memory_order_relaxed), status->uplink);
	status->entries = (struct xvs_table){ rows, count, sizeof(*rows) };
	return 0;
}

/* ---- packets ----------------------------------------------------------------------------- */

static void verdict_drop(struct xvs_flow_verdict *v, enum reason reason)
{
	v->action = XVS_FLOW_DROP;
	v->reason = (uint16_t)reason;
}

/* A packet without a tag, or with one of VLAN 0, is in the segment of its port. */
static uint32_t segment_of(const struct xvs_flow_key *key, const struct static_port *entry)
{
	uint32_t vid = xvs_ntoh16(key->vlan_tci) & 0xfffu;

	if ((key->bits & XVS_KEY_VLAN) && vid != 0)
		return vid;
	return entry ? __atomic_load_n(&entry->segment, __ATOMIC_RELAXED) : 0;
}

/* No adapter of ours. */
static void judge_unknown(struct static_switch *s, const struct static_port *entry,
			  struct xvs_flow_verdict *v)
{
	uint32_t uplink = atomic_load_explicit(&s->uplink, memory_order_acquire);

	v->tags |= TAG_UPLINK;
	if ((entry && (entry->flags & XVS_PORT_UPLINK)) || uplink == XVS_PORT_NONE)
		verdict_drop(v, REASON_UNKNOWN_UNICAST);
	else
		v->dest = uplink;
}

static void static_judge(void *self, const struct xvs_batch *b, uint32_t i,
			 const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	struct static_switch *s = self;
	const struct static_port *entry = b->port_state;
	const struct table *t = atomic_load_explicit(&s->table, memory_order_acquire);
	bool elsewhere;
	uint32_t port;

	(void)i;
	v->tags = TAG_ADDRESS;
	v->examined.eth_dst[0] = 1;
	if (key->eth_dst[0] & 1) {
		v->dest = XVS_DEST_FLOOD;
		return;
	}
	memset(v->examined.eth_dst, 0xff, 6);
	v->examined.bits = XVS_KEY_VLAN;
	v->examined.vlan_tci = xvs_ntoh16(0xfff);
	port = table_find(t, key->eth_dst, segment_of(key, entry), &elsewhere);
	if (port == XVS_PORT_NONE && elsewhere)
		v->dest = XVS_DEST_NORMAL;
	else if (port == XVS_PORT_NONE)
		judge_unknown(s, entry, v);
	else if (port == key->port)
		verdict_drop(v, REASON_SAME_PORT);
	else
		v->dest = port;
}

static const struct xvs_flow flow = {
	.size = sizeof(flow),
	.judge = static_judge,
};

static const void *static_query(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_FLOW) == 0 ? &flow : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = static_create,
	.destroy = static_destroy,
	.port_attach = static_port_attach,
	.port_event = static_port_event,
	.port_detach = static_port_detach,
	.status_read = static_status_read,
	.query = static_query,
};

static const char *const needs[] = { XVS_FLOW_HOST };

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FORWARD,
	  .id = "org.xvs.static",
	  .version = XVS_VERSION,
	  .vendor = "xvs",
	  .summary = "Forwards by the addresses of the "
		     "adapters alone; never learns, never floods unknown addresses",
	  .features = XVS_TABLE(features),
	  .reasons = XVS_TABLE(reasons),
	  .needs = XVS_TABLE(needs),
	  .ops = &ops },
};

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(struct xvs_module),
	.extensions = XVS_TABLE(extensions),
};

XVS_NOTE("org.xvs.static", XVS_VERSION, 1u << XVS_FORWARD, 0);
