/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.acme.fabric - as a vendor would write it, from the public headers alone: a forwarder led by
 * a controller.  Packets to an unknown address go to the control thread, which installs an
 * entry and sends the packet out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XVS_USE_DRAFT
#include "xvs/ext/mailbox.h"
#include "xvs/ext/sdk.h"
#include "xvs/extension.h"

enum { ENTRIES_MAX = 256, PACKET_MAX = 2048, MAILS = 256, MAC = 6 };
enum { REASON_OTHER, REASON_DENIED, REASON_UNKNOWN, REASON_BUSY };
enum { COUNT_PACKET_IN };
enum { UNKNOWN_DROP, UNKNOWN_FLOOD, UNKNOWN_NORMAL };

struct policy {
	struct xvs_table denied; /* struct address */
	uint32_t normal_ethertype;
	uint32_t unknown;
};

struct address {
	uint8_t mac[MAC];
};

struct entry {
	uint8_t mac[MAC];
	uint32_t port;
};

/* Read by workers; replaced, never changed. */
struct table {
	uint32_t count;
	struct entry entries[ENTRIES_MAX];
};

struct adapter {
	struct adapter *next;
	struct entry at;
};

struct self {
	const struct xvs_host *host;
	const struct xvs_flow_host *flows;
	const struct xvs_mailbox_host *mail;
	const struct policy *policy; /* published by policy_apply(), read by workers */
	const struct table *table;
	struct adapter *adapters; /* of the control thread: what a controller knows */
};

struct packet_out {
	struct self *self;
	uint32_t dest;
	uint32_t len;
	uint32_t flags;
	uint16_t vlan_tci;
	uint8_t bytes[PACKET_MAX];
};

static const struct xvs_field address_fields[] = {
	{ .name = "mac",
	  .help = "Address",
	  .type = XVS_MAC,
	  .flags = XVS_FIELD_REQUIRED,
	  .offset = offsetof(struct address, mac) },
};

static const char *const unknown_names[] = { "drop", "flood", "normal" };

static const struct xvs_field fields[] = {
	{ .name = "denied",
	  .help = "Addresses that nothing is sent to",
	  .type = XVS_LIST,
	  .offset = offsetof(struct policy, denied),
	  .max = 64,
	  .fields = XVS_TABLE(address_fields),
	  .element_bytes = sizeof(struct address) },
	{ .name = "normal_ethertype",
	  .help = "Left to the built-in switch; 0: nothing",
	  .type = XVS_U32,
	  .offset = offsetof(struct policy, normal_ethertype),
	  .max = 65535 },
	{ .name = "unknown",
	  .help = "What the controller does with packets to an address that it does not know",
	  .type = XVS_ENUM,
	  .offset = offsetof(struct policy, unknown),
	  .names = XVS_TABLE(unknown_names) },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct policy),
	  .id = "com.acme.fabric/1",
	  .summary = "What the controller forbids and leaves alone",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(fields) },
};

static const struct xvs_label reasons[] = {
	[REASON_OTHER] = { "fabric", "Dropped by the fabric" },
	[REASON_DENIED] = { "denied", "Nothing is sent to this address" },
	[REASON_UNKNOWN] = { "unknown", "The controller does not know this address" },
	[REASON_BUSY] = { "controller-busy", "Too many packets wait for the controller" },
};

static const struct xvs_label counters[] = {
	[COUNT_PACKET_IN] = { "packet-in", "Packets sent to the controller" },
};

static const char *const needs[] = { XVS_FLOW_HOST, XVS_MAILBOX };

/* ---- workers ------------------------------------------------------------ */

static bool is_denied(const struct policy *policy, const uint8_t *mac)
{
	const uint8_t *item = policy->denied.items;

	for (uint32_t n = 0; n < policy->denied.count; n++, item += policy->denied.stride)
		if (memcmp(item, mac, MAC) == 0)
			return true;
	return false;
}

static bool is_left_alone(const struct policy *policy, uint16_t ethertype)
{
	return policy->normal_ethertype && policy->normal_ethertype == ethertype;
}

