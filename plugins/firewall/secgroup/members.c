/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses in groups: a table of chains, with one writer.
 *
 * An entry is put in front of its chain by a release store, and taken out by letting its
 * predecessor point behind it; whoever stands on it still finds its way on.  So a change of
 * membership costs no copy, and cannot fail once its memory is there.
 */
#include "members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/sdk.h"

enum { ADDRESS_BITS = 128 };

static uint32_t bucket_of(const struct group *g, const uint8_t address[16])
{
	uint64_t parts[2];
	uint64_t hash;

	memcpy(parts, address, sizeof(parts));
	hash = (parts[0] ^ (uint64_t)(uintptr_t)g) * UINT64_C(0x9e3779b97f4a7c15);
	hash = (hash ^ hash >> 32 ^ parts[1]) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> 40) % MEMBER_BUCKETS;
}

/* ---- one port -------------------------------------------------------------------------------- */

static const void *row(const struct xvs_table *t, uint32_t i)
{
	return (const uint8_t *)t->items + (size_t)i * t->stride;
}

static int refuse(struct xvs_error *err, const char *list, uint32_t i, const char *text)
{
	char field[64];

	(void)snprintf(field, sizeof(field), "%s[%u]", list, i);
	return xvs_refuse(err, -EINVAL, field, text);
}

static int find_groups(const struct objects *o, const struct xvs_table *names, struct membership *m,
		       struct xvs_error *err)
{
	for (uint32_t i = 0; i < names->count; i++) {
		const struct name_policy *name = row(names, i);
		struct group *g = objects_group(o, name->name);
		char text[188];

		(void)snprintf(text, sizeof(text),
			       "'%s' is not a group of this switch; org.xvs.secgroup.objects/1 "
			       "names those that are",
			       name->name);
		if (!g)
			return refuse(err, "groups", i, text);
		m->groups[m->group_count++] = group_hold(g);
	}
	return 0;
}

static int check_addresses(const struct xvs_table *addresses, struct xvs_error *err)
{
	for (uint32_t i = 0; i < addresses->count; i++) {
		const struct prefix_policy *p = row(addresses, i);

		if (p->prefix.prefix_len != ADDRESS_BITS)
			return refuse(err, "addresses", i,
				      "is a network; a member of a group has single addresses");
	}
	return 0;
}

static void fill(struct membership *m, const struct xvs_table *addresses)
{
	for (uint32_t g = 0; g < m->group_count; g++) {
		for (uint32_t i = 0; i < addresses->count; i++) {
			const struct prefix_policy *p = row(addresses, i);
			struct member *one = &m->all[m->count++];

			one->group = m->groups[g];
			memcpy(one->address, p->prefix.addr, sizeof(one->address));
		}
	}
}

void membership_destroy(struct group **all, struct membership *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->group_count; i++)
		group_put(all, m->groups[i]);
	free(m->groups);
	free(m);
}

int membership_create(const struct objects *o, struct group **all, const struct member_policy *p,
		      struct membership **out, struct xvs_error *err)
{
	const struct xvs_table *groups = &p->groups;
	const struct xvs_table *addresses = &p->addresses;
	size_t entries = (size_t)groups->count * addresses->count;
	struct membership *m = calloc(1, sizeof(*m) + entries * sizeof(m->all[0]));
	int result;

	if (m)
		m->groups = calloc(groups->count + 1u, sizeof(struct group *));
	if (!m || !m->groups) {
		free(m);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	result = find_groups(o, groups, m, err);
	if (result == 0)
		result = check_addresses(addresses, err);
	if (result) {
		membership_destroy(all, m);
		return result;
	}
	fill(m, addresses);
	*out = m;
	return 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

void members_join(struct members *table, struct membership *m)
{
	for (uint32_t i = 0; m && i < m->count; i++) {
		struct member *one = &m->all[i];
		_Atomic(struct member *) *head =
			&table->buckets[bucket_of(one->group, one->address)];

		atomic_store_explicit(&one->next, atomic_load_explicit(head, memory_order_relaxed),
				      memory_order_relaxed);
		/* with members_contain(): who sees the entry sees what is in it */
		atomic_store_explicit(head, one, memory_order_release);
	}
}

void members_leave(struct members *table, struct membership *m)
{
	for (uint32_t i = 0; m && i < m->count; i++) {
		struct member *one = &m->all[i];
		_Atomic(struct member *) *at = &table->buckets[bucket_of(one->group, one->address)];
		struct member *here;

		while ((here = atomic_load_explicit(at, memory_order_relaxed)) != one)
			at = &here->next;
		atomic_store_explicit(at, atomic_load_explicit(&one->next, memory_order_relaxed),
				      memory_order_release);
	}
}

bool members_contain(const struct members *table, const struct group *g, const uint8_t address[16])
{
	const struct member *one =
		atomic_load_explicit(&table->buckets[bucket_of(g, address)], memory_order_acquire);

	while (one && (one->group != g || memcmp(one->address, address, 16) != 0))
		one = atomic_load_explicit(&one->next, memory_order_acquire);
	return one != NULL;
}
