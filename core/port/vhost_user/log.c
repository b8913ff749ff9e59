/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/log.c - the dirty log of a live migration: one bit for each page that we write.
 */
#include <errno.h>
#include <unistd.h>

#include "port/vhost_user/session.h"

/* A bit for each page of as many addresses as any processor has: 52 bits. */
#define LOG_MAX (UINT64_C(1) << (52 - 12 - 3))

void log_clear(struct session *s)
{
	vhost_mapping_put(s->log);
	s->log = NULL;
	s->log_bytes = 0;
	s->is_dirty = true;
}

/* Bytes that a log must have for the memory that we know. */
static uint64_t bytes_needed(const struct session *s)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < s->region_count; i++) {
		const uint64_t after = s->regions[i].guest + s->regions[i].size;

		end = after > end ? after : end;
	}
	return end == 0 ? 0 : (end - 1) / VHOST_PAGE / 8 + 1;
}

int request_set_log_base(struct session *s, struct message *m, struct xvs_error *err)
{
	struct vhost_mapping *mapping;
	struct wire_log wire;
	uint64_t end;

	message_read(m, &wire, sizeof(wire));
	if (wire.size < bytes_needed(s) || wire.size == 0 || wire.size > LOG_MAX ||
	    __builtin_add_overflow(wire.size, wire.offset, &end) || end > INT64_MAX)
		return error_set(err, -EINVAL, "",
				 "SET_LOG_BASE: a log of %llu bytes, memory needs %llu",
				 (unsigned long long)wire.size,
				 (unsigned long long)bytes_needed(s));
	mapping = vhost_map(s->device, message_take_fd(m, 0), wire.size, wire.offset, err);
	if (!mapping)
		return err->code;
	log_clear(s);
	s->log = mapping;
	s->log_bytes = wire.size;
	session_reply_u64(s, 0);
	return 0;
}

/* Front ends that want to be told of each change are told of none: the log alone counts. */
int request_set_log_fd(struct session *s, struct message *m, struct xvs_error *err)
{
	(void)s;
	(void)m; /* closes what it brought */
	(void)err;
	return 0;
}
