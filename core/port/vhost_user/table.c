/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/table.c - the guest's memory: regions given all at once or one by one.
 *
 * Regions neither wrap nor overlap, in the guest's addresses or in the front end's: else the same
 * address could be checked in one and used in another.
 *
 * QEMU says each ADD_MEM_REG and REM_MEM_REG once for every pair of queues.  To be told again what
 * is so already is no error; to be told otherwise is.
 */
#include <errno.h>
#include <string.h>

#include "port/vhost_user/session.h"

/* Our addresses are for all ports: one must not take them away from the others. */
#define MEMORY_MAX (UINT64_C(16) << 40)

static bool is_sound(const struct wire_region *w)
{
	uint64_t end;

	return w->size > 0 && !__builtin_add_overflow(w->guest, w->size, &end) &&
	       !__builtin_add_overflow(w->user, w->size, &end) &&
	       !__builtin_add_overflow(w->offset, w->size, &end) && end <= INT64_MAX;
}

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static int check_region(const struct vhost_region *regions, uint32_t count,
			const struct wire_region *w, struct xvs_error *err)
{
	uint64_t all = w->size;

	if (!is_sound(w))
		return error_set(err, -EINVAL, "",
				 "a memory region at 0x%llx of 0x%llx bytes cannot be",
				 (unsigned long long)w->guest, (unsigned long long)w->size);
	for (uint32_t i = 0; i < count; i++) {
		const struct vhost_region *r = &regions[i];

		all += r->size;
		if (overlaps(w->guest, w->size, r->guest, r->size) ||
		    overlaps(w->user, w->size, r->user, r->size))
			return error_set(err, -EINVAL, "",
					 "a memory region at 0x%llx overlaps that at 0x%llx",
					 (unsigned long long)w->guest,
					 (unsigned long long)r->guest);
	}
	if (all > MEMORY_MAX)
		return error_set(err, -ENOSPC, "",
				 "the guest's memory has %llu TiB, a port takes %llu at most",
				 (unsigned long long)(all >> 40),
				 (unsigned long long)(MEMORY_MAX >> 40));
	return 0;
}

/* Takes descriptor 'nr' of the message. */
static int map_region(struct session *s, struct message *m, uint32_t nr,
		      const struct wire_region *w, struct vhost_region *out, struct xvs_error *err)
{
	int fd = message_take_fd(m, nr);
	struct vhost_mapping *mapping = vhost_map(s->device, fd, w->size, w->offset, err);

	if (!mapping)
		return err->code;
	*out = (struct vhost_region){
		.guest = w->guest,
		.user = w->user,
		.size = w->size,
		.host = vhost_mapping_bytes(mapping),
		.mapping = mapping,
	};
	return 0;
}

static void put_regions(const struct vhost_region *regions, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		vhost_mapping_put(regions[i].mapping);
}

void table_clear(struct session *s)
{
	put_regions(s->regions, s->region_count);
	s->region_count = 0;
	s->is_dirty = true;
}

int request_set_table(struct session *s, struct message *m, struct xvs_error *err)
{
	struct {
		struct wire_memory head;
		struct wire_region regions[VHOST_SLOTS_MAX];
	} wire;
	struct vhost_region regions[VHOST_SLOTS_MAX];
	const uint32_t count = m->fd_count;

	message_read(m, &wire, sizeof(wire));
	if (wire.head.count != count ||
	    m->size != sizeof(struct wire_memory) + count * sizeof(struct wire_region))
		return error_set(err, -EPROTO, "",
				 "SET_MEM_TABLE with %u regions has %u descriptors and %u bytes",
				 wire.head.count, count, m->size);
	for (uint32_t i = 0; i < count; i++) {
		int code = check_region(regions, i, &wire.regions[i], err);

		if (!code)
			code = map_region(s, m, i, &wire.regions[i], &regions[i], err);
		if (code) {
			put_regions(regions, i);
			return code;
		}
	}
	table_clear(s);
	memcpy(s->regions, regions, count * sizeof(regions[0]));
	s->region_count = count;
	return 0;
}

static struct vhost_region *find_region(struct session *s, const struct wire_region *w)
{
	for (uint32_t i = 0; i < s->region_count; i++) {
		struct vhost_region *r = &s->regions[i];

		if (r->guest == w->guest && r->user == w->user && r->size == w->size)
			return r;
	}
	return NULL;
}

/* The region is there; is it of the same bytes? */
static int confirm_region(struct session *s, struct message *m, const struct wire_region *w,
			  const struct vhost_region *there, struct xvs_error *err)
{
	struct vhost_region again = { 0 };
	uint64_t ids[2][3];
	int code = map_region(s, m, 0, w, &again, err);

	if (code)
		return code;
	vhost_mapping_id(there->mapping, ids[0]);
	vhost_mapping_id(again.mapping, ids[1]);
	vhost_mapping_put(again.mapping);
	if (memcmp(ids[0], ids[1], sizeof(ids[0])) == 0)
		return 0;
	return error_set(err, -EEXIST, "",
			 "ADD_MEM_REG: at 0x%llx there is memory of another file already",
			 (unsigned long long)w->guest);
}

int request_add_region(struct session *s, struct message *m, struct xvs_error *err)
{
	struct wire_one_region wire;
	struct vhost_region *there;
	int code;

	message_read(m, &wire, sizeof(wire));
	there = find_region(s, &wire.region);
	if (there)
		return confirm_region(s, m, &wire.region, there, err);
	if (s->region_count == VHOST_SLOTS_MAX)
		return error_set(err, -ENOSPC, "", "ADD_MEM_REG: there are %d regions already",
				 VHOST_SLOTS_MAX);
	code = check_region(s->regions, s->region_count, &wire.region, err);
	if (!code)
		code = map_region(s, m, 0, &wire.region, &s->regions[s->region_count], err);
	if (code)
		return code;
	s->region_count++;
	s->is_dirty = true;
	return 0;
}

int request_remove_region(struct session *s, struct message *m, struct xvs_error *err)
{
	struct wire_one_region wire;
	struct vhost_region *there;

	message_read(m, &wire, sizeof(wire));
	there = find_region(s, &wire.region);
	if (!there)
		return check_region(s->regions, s->region_count, &wire.region, err);
	vhost_mapping_put(there->mapping);
	*there = s->regions[--s->region_count];
	s->is_dirty = true;
	return 0;
}

int request_get_slots(struct session *s, struct message *m, struct xvs_error *err)
{
	(void)m;
	(void)err;
	session_reply_u64(s, VHOST_SLOTS_MAX);
	return 0;
}
