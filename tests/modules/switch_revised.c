/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An extension whose policy has had two layouts: /1 counted in Mbit/s and knew no peers by name, /2
 * counts in kbit/s.  It writes what it is given to the file named by $XVS_RECORD.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XVS_USE_DRAFT
#include "xvs/ext/convert.h"
#include "xvs/extension.h"

XVS_NOTE("test.revised", "2.0.0", 1u << XVS_FILTER, 0);

struct peer {
	struct xvs_ip prefix;
};

struct limit_1 {
	uint32_t rate_mbps;
	uint32_t burst;
	struct xvs_table peers;
};

struct limit_2 {
	uint64_t rate_kbps;
	struct xvs_table peers;
	uint32_t burst_packets;
	char note[16];
};

static void record(const char *feature, const struct limit_2 *limit)
{
	const char *path = getenv("XVS_RECORD");
	FILE *file = path ? fopen(path, "ae") : NULL;

	if (!file)
		return;
	if (limit)
		(void)fprintf(file, "%s: %llu kbit/s, burst %u, %u peers, note %s\n", feature,
			      (unsigned long long)limit->rate_kbps, limit->burst_packets,
			      limit->peers.count, limit->note);
	else
		(void)fprintf(file, "%s: none\n", feature);
	(void)fclose(file);
}

static int revised_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			  struct xvs_error *err)
{
	static char instance;

	(void)host;
	(void)args;
	(void)err;
	*self = &instance;
	return 0;
}

static void revised_destroy(void *self)
{
	(void)self;
}

static void revised_apply(void *self, void *port_state, const char *feature, const void *value,
			  void *prepared)
{
	(void)self;
	(void)port_state;
	(void)prepared;
	record(feature, value);
}

static void revised_ingress(void *self, struct xvs_batch *b)
{
	(void)self;
	(void)b;
}

enum { RATE = 1, BURST = 2, PEERS = 4, RATE_2 = 1, PEERS_2 = 2, BURST_2 = 4 };

static void carry_peers(const struct xvs_table *from, struct xvs_table *to)
{
	static struct peer peers[8];

	for (uint32_t i = 0; i < from->count && i < 8; i++)
		peers[i] = *(const struct peer *)((const char *)from->items + i * from->stride);
	*to = (struct xvs_table){ peers, from->count, sizeof(peers[0]) };
}

static int newer(struct xvs_conversion *c, struct xvs_error *err)
{
	const struct limit_1 *old = c->old;
	struct limit_2 *now = c->now;

	if (old->burst == 13) {
		(void)snprintf(err->text, sizeof(err->text),
			       "a burst of 13 has no meaning any more");
		return -EINVAL;
	}
	now->rate_kbps = old->rate_mbps * 1000ull;
	now->burst_packets = old->burst;
	carry_peers(&old->peers, &now->peers);
	c->now_set[0] = (c->old_set[0] & RATE ? RATE_2 : 0) |
			(c->old_set[0] & BURST ? BURST_2 : 0) |
			(c->old_set[0] & PEERS ? PEERS_2 : 0);
	return 0;
}

static int older(struct xvs_conversion *c, struct xvs_error *err)
{
	const struct limit_2 *old = c->old;
	struct limit_1 *now = c->now;

	if (old->rate_kbps % 1000) {
		(void)snprintf(err->text, sizeof(err->text), "it cannot say %llu kbit/s",
			       (unsigned long long)old->rate_kbps);
		return -ERANGE;
	}
	now->rate_mbps = (uint32_t)(old->rate_kbps / 1000);
	now->burst = old->burst_packets;
	carry_peers(&old->peers, &now->peers);
	c->now_set[0] = RATE | BURST | PEERS;
	return 0;
}

static int revised_convert(struct xvs_conversion *c, struct xvs_error *err)
{
	return strcmp(c->from, "test.revised.limit/1") == 0 ? newer(c, err) : older(c, err);
}

static const void *revised_query(void *self, const char *id)
{
	static const struct xvs_convert convert = { .size = sizeof(convert),
						    .convert = revised_convert };

	(void)self;
	return strcmp(id, XVS_CONVERT) == 0 ? &convert : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = revised_create,
	.destroy = revised_destroy,
	.policy_apply = revised_apply,
	.ingress = revised_ingress,
	.query = revised_query,
};

static const struct xvs_field peer_fields[] = {
	{ .name = "prefix", .help = "Peer", .offset = 0, .type = XVS_IP },
};

#define PEER_LIST(struct_) \
	{ \
		.name = "peers", .help = "Who is limited", .offset = offsetof(struct_, peers), \
		.type = XVS_LIST, .max = 8, .fields = XVS_TABLE(peer_fields), \
		.element_bytes = sizeof(struct peer) \
	}

static const struct xvs_field fields_1[] = {
	{ .name = "rate_mbps",
	  .help = "Rate",
	  .offset = offsetof(struct limit_1, rate_mbps),
	  .type = XVS_U32,
	  .flags = XVS_FIELD_REQUIRED,
	  .max = 100000 },
	{ .name = "burst",
	  .help = "Packets at once",
	  .offset = offsetof(struct limit_1, burst),
	  .type = XVS_U32,
	  .max = 1000,
	  .dflt = 10 },
	PEER_LIST(struct limit_1),
};

static const struct xvs_field fields_2[] = {
	{ .name = "rate_kbps",
	  .help = "Rate",
	  .offset = offsetof(struct limit_2, rate_kbps),
	  .type = XVS_U64,
	  .flags = XVS_FIELD_REQUIRED,
	  .max = 50000000 },
	PEER_LIST(struct limit_2),
	{ .name = "burst_packets",
	  .help = "Packets at once",
	  .offset = offsetof(struct limit_2, burst_packets),
	  .type = XVS_U32,
	  .max = 1000,
	  .dflt = 20 },
	{ .name = "note",
	  .help = "What it is for",
	  .offset = offsetof(struct limit_2, note),
	  .type = XVS_TEXT,
	  .max = 16 },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct limit_2),
	  .id = "test.revised.limit/2",
	  .summary = "A limit",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(fields_2) },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct limit_1),
	  .id = "test.revised.limit/1",
	  .summary = "A limit, as it was",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_FORMER,
	  .fields = XVS_TABLE(fields_1) },
};

static const struct xvs_label reasons[] = { { "other", "anything else" } };

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FILTER,
	  .id = "test.revised",
	  .version = "2.0.0",
	  .vendor = "Example",
	  .summary = "Has had two layouts of its policy",
	  .ops = &ops,
	  .reasons = XVS_TABLE(reasons),
	  .features = XVS_TABLE(features) },
};

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
