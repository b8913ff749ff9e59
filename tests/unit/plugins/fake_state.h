/* SPDX-License-Identifier: Apache-2.0 */
/* plugins/fake_state.h - records of "xvs.state/1" in memory, beside plugins/fake_host.h. */
#ifndef TESTS_PLUGINS_FAKE_STATE_H
#define TESTS_PLUGINS_FAKE_STATE_H

#include "plugins/fake_host.h"

struct fake_record {
	struct xvs_sink sink;
	struct xvs_source source;
	uint8_t bytes[65536];
	size_t len, read;
};

static inline int fake_write(struct xvs_sink *s, const void *bytes, size_t len)
{
	struct fake_record *r = (struct fake_record *)s;

	assert_true(len <= sizeof(r->bytes) - r->len);
	memcpy(r->bytes + r->len, bytes, len);
	r->len += len;
	return 0;
}

static inline int fake_read(struct xvs_source *s, void *bytes, size_t len)
{
	struct fake_record *r =
		(struct fake_record *)(void *)((char *)s - offsetof(struct fake_record, source));

	if (len > s->left)
		return -ENODATA;
	memcpy(bytes, r->bytes + r->read, len);
	r->read += len;
	s->left -= len;
	return 0;
}

static inline const struct xvs_state *fake_state(const struct fake_host *f)
{
	const struct xvs_state *s =
		(const struct xvs_state *)f->ext->ops->query(f->self, XVS_STATE);

	assert_non_null(s);
	return s;
}

/* What one call of save() writes. */
static inline void fake_save(const struct fake_host *f, void *state, struct fake_record *r)
{
	const struct xvs_save ctx = { .size = sizeof(ctx),
				      .phase = XVS_SAVE_RUNNING,
				      .budget_ns = 1000000,
				      .format = fake_state(f)->format_max };
	struct xvs_error err = { .size = sizeof(err) };

	r->len = 0;
	r->sink = (struct xvs_sink){ .size = sizeof(r->sink), .write = fake_write };
	assert_int_equal(fake_state(f)->save(f->self, state, &ctx, &r->sink, &err), 0);
}

/* The first 'len' bytes of it; what is left unread is an error, as with the host. */
static inline int fake_restore(const struct fake_host *f, void *state, struct fake_record *r,
			       size_t len)
{
	struct xvs_error err = { .size = sizeof(err) };
	int code;

	r->read = 0;
	r->source =
		(struct xvs_source){ .size = sizeof(r->source), .left = len, .read = fake_read };
	code = fake_state(f)->restore(f->self, state, fake_state(f)->format_max, &r->source, &err);
	if (code == 0 && r->source.left)
		return -EPROTO;
	return code;
}

/* No shorter record is believed. */
static inline void fake_restore_cut(const struct fake_host *f, void *state, struct fake_record *r)
{
	for (size_t len = 0; len < r->len; len++)
		assert_true(fake_restore(f, state, r, len) < 0);
}

/* Each bit turned: refused or taken, and never more than that. */
static inline void fake_restore_changed(const struct fake_host *f, void *state,
					struct fake_record *r)
{
	for (size_t at = 0; at < r->len * 8; at++) {
		r->bytes[at / 8] ^= (uint8_t)(1u << at % 8);
		(void)fake_restore(f, state, r, r->len);
		r->bytes[at / 8] ^= (uint8_t)(1u << at % 8);
	}
}

#endif /* TESTS_PLUGINS_FAKE_STATE_H */
