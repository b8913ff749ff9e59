/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.acme.scrubber - as a vendor would write it, from the public headers alone: who sends more
 * packets than its limit is dropped, and has the driver drop it, for a while.
 */
#define XVS_USE_DRAFT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/shed.h"
#include "xvs/extension.h"

enum { SOURCES = 1024, IPV4_SOURCE_AT = 12, REASON_FLOOD = 1 };
enum { COUNT_SHED, COUNT_UNABLE };

struct policy {
	uint32_t limit;
	uint32_t ms;
};

/* By source; one that meets another takes its place. */
struct source {
	uint8_t address[4];
	uint32_t packets;
	uint64_t banned_until_ns;
};

struct worker {
	struct source sources[SOURCES];
};

struct self {
	const struct xvs_host *host;
	const struct xvs_shed_host *shed;
	const struct policy *policy; /* published by policy_apply(), read by workers */
};

static const struct xvs_field fields[] = {
	{ .name = "limit",
	  .help = "Packets of one source",
	  .offset = offsetof(struct policy, limit),
	  .type = XVS_U32,
	  .flags = XVS_FIELD_REQUIRED,
	  .min = 1,
	  .max = 1000000 },
	{ .name = "ms",
	  .help = "How long a source is dropped",
	  .offset = offsetof(struct policy, ms),
	  .type = XVS_U32,
	  .dflt = 60000,
	  .min = 1,
	  .max = XVS_SHED_MS_MAX },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct policy),
	  .id = "com.acme.scrubber/1",
	  .summary = "Floods",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(fields) },
};

static const struct xvs_label reasons[] = {
	{ "scrubber", "Dropped" },
	{ "flood", "Its source sent too many packets" },
};

static const struct xvs_label counters[] = {
	{ "shed", "Times that a driver was asked to drop a source" },
	{ "unable", "Times that it could not" },
};

/* ---- packets ------------------------------------------------------------ */

/* The driver drops what comes from there; what comes all the same is dropped here. */
static void ban(const struct self *s, struct xvs_batch *b, const struct policy *policy,
		struct source *source)
{
	struct xvs_shed_source wanted = {
		.size = sizeof(wanted), .port = b->port, .ms = policy->ms, .reason = REASON_FLOOD
	};

	memset(wanted.prefix.addr + 10, 0xff, 2);
	memcpy(wanted.prefix.addr + 12, source->address, sizeof(source->address));
	wanted.prefix.prefix_len = 128;
	source->banned_until_ns = b->now_ns + policy->ms * UINT64_C(1000000);
	source->packets = 0;
	b->counters[s->shed->add(s->host, &wanted) == 0 ? COUNT_SHED : COUNT_UNABLE]++;
}

static bool is_flood(const struct self *s, struct xvs_batch *b, const struct policy *policy,
		     const uint8_t *address)
{
	struct worker *w = b->worker_state;
	struct source *source = &w->sources[(address[2] << 8 | address[3]) % SOURCES];

	if (memcmp(source->address, address, sizeof(source->address)) != 0) {
		*source = (struct source){ 0 };
		memcpy(source->address, address, sizeof(source->address));
	}
	if (source->banned_until_ns > b->now_ns)
		return true;
	if (++source->packets <= policy->limit)
		return false;
	ban(s, b, policy, source);
	return true;
}

static void ingress(void *self, struct xvs_batch *b)
{
	const struct self *s = self;
	const struct policy *policy = __atomic_load_n(&s->policy, __ATOMIC_ACQUIRE);

	if (!policy || !s->shed)
		return;
	for (XVS_EACH(i, b->live)) {
		const struct xvs_packet *p = b->pkts[i];

		if (p->flags & XVS_PKT_IPV4 && !(p->flags & XVS_PKT_DRY) &&
		    is_flood(s, b, policy, p->data + p->l3_off + IPV4_SOURCE_AT))
			xvs_drop(b, i, REASON_FLOOD);
	}
}

/* ---- control ------------------------------------------------------------ */

static int create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		  struct xvs_error *err)
{
	struct self *s = calloc(1, sizeof(*s));

	(void)args;
	(void)err;
	if (!s)
		return -ENOMEM;
	s->host = host;
	s->shed = host->query(host, XVS_SHED);
	*self = s;
	return 0;
}

static int worker_attach(void *self, uint32_t worker, int numa_node, void **worker_state,
			 struct xvs_error *err)
{
	(void)self;
	(void)worker;
	(void)numa_node;
	(void)err;
	*worker_state = calloc(1, sizeof(struct worker));
	return *worker_state ? 0 : -ENOMEM;
}

static void worker_detach(void *self, void *worker_state)
{
	(void)self;
	free(worker_state);
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

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.destroy = free,
	.worker_attach = worker_attach,
	.worker_detach = worker_detach,
	.policy_apply = policy_apply,
	.ingress = ingress,
};

static const char *const needs[] = { XVS_SHED };

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FILTER,
	  .id = "com.acme.scrubber",
	  .version = "1.0.0",
	  .vendor = "Acme",
	  .summary = "Sheds floods",
	  .features = XVS_TABLE(features),
	  .reasons = XVS_TABLE(reasons),
	  .counters = XVS_TABLE(counters),
	  .needs = XVS_TABLE(needs),
	  .ops = &ops },
};

XVS_NOTE("com.acme.scrubber", "1.0.0", 1u << XVS_FILTER, 0);

const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