static const struct entry *find(const struct table *table, const uint8_t *mac)
{
	for (uint32_t n = 0; n < table->count; n++)
		if (memcmp(table->entries[n].mac, mac, MAC) == 0)
			return &table->entries[n];
	return NULL;
}

static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	const struct self *s = self;
	const struct policy *policy = __atomic_load_n(&s->policy, __ATOMIC_ACQUIRE);
	const struct table *table = __atomic_load_n(&s->table, __ATOMIC_ACQUIRE);
	const struct entry *entry = find(table, key->eth_dst);

	(void)b;
	(void)i;
	memset(v->examined.eth_dst, 0xff, MAC);
	v->examined.ethertype = 0xffff;
	if (policy && is_denied(policy, key->eth_dst)) {
		v->action = XVS_FLOW_DROP;
		v->reason = REASON_DENIED;
	} else if (policy && is_left_alone(policy, xvs_ntoh16(key->ethertype))) {
		v->dest = XVS_DEST_NORMAL;
	} else if (key->eth_dst[0] & 1) {
		v->dest = XVS_DEST_FLOOD;
	} else if (entry) {
		v->dest = entry->port;
	} else {
		v->action = XVS_FLOW_WATCH;
	}
}

static void forward(void *self, struct xvs_batch *b)
{
	const struct self *s = self;

	for (XVS_EACH(i, b->live)) {
		struct xvs_packet *p = b->pkts[i];
		uint16_t reason = XVS_REASON_CONSUMED;

		if (p->flags & XVS_PKT_DRY)
			continue;
		if (p->gso_type || p->len > PACKET_MAX)
			reason = REASON_UNKNOWN;
		else if (s->mail->post(s->host, NULL, 0, p, p->len) != 0)
			reason = REASON_BUSY;
		else
			b->counters[COUNT_PACKET_IN]++;
		xvs_drop(b, i, reason);
	}
}

static void send_out(void *arg, void *worker_state, uint64_t now_ns)
{
	const struct packet_out *out = arg;
	const struct xvs_host *host = out->self->host;
	struct xvs_packet *p = host->alloc(host, out->len);

	(void)worker_state;
	(void)now_ns;
	if (!p)
		return;
	memcpy(p->data, out->bytes, out->len);
	p->vlan_tci = out->vlan_tci;
	p->flags |= XVS_PKT_DIRTY | (out->flags & (XVS_PKT_VLAN | XVS_PKT_SVLAN));
	(void)host->deliver(host, p, out->dest);
}

/* ---- control: the controller -------------------------------------------- */

static void free_out(void *arg, bool ran)
{
	(void)ran;
	free(arg);
}

static void publish(struct self *s, struct table *table)
{
	const struct table *old = s->table;

	__atomic_store_n(&s->table, table, __ATOMIC_RELEASE);
	s->host->defer(s->host, free, (void *)(uintptr_t)old);
}

static struct table *copy_of(const struct table *old)
{
	struct table *table = malloc(sizeof(*table));

	if (table)
		*table = *old;
	return table;
}

static void rejudge(const struct self *s, const uint8_t *mac)
{
	struct xvs_flow_key key = { 0 };
	struct xvs_flow_key mask = { 0 };

	memcpy(key.eth_dst, mac, MAC);
	memset(mask.eth_dst, 0xff, MAC);
	s->flows->invalidate_match(s->host, &key, &mask);
}

static void install(struct self *s, const struct entry *entry)
{
	struct table *table;

	if (find(s->table, entry->mac) || s->table->count == ENTRIES_MAX)
		return;
	table = copy_of(s->table);
	if (!table)
		return;
	table->entries[table->count++] = *entry;
	publish(s, table);
	rejudge(s, entry->mac);
}

static void remove_port(struct self *s, uint32_t port)
{
	struct table *table = copy_of(s->table);

	if (!table)
		return;
	table->count = 0;
	for (uint32_t n = 0; n < s->table->count; n++)
		if (s->table->entries[n].port != port)
			table->entries[table->count++] = s->table->entries[n];
	publish(s, table);
	s->flows->invalidate(s->host, ~UINT64_C(0));
}

