/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_conn xvs_packet xvs_base
 *
 * Records of connections from anybody: taken by a port, told by it to another, taken there.  What was
 * believed once is believed again, counts hold, and in the end nothing is left.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conn/move.h"
#include "conn/table.h"

enum { PORT = 3, CONNECTIONS = 24, RECORD = 65536 };

static void authorise(void *arg, const struct packet *p, struct xvs_conn *view,
		      uint64_t slots[CONN_SLOTS], struct conn_decision *out)
{
	(void)arg;
	(void)p;
	(void)view;
	(void)slots;
	(void)out;
}

static void event(void *arg, struct xvs_conn *view, uint64_t slots[CONN_SLOTS], uint16_t log,
		  uint16_t cause)
{
	(void)arg;
	(void)view;
	(void)slots;
	(void)log;
	(void)cause;
}

static void resume(void *arg, struct packet *p)
{
	(void)arg;
	packet_free(p);
}

static void drop(void *arg, struct packet *p, uint32_t port, uint16_t reason)
{
	(void)arg;
	(void)port;
	(void)reason;
	packet_free(p);
}

static const char *denier_name(void *arg, uint16_t instance)
{
	(void)arg;
	return instance ? "x" : NULL;
}

static uint16_t denier_here(void *arg, const char *name)
{
	(void)arg;
	return (uint16_t)strlen(name);
}

static const struct conn_adoption adoption = { { 1, 0, 2, CONN_SLOTS }, denier_here, NULL };

static struct conn_table *table_open(void)
{
	static const struct conn_env env = { authorise, event, resume, drop, NULL, NULL };
	static const struct conn_limits limits = { .connections = 64, .per_port = CONNECTIONS };
	struct xvs_error err = { .size = sizeof(err) };
	struct conn_table *t;

	if (conn_table_create(&limits, 1, &env, &t, &err) != 0 ||
	    conn_port_open(t, PORT, CONNECTIONS, CONNECTIONS / 2, &err) != 0)
		abort();
	return t;
}

static void check_counts(struct conn_table *t)
{
	uint32_t limit;
	uint32_t count;

	conn_port_room(t, PORT, &limit, &count);
	assert(count <= limit && conn_count(t, NULL) == count);
	assert(t->ports[PORT].half_count <= CONNECTIONS / 2);
}

static void tell(struct conn_table *from, struct conn_table *to)
{
	static uint8_t bytes[RECORD];
	const struct conn_pass_plan plan = { .pass = CONN_PASS_ALL,
					     .slots = 15,
					     .denier = denier_name };
	struct xvs_error err = { .size = sizeof(err) };
	struct conn_watch *w;
	bool more = true;

	if (conn_watch_open(from, PORT, &w, &err) != 0)
		abort();
	conn_watch_begin(w, &plan);
	while (more) {
		size_t len = conn_watch_next(w, bytes, sizeof(bytes), &more);
		int code = conn_port_adopt(to, PORT, &adoption, bytes, len, &err);

		assert(code == 0);
	}
	conn_watch_close(w);
	assert(conn_count(to, NULL) == conn_count(from, NULL));
}

static void finish(struct conn_table *t)
{
	struct worker w = { .now_ns = clock_ns() };

	conn_port_disown(t, PORT);
	for (unsigned i = 0; i < 8; i++) {
		w.now_ns += NS_PER_MS;
		conn_sweep(t, &w, NULL);
	}
	assert(t->ports[PORT].count == 0 && t->ports[PORT].half_count == 0);
	conn_table_destroy(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xvs_error err = { .size = sizeof(err) };
	struct conn_table *here = table_open();
	struct conn_table *there = table_open();
	size_t cut = size ? data[0] * size / 256 : 0;

	/* two records; the second may be refused without harm to what the first brought */
	if (cut > 1)
		(void)conn_port_adopt(here, PORT, &adoption, data + 1, cut - 1, &err);
	(void)conn_port_adopt(here, PORT, &adoption, data + cut, size - cut, &err);
	check_counts(here);
	tell(here, there);
	check_counts(there);
	finish(here);
	finish(there);
	return 0;
}
