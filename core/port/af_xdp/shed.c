/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/shed.c - sources whose frames the XDP program drops: the maps' contents.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "port/af_xdp/kernel.h"
#include "port/af_xdp/program.h"

_Static_assert((int)KERNEL_SHED == (int)BACKEND_SHED_MAX, "each slot has its counters");

enum { MAPPED_BITS = 96, MAPPED_BYTES = 12 };

/* The key and its map. */
struct place {
	int map;
	union {
		struct kernel_source4 ipv4;
		struct kernel_source6 ipv6;
	} key;
};

static bool is_ipv4(const struct xvs_ip *ip)
{
	static const uint8_t mapped[MAPPED_BYTES] = { [10] = 0xff, [11] = 0xff };

	return memcmp(ip->addr, mapped, sizeof(mapped)) == 0 && ip->prefix_len >= MAPPED_BITS;
}

static void find_place(const struct program *p, const struct xvs_ip *ip, struct place *out)
{
	memset(out, 0, sizeof(*out));
	if (is_ipv4(ip)) {
		out->map = p->shed4;
		out->key.ipv4.prefix_len = (uint32_t)ip->prefix_len - MAPPED_BITS;
		memcpy(out->key.ipv4.address, ip->addr + MAPPED_BYTES,
		       sizeof(out->key.ipv4.address));
		return;
	}
	out->map = p->shed6;
	out->key.ipv6.prefix_len = ip->prefix_len;
	memcpy(out->key.ipv6.address, ip->addr, sizeof(out->key.ipv6.address));
}

/* A word of the program's own memory: it looks at frames while this is not zero. */
static void count_entries(const struct program *p, int more)
{
	*p->shed_entries = (uint32_t)((int)*p->shed_entries + more);
}

int program_shed(struct program *p, uint32_t slot, const struct backend_source *s)
{
	const struct kernel_shed value = { .until_ns = s->until_ns, .slot = slot };
	struct place place;
	bool is_new;

	find_place(p, &s->prefix, &place);
	is_new = bpf_map_update_elem(place.map, &place.key, &value, BPF_EXIST) != 0;
	if (!is_new)
		return 0;
	if (bpf_map_update_elem(place.map, &place.key, &value, BPF_NOEXIST))
		return -errno;
	count_entries(p, 1);
	return 0;
}

void program_unshed(struct program *p, const struct backend_source *s)
{
	struct place place;

	find_place(p, &s->prefix, &place);
	if (bpf_map_delete_elem(place.map, &place.key) == 0)
		count_entries(p, -1);
}

void program_shed_counts(const struct program *p, uint32_t slot, uint64_t *packets, uint64_t *bytes)
{
	*packets = 0;
	*bytes = 0;
	for (uint32_t lane = 0; lane < KERNEL_LANES; lane++) {
		const struct kernel_count *c = &p->counts[lane * KERNEL_SHED + slot];

		*packets += __atomic_load_n(&c->packets, __ATOMIC_RELAXED);
		*bytes += __atomic_load_n(&c->bytes, __ATOMIC_RELAXED);
	}
}
