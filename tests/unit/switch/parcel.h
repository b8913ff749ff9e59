/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle in memory: the records of one port, kept in order, and given to another. */
#ifndef XVS_TEST_SWITCH_PARCEL_H
#define XVS_TEST_SWITCH_PARCEL_H

#include "fixture.h"
#include "switch/bundle.h"

enum { PARCEL_RECORDS = 4096 };

struct parcel_record {
	char owner[BUNDLE_OWNER_SIZE];
	struct bundle_record r;
};

struct parcel {
	struct bundle_owner owners[BUNDLE_OWNERS_MAX];
	size_t owner_count;
	struct parcel_record records[PARCEL_RECORDS];
	size_t count, restored;
	size_t bytes;
	struct loop *loop; /* runs between turns; NULL: it need not */
};

static inline int parcel_sink(void *ctx, const struct bundle_record *r, struct xvs_error *err)
{
	struct parcel *p = ctx;
	struct parcel_record *to = &p->records[p->count];
	void *data = malloc(r->len ? r->len : 1);

	(void)err;
	assert_true(p->count < PARCEL_RECORDS);
	assert_true(r->len <= BUNDLE_RECORD_MAX);
	assert_non_null(data);
	memcpy(data, r->data, r->len);
	(void)snprintf(to->owner, sizeof(to->owner), "%s", r->owner);
	to->r = *r;
	to->r.owner = to->owner;
	to->r.data = data;
	p->count++;
	p->bytes += r->len;
	return 0;
}

static inline void parcel_finish(struct parcel *p)
{
	for (size_t i = 0; i < p->count; i++)
		free((void *)(uintptr_t)p->records[i].r.data);
	memset(p, 0, sizeof(*p));
}

/* The last record of an owner; NULL: none. */
static inline const struct bundle_record *parcel_find(const struct parcel *p, const char *owner)
{
	for (size_t i = p->count; i-- > 0;)
		if (strcmp(p->records[i].owner, owner) == 0)
			return &p->records[i].r;
	return NULL;
}

/* A whole pass; how many turns it took. */
static inline unsigned parcel_pass(struct parcel *p, struct bundle *b, enum bundle_what what)
{
	struct xvs_error err = ERROR_INIT;
	unsigned turns = 0;
	int code;

	do {
		code = bundle_save(b, what, parcel_sink, p, &err);
		turns++;
		if (code == 1 && p->loop) {
			loop_drain(p->loop);
			(void)usleep(100);
		}
	} while (code == 1 && turns < 100000);
	if (code < 0)
		fail_msg("%s", err.text);
	assert_int_equal(code, 0);
	return turns;
}

/* What came since the last call goes into the port there. */
static inline int parcel_deliver(struct parcel *p, struct world *w, const char *target,
				 struct xvs_error *err)
{
	int code = 0;

	for (; code == 0 && p->restored < p->count; p->restored++)
		code = bundle_restore(w, target, &p->records[p->restored].r, err);
	return code;
}

/* Opens a bundle of 'from' that 'to' has admitted. */
static inline struct bundle *parcel_agree(struct parcel *p, struct world *w, const char *from,
					  const char *to)
{
	struct xvs_error err = ERROR_INIT;
	struct bundle *b;

	if (bundle_open(w, from, &b, &err) < 0)
		fail_msg("%s", err.text);
	p->owner_count = bundle_describe(b, p->owners);
	if (bundle_admit(w, to, p->owners, p->owner_count, &err) < 0)
		fail_msg("%s", err.text);
	if (bundle_agree(b, p->owners, p->owner_count, &err) < 0)
		fail_msg("%s", err.text);
	return b;
}

struct parcel_frozen {
	bool is_there;
	int code;
};

static inline void parcel_froze(void *arg, int code)
{
	struct parcel_frozen *f = arg;

	f->is_there = true;
	f->code = code;
}

static inline void parcel_freeze(struct fixture *f, struct bundle *b)
{
	struct parcel_frozen frozen = { 0 };

	bundle_freeze(b, parcel_froze, &frozen);
	fixture_wait(f, &frozen.is_there);
	assert_int_equal(frozen.code, 0);
}

/* The port as it is, born held, with the policies of a document: "{feature: {..}}" or NULL. */
static inline void parcel_expect_at(struct fixture *f, const char *sw, const char *name,
				    const char *policies, const uint8_t *mac)
{
	struct port_spec *spec = calloc(1, sizeof(*spec));
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);

	(void)snprintf(spec->name, sizeof(spec->name), "%s", name);
	(void)snprintf(spec->backend.kind, sizeof(spec->backend.kind), "null");
	spec->is_held = true;
	if (mac) {
		spec->has_mac = true;
		memcpy(spec->mac, mac, sizeof(spec->mac));
	}
	if (policies) {
		json_t *j = json_loads(policies, 0, NULL);
		struct diags *d = calloc(1, sizeof(*d));

		assert_non_null(j);
		spec->policies = node_from_json(j, d);
		json_decref(j);
		free(d);
		assert_non_null(spec->policies);
	}
	world_port_add(f->world, sw, spec, OWNER_API, &wish);
	fixture_wait(f, &a.is_there);
	if (a.code != 0)
		fail_msg("refused: %s", a.text);
}

static inline void parcel_expect(struct fixture *f, const char *sw, const char *name,
				 const char *policies)
{
	parcel_expect_at(f, sw, name, policies, NULL);
}

#endif /* XVS_TEST_SWITCH_PARCEL_H */
