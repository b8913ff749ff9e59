/* SPDX-License-Identifier: Apache-2.0 */
/* hv/replica_plan.c - bitmaps of disks, looked up by their names. */
#include "replica_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char prefix[] = "xvs-";

const char *bitmap_name(const char *id, uint64_t sequence, char out[BITMAP_NAME])
{
	(void)snprintf(out, BITMAP_NAME, "%s%.8s-%" PRIu64, prefix, id, sequence);
	return out;
}

static const json_t *node_of(const json_t *nodes, const struct disk_spec *disk)
{
	char name[SPEC_NAME + 8];
	const json_t *one;
	size_t i;

	(void)snprintf(name, sizeof(name), "disk-%.*s", SPEC_NAME, disk->name);
	json_array_foreach((json_t *)(uintptr_t)nodes, i, one)
	{
		const char *node = json_string_value(json_object_get(one, "node-name"));

		if (node && strcmp(node, name) == 0)
			return one;
	}
	return NULL;
}

static bool has_bitmap(const json_t *node, const char *name)
{
	const json_t *bitmaps = json_object_get(node, "dirty-bitmaps");
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)bitmaps, i, one)
	{
		const char *is = json_string_value(json_object_get(one, "name"));

		if (is && strcmp(is, name) == 0)
			return json_is_true(json_object_get(one, "recording")) &&
			       !json_is_true(json_object_get(one, "inconsistent"));
	}
	return false;
}

bool plan_is_incremental(const json_t *nodes, const struct vm_spec *s, const char *id,
			 uint64_t sequence)
{
	char name[BITMAP_NAME];

	(void)bitmap_name(id, sequence, name);
	for (uint32_t i = 0; i < s->disk_count; i++) {
		if (!s->disks[i].is_read_only && !has_bitmap(node_of(nodes, &s->disks[i]), name))
			return false;
	}
	return sequence > 0;
}

static void stale_add(json_t *stale, const json_t *node, const char *wanted)
{
	const json_t *bitmaps = json_object_get(node, "dirty-bitmaps");
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)bitmaps, i, one)
	{
		const char *name = json_string_value(json_object_get(one, "name"));

		if (name && strncmp(name, prefix, strlen(prefix)) == 0 &&
		    (strcmp(name, wanted) != 0 || !has_bitmap(node, name)))
			(void)json_array_append_new(
				stale, json_pack("{s:O, s:s}", "node",
						 json_object_get(node, "node-name"), "name", name));
	}
}

json_t *plan_stale(const json_t *nodes, const struct vm_spec *s, const char *id, uint64_t sequence)
{
	json_t *stale = json_array();
	char name[BITMAP_NAME];

	(void)bitmap_name(id, sequence, name);
	for (uint32_t i = 0; i < s->disk_count && stale; i++) {
		if (!s->disks[i].is_read_only)
			stale_add(stale, node_of(nodes, &s->disks[i]), name);
	}
	return stale;
}

uint64_t plan_disk_size(const json_t *nodes, const struct disk_spec *disk)
{
	const json_t *image = json_object_get(node_of(nodes, disk), "image");
	json_int_t size = json_integer_value(json_object_get(image, "virtual-size"));

	return size > 0 ? (uint64_t)size : 0;
}