static void packet_out(struct self *s, const struct xvs_mail *m, uint32_t dest)
{
	struct packet_out *out = malloc(sizeof(*out));

	if (!out)
		return;
	out->self = s;
	out->dest = dest;
	out->len = m->packet_len;
	out->flags = m->flags;
	out->vlan_tci = m->vlan_tci;
	memcpy(out->bytes, m->packet, m->packet_len);
	if (s->mail->call(s->host, m->worker, send_out, free_out, out) != 0)
		free(out);
}

static void packet_in(void *self, const struct xvs_mail *m)
{
	struct self *s = self;

	if (m->packet_len < m->wire_len)
		return;
	for (const struct adapter *a = s->adapters; a; a = a->next) {
		if (memcmp(a->at.mac, m->packet, MAC) != 0)
			continue;
		install(s, &a->at);
		packet_out(s, m, a->at.port);
		return;
	}
	if (s->policy && s->policy->unknown == UNKNOWN_FLOOD)
		packet_out(s, m, XVS_DEST_FLOOD);
	else if (s->policy && s->policy->unknown == UNKNOWN_NORMAL)
		packet_out(s, m, XVS_DEST_NORMAL);
}

/* ---- control: its life -------------------------------------------------- */

static void destroy(void *self)
{
	struct self *s = self;

	free((void *)(uintptr_t)s->table);
	free(s);
}

static int create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		  struct xvs_error *err)
{
	struct self *s = calloc(1, sizeof(*s));
	int result;

	(void)args;
	if (!s)
		return -ENOMEM;
	s->host = host;
	s->flows = host->query(host, XVS_FLOW_HOST);
	s->mail = host->query(host, XVS_MAILBOX);
	s->table = calloc(1, sizeof(struct table));
	if (!s->table) {
		destroy(s);
		return -ENOMEM;
	}
	result = s->mail->open(host, MAILS, PACKET_MAX, packet_in);
	if (result != 0) {
		destroy(s);
		return xvs_refuse(err, result, "", "com.acme.fabric got no mailbox");
	}
	*self = s;
	return 0;
}

static int port_attach(void *self, const struct xvs_port *port, void **port_state,
		       struct xvs_error *err)
{
	struct self *s = self;
	struct adapter *a = calloc(1, sizeof(*a));

	(void)err;
	if (!a)
		return -ENOMEM;
	a->at.port = port->id;
	memcpy(a->at.mac, port->mac, MAC);
	a->next = s->adapters;
	s->adapters = a;
	*port_state = a;
	return 0;
}

static void port_detach(void *self, void *port_state)
{
	struct self *s = self;
	struct adapter *a = port_state;
	struct adapter **at = &s->adapters;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	remove_port(s, a->at.port);
	free(a);
}

static void policy_apply(void *self, void *port_state, const char *feature, const void *value,
			 void *prepared)
{
	struct self *s = self;

	(void)port_state;
	(void)feature;
	(void)prepared;
	__atomic_store_n(&s->policy, (const struct policy *)value, __ATOMIC_RELEASE);
}

static const struct xvs_flow flow = { .size = sizeof(flow), .judge = judge };

static const void *query(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_FLOW) == 0 ? &flow : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.destroy = destroy,
	.port_attach = port_attach,
	.port_detach = port_detach,
	.policy_apply = policy_apply,
	.forward = forward,
	.query = query,
};

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FORWARD,
	  .id = "com.acme.fabric",
	  .version = "1.0.0",
	  .vendor = "Acme",
	  .summary = "Forwards as a controller says",
	  .features = XVS_TABLE(features),
	  .reasons = XVS_TABLE(reasons),
	  .counters = XVS_TABLE(counters),
	  .needs = XVS_TABLE(needs),
	  .ops = &ops,
	  .rights = XVS_RIGHT_ORIGINATE | XVS_RIGHT_PAYLOAD },
};

XVS_NOTE("com.acme.fabric", "1.0.0", 1u << XVS_FORWARD, XVS_RIGHT_ORIGINATE | XVS_RIGHT_PAYLOAD);

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
