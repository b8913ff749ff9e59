/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/list.c - what operators ask of a table.  [control]
 */
#include "nat/table.h"

enum { AT_A_TIME = 1024 }; /* bindings counted in one go under the lock */

static const char *state_name(uint32_t word)
{
	const uint32_t both = WORD_SEEN | WORD_SEEN << 1;
	bool is_tcp = word >> WORD_PROTO_SHIFT == PROTO_TCP;

	if (word & (WORD_RST | WORD_FIN | WORD_FIN << 1))
		return "closing";
	if (is_tcp ? word & WORD_OPEN : (word & both) == both)
		return "established";
	return "opening";
}

static void fill(const struct nat_table *t, struct session *s, uint64_t now_ns,
		 struct nat_info *out)
{
	uint32_t word = atomic_load_explicit(&s->word, memory_order_relaxed);
	uint32_t seen = atomic_load_explicit(&s->seen, memory_order_relaxed);
	uint64_t begin_ns = atomic_load_explicit(&s->begin_ns, memory_order_relaxed);
	uint32_t timeout = nat_session_timeout_ms(&t->rules->timeouts, word);
	struct nat_key inside = nat_session_key(s, NAT_OUT);
	struct nat_key outside = nat_session_key(s, NAT_IN);
	int32_t idle = (int32_t)(stamp_of(now_ns) - seen);

	*out = (struct nat_info){
		.inside = key_own(inside),
		.inside_port = key_own_port(inside),
		.outside = key_own(outside),
		.outside_port = key_own_port(outside),
		.remote = key_remote(inside),
		.remote_port = key_remote_port(inside),
		.proto = key_proto(inside),
		.is_forward = (word & WORD_FORWARD) != 0,
		.state = state_name(word),
		.age_ns = now_ns > begin_ns ? now_ns - begin_ns : 0,
		.idle_ms = idle > 0 ? ((uint64_t)(uint32_t)idle << STAMP_SHIFT) / NS_PER_MS : 0,
	};
	out->left_ms = timeout > out->idle_ms ? timeout - out->idle_ms : 0;
	for (int dir = 0; dir < 2; dir++) {
		out->packets[dir] = atomic_load_explicit(&s->packets[dir], memory_order_relaxed);
		out->bytes[dir] = atomic_load_explicit(&s->bytes[dir], memory_order_relaxed);
	}
}

void nat_list(struct nat_table *t, uint64_t now_ns, void (*fn)(void *arg, const struct nat_info *s),
	      void *arg)
{
	uint32_t high = atomic_load_explicit(&t->fresh, memory_order_relaxed);

	for (uint32_t i = 0; i < high; i++) {
		struct session *s = &t->sessions[i];
		uint32_t generation = atomic_load_explicit(&s->generation, memory_order_acquire);
		struct nat_info info;

		if (!(generation & 1))
			continue;
		fill(t, s, now_ns, &info);
		if (atomic_load_explicit(&s->generation, memory_order_relaxed) == generation)
			fn(arg, &info);
	}
}

static void count_ports(const struct nat_table *t, const struct binding *b, struct nat_stats *out)
{
	const struct nat_rules *r = t->rules;

	for (uint32_t i = 0; i < r->pool_count; i++) {
		const struct nat_pool *pool = &r->pools[i];

		if (pool->address == b->outside && b->outside_port >= pool->first &&
		    b->outside_port <= pool->last)
			out->ports_used[i][proto_index(b->proto)]++;
	}
}

void nat_table_stats(struct nat_table *t, struct nat_stats *out)
{
	uint32_t at = 0;

	nat_lock(t);
	*out = (struct nat_stats){ .sessions = t->session_count,
				   .bindings = t->binding_count,
				   .hosts = t->host_count,
				   .limit = t->limit,
				   .opened = t->opened,
				   .ended = t->ended,
				   .no_ports = t->no_ports,
				   .no_room = t->no_room,
				   .host_limit = t->host_limit,
				   .filtered = t->filtered };
	while (at < t->fresh_binding) {
		uint32_t end = at + AT_A_TIME;

		for (; at < end && at < t->fresh_binding; at++) {
			if (t->bindings[at].sessions)
				count_ports(t, &t->bindings[at], out);
		}
		nat_unlock(t);
		nat_lock(t);
	}
	nat_unlock(t);
}

uint32_t nat_flush(struct nat_table *t, uint32_t inside)
{
	uint32_t high = atomic_load_explicit(&t->fresh, memory_order_relaxed);
	uint32_t count = 0;

	for (uint32_t i = 0; i < high; i++) {
		struct session *s = &t->sessions[i];

		nat_lock(t);
		if (atomic_load_explicit(&s->generation, memory_order_relaxed) & 1 &&
		    (!inside || key_own(nat_session_key(s, NAT_OUT)) == inside)) {
			nat_session_close(t, s);
			count++;
		}
		nat_unlock(t);
	}
	return count;
}
