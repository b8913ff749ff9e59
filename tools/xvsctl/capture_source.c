/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvsctl/capture_source.c - reading the rings of a capture session.
 *
 * Each worker has a ring.  Of what has arrived in all of them the oldest comes first, so order
 * in time is right but for packets that arrive while others are being read.
 */
#include "capture_source.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/str.h"

enum { TAG = 4, MACS = 12, RINGS_MAX = 1024, KINDS = COUNTERS_REASON + 1 };

/* What has been learned of names; there may be some thousand. */
struct names {
	void *base;                           /* NULL: there is no segment */
	const struct counters_header *header; /* the same */
	size_t mapped;
	uint64_t sequence; /* when they were read */
	struct counters_name *items;
	size_t count, room;
	char unnamed[32];
};

struct capture_source {
	struct capture_header *header;
	size_t mapped;
	uint64_t at[RINGS_MAX];
	const struct capture_record *current; /* of ring 'ring' */
	uint32_t ring;
	struct names names;
	uint8_t frame[CAPTURE_SNAPLEN_MAX + TAG];
};

/* ---- names -------------------------------------------------------------------------------------- */

/* NULL: it cannot be mapped. */
static void *map(int fd, int protection, size_t *size)
{
	struct stat st;
	void *base;

	if (fstat(fd, &st) || st.st_size <= 0)
		return NULL;
	base = mmap(NULL, (size_t)st.st_size, protection, MAP_SHARED, fd, 0);
	*size = (size_t)st.st_size;
	return base == MAP_FAILED ? NULL : base;
}

/* Without names there are numbers: no error. */
static void names_open(struct names *n, const char *path)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *base = fd >= 0 ? map(fd, PROT_READ, &n->mapped) : NULL;

	if (fd >= 0)
		(void)close(fd);
	if (base && counters_valid(base, n->mapped)) {
		n->base = base;
		n->header = base;
	} else if (base) {
		(void)munmap(base, n->mapped);
	}
	n->sequence = UINT64_MAX;
}

static struct counters_name *name_find(const struct names *n, uint32_t kind, uint32_t instance,
				       uint32_t id)
{
	for (size_t i = 0; i < n->count; i++) {
		struct counters_name *item = &n->items[i];

		if (item->id == id && item->kind == kind && item->instance == instance)
			return item;
	}
	return NULL;
}

static void name_keep(struct names *n, const struct counters_name *name)
{
	struct counters_name *old = name_find(n, name->kind, name->instance, name->id);
	size_t room = n->room ? 2 * n->room : 256;
	struct counters_name *items;

	if (old) {
		*old = *name;
		return;
	}
	if (n->count == n->room) {
		items = realloc(n->items, room * sizeof(*items));
		if (!items)
			return; /* it goes by its number */
		n->items = items;
		n->room = room;
	}
	n->items[n->count++] = *name;
}

void capture_source_learn(struct capture_source *s)
{
	struct names *n = &s->names;
	struct counters_name name;
	uint64_t sequence;

	if (!n->header)
		return;
	sequence = __atomic_load_n(&n->header->names_sequence, __ATOMIC_ACQUIRE);
	if (sequence == n->sequence || (sequence & 1))
		return;
	n->sequence = sequence;
	for (uint32_t i = 0; i < n->header->names_count; i++) {
		if (counters_name_read(n->header, i, &name))
			name_keep(n, &name);
	}
}

const char *capture_source_name(struct capture_source *s, enum counters_kind kind,
				uint32_t instance, uint32_t id)
{
	static const char *const kinds[KINDS] = { "", "port", "instance", "reason" };
	const struct counters_name *name = name_find(&s->names, (uint32_t)kind, instance, id);

	if (name)
		return name->name;
	(void)snprintf(s->names.unnamed, sizeof(s->names.unnamed), "%s %u", kinds[kind], id);
	return s->names.unnamed;
}

/* ---- the session -------------------------------------------------------------------------------- */

static int source_map(struct capture_source *s, int fd)
{
	s->header = map(fd, PROT_READ | PROT_WRITE, &s->mapped);
	if (s->header && capture_valid(s->header, s->mapped) && s->header->ring_count <= RINGS_MAX)
		return EXIT_DONE;
	(void)fputs(
		"xvsctl: the daemon's capture memory cannot be used: is it of another version?\n",
		stderr);
	return EXIT_REFUSED;
}

int capture_source_open(struct client *client, json_t *params, struct capture_source **out)
{
	struct capture_source *s = calloc(1, sizeof(*s));
	json_t *result = NULL;
	int fd = -1;
	int code;

	if (!s) {
		json_decref(params);
		(void)fputs("xvsctl: out of memory\n", stderr);
		return EXIT_REFUSED;
	}
	code = client_call_fd(client, "capture.start", params, &result, &fd);
	if (code == EXIT_DONE)
		code = source_map(s, fd);
	if (fd >= 0)
		(void)close(fd);
	if (code == EXIT_DONE) {
		names_open(&s->names, json_string_value(json_object_get(result, "counters")));
		capture_source_learn(s);
		*out = s;
	} else {
		capture_source_close(s);
	}
	json_decref(result);
	return code;
}

void capture_source_close(struct capture_source *s)
{
	if (!s)
		return;
	if (s->header)
		(void)munmap(s->header, s->mapped);
	if (s->names.base)
		(void)munmap(s->names.base, s->names.mapped);
	free(s->names.items);
	free(s);
}

/* ---- packets ------------------------------------------------------------------------------------ */

const struct capture_record *capture_source_next(struct capture_source *s)
{
	if (s->current)
		capture_next(s->header, s->ring, &s->at[s->ring], s->current);
	s->current = NULL;
	for (uint32_t i = 0; i < s->header->ring_count; i++) {
		const struct capture_record *c = capture_peek(s->header, i, &s->at[i]);

		if (!c || (s->current && s->current->ns <= c->ns))
			continue;
		s->current = c;
		s->ring = i;
	}
	return s->current;
}

const uint8_t *capture_source_frame(struct capture_source *s, const struct capture_record *c,
				    uint32_t *cap_len, uint32_t *wire_len)
{
	uint32_t len = c->cap_len < CAPTURE_SNAPLEN_MAX ? c->cap_len : CAPTURE_SNAPLEN_MAX;
	uint16_t type = c->flags & CAPTURE_SERVICE_TAG ? 0x88a8 : 0x8100;
	bool is_tagged = (c->flags & CAPTURE_TAGGED) && len >= MACS;

	*cap_len = len + (is_tagged ? TAG : 0);
	*wire_len = c->wire_len + (is_tagged ? TAG : 0);
	if (!is_tagged)
		return capture_bytes(c);
	memcpy(s->frame, capture_bytes(c), MACS);
	put_be16(s->frame + MACS, type);
	put_be16(s->frame + MACS + 2, c->vlan_tci);
	memcpy(s->frame + MACS + TAG, capture_bytes(c) + MACS, len - MACS);
	return s->frame;
}

uint64_t capture_source_ns(const struct capture_source *s, const struct capture_record *c)
{
	return c->ns + (uint64_t)s->header->clock_ns;
}

uint32_t capture_source_snaplen(const struct capture_source *s)
{
	return s->header->snaplen;
}

uint64_t capture_source_lost(const struct capture_source *s)
{
	uint64_t lost = 0;

	for (uint32_t i = 0; i < s->header->ring_count; i++)
		lost += capture_lost(s->header, i);
	return lost;
}
