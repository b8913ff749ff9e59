/* What com.acme.quota tells of itself when its machine moves, and what it takes of what it is told. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xvs/extension.h>

static int failures;

#define CHECK(cond) \
	((cond) ? (void)0 : (void)(failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond)))

struct record {
	struct xvs_sink sink;
	struct xvs_source source;
	uint8_t bytes[64];
	size_t len, at;
};

static int record_write(struct xvs_sink *s, const void *bytes, size_t len)
{
	struct record *r = (struct record *)((char *)s - offsetof(struct record, sink));

	if (len > sizeof(r->bytes) - r->len)
		return -EFBIG;
	memcpy(r->bytes + r->len, bytes, len);
	r->len += len;
	return 0;
}

static int record_read(struct xvs_source *s, void *bytes, size_t len)
{
	struct record *r = (struct record *)((char *)s - offsetof(struct record, source));

	if (len > s->left)
		return -ENODATA;
	memcpy(bytes, r->bytes + r->at, len);
	r->at += len;
	s->left -= len;
	return 0;
}

struct machine {
	const struct xvs_extension *ext;
	void *self, *port;
};

static struct machine machine_create(const struct xvs_host *host)
{
	struct machine m = { .ext = xvs_module_1.extensions.items };
	struct xvs_create args = { .size = sizeof(args), .workers = 1 };
	struct xvs_port port = { .size = sizeof(port), .id = 1, .name = "vm1" };
	struct xvs_error err = { .size = sizeof(err) };

	CHECK(m.ext->ops->create(host, &args, &m.self, &err) == 0);
	CHECK(m.ext->ops->port_attach(m.self, &port, &m.port, &err) == 0);
	return m;
}

static void machine_destroy(struct machine *m)
{
	m->ext->ops->port_detach(m->self, m->port);
	m->ext->ops->destroy(m->self);
}

/* The policy has one field, the bytes.  True: the packet went on. */
static bool sends(const struct machine *m, const uint64_t *policy, uint32_t len)
{
	struct xvs_packet packet = { .len = len, .port_in = 1 };
	struct xvs_packet *const packets[] = { &packet };
	uint16_t reason = 0;
	struct xvs_batch batch = { .live = 1, .pkts = packets, .reason = &reason, .count = 1,
				   .port = 1, .port_state = m->port };

	m->ext->ops->policy_apply(m->self, m->port, "com.acme.quota/1", policy, NULL);
	m->ext->ops->ingress(m->self, &batch);
	return batch.live == 1;
}

static struct record saved(const struct machine *m, uint32_t format)
{
	const struct xvs_state *state = m->ext->ops->query(m->self, XVS_STATE);
	struct xvs_save ctx = { .size = sizeof(ctx), .phase = XVS_SAVE_FINAL, .format = format };
	struct xvs_error err = { .size = sizeof(err) };
	struct record r = { .sink = { .size = sizeof(r.sink), .write = record_write } };

	CHECK(state->save(m->self, m->port, &ctx, &r.sink, &err) == 0);
	state->save_end(m->self, m->port, false);
	return r;
}

static int restored(const struct machine *m, uint32_t format, struct record *r, size_t len)
{
	const struct xvs_state *state = m->ext->ops->query(m->self, XVS_STATE);
	struct xvs_error err = { .size = sizeof(err) };

	r->source = (struct xvs_source){ .size = sizeof(r->source), .left = len, .read = record_read };
	r->at = 0;
	return state->restore(m->self, m->port, format, &r->source, &err);
}

static void test_format(const struct xvs_host *host, uint32_t format)
{
	const uint64_t policy = 1000;
	struct machine here = machine_create(host), there = machine_create(host);
	struct record r, again;

	CHECK(sends(&here, &policy, 600));
	CHECK(!sends(&here, &policy, 600));
	r = saved(&here, format);
	for (size_t len = 0; len < r.len; len++)
		CHECK(restored(&there, format, &r, len) != 0);
	CHECK(sends(&there, &policy, 1)); /* nothing of it was taken */
	CHECK(restored(&there, format, &r, r.len) == 0);
	again = saved(&there, format);
	CHECK(again.len == r.len && memcmp(again.bytes, r.bytes, r.len) == 0);
	CHECK(!sends(&there, &policy, 600)); /* no new quota by being moved */
	CHECK(sends(&there, &policy, 400));
	machine_destroy(&here);
	machine_destroy(&there);
}

int main(void)
{
	const struct xvs_host host = { .size = sizeof(host), .name = "a test" };

	test_format(&host, 1);
	test_format(&host, 2);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
