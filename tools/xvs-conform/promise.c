/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-conform/promise.c - verdicts are kept with the bits on which they depend; another key that is equal
 * in those must get the same.
 *
 * Frames of the kit differ from one another in few fields, so whatever an extension looks at without
 * saying so is soon the only difference.
 */
#include "promise.h"

#include <string.h>

#include "watch.h"

enum { KEPT_MAX = 1024, KEY_BYTES = sizeof(struct xvs_flow_key) };

static struct {
	struct kept {
		struct xvs_flow_key key, mask;
		uint32_t port;
		uint32_t stage;
		struct xvs_flow_verdict v;
	} items[KEPT_MAX];
	size_t count, next;
} kept;

void promise_forget(void)
{
	kept.count = 0;
	kept.next = 0;
}

/* Bits that tell flows apart whatever was examined. */
static struct xvs_flow_key whole_mask(const struct xvs_flow_key *examined)
{
	struct xvs_flow_key mask = *examined;

	mask.port = UINT32_MAX;
	mask.ethertype = UINT16_MAX;
	mask.vlan_tci = UINT16_MAX;
	mask.vlan_inner = UINT16_MAX;
	mask.bits = UINT8_MAX;
	return mask;
}

static bool is_covered(const struct kept *k, const struct xvs_flow_key *key)
{
	uint8_t a[KEY_BYTES], b[KEY_BYTES], mask[KEY_BYTES];

	memcpy(a, &k->key, KEY_BYTES);
	memcpy(b, key, KEY_BYTES);
	memcpy(mask, &k->mask, KEY_BYTES);
	for (size_t i = 0; i < KEY_BYTES; i++)
		if ((a[i] ^ b[i]) & mask[i])
			return false;
	return true;
}

static bool is_same(const struct xvs_flow_verdict *a, const struct xvs_flow_verdict *b)
{
	return a->action == b->action && (a->action != XVS_FLOW_DROP || a->reason == b->reason) &&
	       a->dest == b->dest && a->queue == b->queue &&
	       memcmp(&a->rewrite, &b->rewrite, KEY_BYTES) == 0 &&
	       memcmp(&a->set, &b->set, KEY_BYTES) == 0;
}

static const char *action_name(uint16_t action)
{
	static const char *const names[] = { "PASS", "DROP", "WATCH" };

	return action < 3 ? names[action] : "?";
}

void promise_check(const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		   const struct xvs_flow_verdict *v)
{
	struct kept *k;

	(void)i;
	if (v->max_ms || v->action == XVS_FLOW_WATCH) /* may depend on more than the key */
		return;
	for (size_t n = 0; n < kept.count; n++) {
		k = &kept.items[n];
		if (k->stage != b->stage || k->port != b->port || !is_covered(k, key) ||
		    is_same(&k->v, v))
			continue;
		watch_find("judge() answered %s to one packet and %s to another that is equal in "
			   "all bits which it marked as examined",
			   action_name(k->v.action), action_name(v->action));
		return;
	}
	k = &kept.items[kept.next++ % KEPT_MAX];
	*k = (struct kept){ .key = *key,
			    .mask = whole_mask(&v->examined),
			    .port = b->port,
			    .stage = b->stage,
			    .v = *v };
	if (kept.count < KEPT_MAX)
		kept.count++;
}
