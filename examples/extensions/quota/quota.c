/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.acme.quota - a filter with state that moves: a machine may send so many bytes, then its packets are
 * dropped.  What it has used goes with it to another host, so nobody gets a new quota by being moved.
 *
 * Format 1 of its state is the bytes used, format 2 the packets as well.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <xvs/extension.h>

enum { REASON_SPENT = 1 };
enum { FORMAT_BYTES = 1, FORMAT_PACKETS = 2 };

#ifndef FORMAT_NEWEST /* a release before knew the first alone */
#define FORMAT_NEWEST FORMAT_PACKETS
#endif

struct policy {
	uint64_t bytes;
};

struct used {
	uint64_t bytes, packets;
};

struct status {
	uint64_t bytes, packets;
};

struct port {
	_Atomic(const struct policy *) policy; /* published by policy_apply() */
	_Atomic uint64_t bytes, packets;       /* used; any worker adds */
	struct used saved;                     /* [control]: as the target knows it */
};

static const struct xvs_field fields[] = {
	{ .name = "bytes",
	  .help = "What the machine may send",
	  .offset = offsetof(struct policy, bytes),
	  .type = XVS_U64,
	  .flags = XVS_FIELD_REQUIRED,
	  .min = 1,
	  .max = INT64_MAX },
};

static const struct xvs_field status_fields[] = {
	{ .name = "bytes",
	  .help = "What it has sent",
	  .offset = offsetof(struct status, bytes),
	  .type = XVS_U64 },
	{ .name = "packets",
	  .help = "In so many packets",
	  .offset = offsetof(struct status, packets),
	  .type = XVS_U64 },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct policy),
	  .id = "com.acme.quota/1",
	  .summary = "How much a machine may send",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(fields) },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct status),
	  .id = "com.acme.quota.used/1",
	  .summary = "How much it has sent",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_STATUS,
	  .fields = XVS_TABLE(status_fields) },
};

static const struct xvs_label reasons[] = {
	{ "quota", "Dropped" },
	{ "spent", "The machine has sent as much as it may" },
};

/* ---- packets ------------------------------------------------------------ */

static void ingress(void *self, struct xvs_batch *b)
{
	struct port *port = b->port_state;
	const struct policy *policy = atomic_load_explicit(&port->policy, memory_order_acquire);

	(void)self;
	if (!policy)
		return;
	for (XVS_EACH(i, b->live)) {
		const struct xvs_packet *p = b->pkts[i];

		if (atomic_load_explicit(&port->bytes, memory_order_relaxed) + p->len >
		    policy->bytes) {
			xvs_drop(b, i, REASON_SPENT);
			continue;
		}
		if (p->flags & XVS_PKT_DRY)
			continue;
		atomic_fetch_add_explicit(&port->bytes, p->len, memory_order_relaxed);
		atomic_fetch_add_explicit(&port->packets, 1, memory_order_relaxed);
	}
}

/* ---- state --------------------------------------------------------------- */

static struct used used_of(const struct port *port)
{
	return (struct used){ atomic_load_explicit(&port->bytes, memory_order_relaxed),
			      atomic_load_explicit(&port->packets, memory_order_relaxed) };
}

/* Numbers of a record are little-endian, whatever the host. */
static void put_number(uint8_t out[8], uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get_number(const uint8_t in[8])
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value |= (uint64_t)in[i] << 8 * i;
	return value;
}

/* Absolute numbers, so that a later record simply replaces an earlier one. */
static int save(void *self, void *port_state, const struct xvs_save *ctx, struct xvs_sink *out,
		struct xvs_error *err)
{
	struct port *port = port_state;
	struct used used;
	uint8_t bytes[16];
	int result;

	(void)self;
	(void)err;
	out->left = 0;
	if (!port) /* of the switch as a whole there is nothing */
		return 0;
	used = used_of(port);
	if (memcmp(&used, &port->saved, sizeof(used)) == 0)
		return 0;
	put_number(bytes, used.bytes);
	put_number(bytes + 8, used.packets);
	result = out->write(out, bytes, ctx->format == FORMAT_BYTES ? 8 : 16);
	if (result == 0)
		port->saved = used;
	return result;
}

/* It may be moved another time, to a host that knows nothing yet. */
static void save_end(void *self, void *port_state, bool moved)
{
	struct port *port = port_state;

	(void)self;
	(void)moved;
	if (port)
		memset(&port->saved, 0, sizeof(port->saved));
}

/* Everything is read and looked at before anything changes. */
static int restore(void *self, void *port_state, uint32_t format, struct xvs_source *in,
		   struct xvs_error *err)
{
	struct port *port = port_state;
	uint8_t bytes[16] = { 0 };
	size_t len = format == FORMAT_BYTES ? 8 : 16;

	(void)self;
	(void)err;
	if (!port || in->left != len || in->read(in, bytes, len))
		return -EPROTO;
	atomic_store_explicit(&port->bytes, get_number(bytes), memory_order_relaxed);
	atomic_store_explicit(&port->packets, get_number(bytes + 8), memory_order_relaxed);
	return 0;
}

static const struct xvs_state state = {
	.size = sizeof(state),
	.format_min = FORMAT_BYTES,
	.format_max = FORMAT_NEWEST,
	.save = save,
	.save_end = save_end,
	.restore = restore,
};

/* ---- control ------------------------------------------------------------ */

static int create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		  struct xvs_error *err)
{
	(void)host;
	(void)args;
	(void)err;
	*self = calloc(1, 1);
	return *self ? 0 : -ENOMEM;
}

static int port_attach(void *self, const struct xvs_port *port, void **port_state,
		       struct xvs_error *err)
{
	(void)self;
	(void)port;
	(void)err;
	*port_state = calloc(1, sizeof(struct port));
	return *port_state ? 0 : -ENOMEM;
}

static void port_detach(void *self, void *port_state)
{
	(void)self;
	free(port_state);
}

static void policy_apply(void *self, void *port_state, const char *feature, const void *value,
			 void *prepared)
{
	struct port *port = port_state;

	(void)self;
	(void)feature;
	(void)prepared;
	atomic_store_explicit(&port->policy, value, memory_order_release);
}

static int status_read(void *self, void *port_state, const char *feature, void *out,
		       struct xvs_error *err)
{
	const struct used used = used_of(port_state);
	struct status *s = out;

	(void)self;
	(void)feature;
	(void)err;
	s->bytes = used.bytes;
	s->packets = used.packets;
	return 0;
}

static const void *query(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_STATE) == 0 ? &state : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.destroy = free,
	.port_attach = port_attach,
	.port_detach = port_detach,
	.policy_apply = policy_apply,
	.status_read = status_read,
	.ingress = ingress,
	.query = query,
};

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FILTER,
	  .flags = XVS_EXT_POLICY_ONLY,
	  .id = "com.acme.quota",
	  .version = "2.0.0",
	  .vendor = "Acme",
	  .summary = "How much each machine may send",
	  .features = XVS_TABLE(features),
	  .reasons = XVS_TABLE(reasons),
	  .ops = &ops },
};

XVS_NOTE("com.acme.quota", "2.0.0", 1u << XVS_FILTER, 0);

const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
