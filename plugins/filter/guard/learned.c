/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses that a guest has claimed or been given, beside those that its policy binds.
 *
 * Workers look and add without a lock.  A slot is a state word and an address; whoever changes the
 * state from free or used to busy writes the address, and then the next used state, which has
 * another number.  A reader that finds the same state before and after has read one address.  Two
 * workers may add one address at a time: it has two slots then, until one of them ages.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "xvs/ext/sdk.h"

enum { NS_PER_S = 1000000000 };

/* The low bits of a state; above them a number that grows. */
enum { FREE = 0, BUSY = 1, USED = 2, KIND = 3, NEXT = 4 };

static uint32_t seconds(uint64_t ns)
{
	return (uint32_t)(ns / NS_PER_S);
}

/* Since it was used; a worker whose clock was read a moment earlier meets what is not past yet. */
static uint32_t idle_s(const struct guard_slot *s, uint64_t now_ns)
{
	uint32_t seen_s = atomic_load_explicit(&s->seen_s, memory_order_relaxed);
	uint32_t now_s = seconds(now_ns);

	return now_s > seen_s ? now_s - seen_s : 0;
}

uint64_t guard_tag(const uint8_t address[16])
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	return UINT64_C(1) << ((words[0] ^ words[1]) * UINT64_C(0x9e3779b97f4a7c15) >> 58);
}

/* What is in a slot; false: nothing, or it changes this moment. */
static bool slot_read(const struct guard_slot *s, uint8_t address[16], uint32_t *state)
{
	uint64_t words[2];

	*state = atomic_load_explicit(&s->state, memory_order_acquire);
	if ((*state & KIND) != USED)
		return false;
	words[0] = atomic_load_explicit(&s->address[0], memory_order_relaxed);
	words[1] = atomic_load_explicit(&s->address[1], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	memcpy(address, words, sizeof(words));
	return atomic_load_explicit(&s->state, memory_order_relaxed) == *state;
}

static bool slot_take(struct guard_slot *s, uint32_t state, const uint8_t address[16],
		      uint64_t now_ns)
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	if (!atomic_compare_exchange_strong_explicit(&s->state, &state,
						     (state & ~(uint32_t)KIND) | BUSY,
						     memory_order_acquire, memory_order_relaxed))
		return false;
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&s->address[0], words[0], memory_order_relaxed);
	atomic_store_explicit(&s->address[1], words[1], memory_order_relaxed);
	atomic_store_explicit(&s->seen_s, seconds(now_ns), memory_order_relaxed);
	atomic_store_explicit(&s->state, ((state & ~(uint32_t)KIND) + NEXT) | USED,
			      memory_order_release);
	return true;
}

bool guard_has_learned(struct guard_port *port, const struct guard_policy *policy,
		       const uint8_t address[16], uint64_t now_ns)
{
	for (uint32_t i = 0; i < policy->dynamic_ips; i++) {
		struct guard_slot *s = &port->slots[i];
		uint8_t there[16];
		uint32_t state;

		if (!slot_read(s, there, &state) || memcmp(there, address, 16) != 0)
			continue;
		atomic_store_explicit(&s->seen_s, seconds(now_ns), memory_order_relaxed);
		return true;
	}
	return false;
}

uint64_t guard_learn(struct guard_port *port, const struct guard_policy *policy,
		     const uint8_t address[16], uint64_t now_ns)
{
	for (uint32_t i = 0; i < policy->dynamic_ips; i++) {
		struct guard_slot *s = &port->slots[i];
		uint8_t old[16] = { 0 };
		uint32_t state;
		bool is_used = slot_read(s, old, &state);

		if ((is_used && idle_s(s, now_ns) <= policy->dynamic_age_s) ||
		    (!is_used && state & KIND))
			continue;
		if (slot_take(s, state, address, now_ns))
			return guard_tag(address) | (is_used ? guard_tag(old) : 0);
	}
	return 0;
}

/* IPv4 as people write it. */
static void print_address(const uint8_t address[16], char out[INET6_ADDRSTRLEN])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		(void)inet_ntop(AF_INET, address + 12, out, INET6_ADDRSTRLEN);
	else
		(void)inet_ntop(AF_INET6, address, out, INET6_ADDRSTRLEN);
}

void guard_list_learned(const struct guard_port *port, uint64_t now_ns, struct guard_addresses *out)
{
	size_t len = 0;

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < GUARD_DYNAMIC_MAX; i++) {
		const struct guard_slot *s = &port->slots[i];
		char text[INET6_ADDRSTRLEN];
		uint8_t address[16];
		uint32_t state;

		if (!slot_read(s, address, &state))
			continue;
		print_address(address, text);
		len += (size_t)snprintf(out->list + len, sizeof(out->list) - len, "%s%s (%us)",
					out->learned ? ", " : "", text, idle_s(s, now_ns));
		out->learned++;
	}
}

uint32_t guard_export(const struct guard_port *port, uint64_t now_ns,
		      struct guard_known out[GUARD_DYNAMIC_MAX])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < GUARD_DYNAMIC_MAX; i++) {
		uint32_t state;

		if (!slot_read(&port->slots[i], out[count].address, &state))
			continue;
		out[count++].age_s = idle_s(&port->slots[i], now_ns);
	}
	return count;
}

static int compare_age(const void *a, const void *b)
{
	const struct guard_known *x = a;
	const struct guard_known *y = b;

	return (x->age_s > y->age_s) - (x->age_s < y->age_s);
}

static void slot_empty(struct guard_slot *s)
{
	uint32_t state = atomic_load_explicit(&s->state, memory_order_relaxed);

	if ((state & KIND) == USED)
		(void)atomic_compare_exchange_strong_explicit(&s->state, &state,
							      (state & ~(uint32_t)KIND) | FREE,
							      memory_order_release,
							      memory_order_relaxed);
}

void guard_import(struct guard_port *port, const struct guard_policy *policy,
		  struct guard_known *known, uint32_t count, uint64_t now_ns)
{
	uint32_t places = count < policy->dynamic_ips ? count : policy->dynamic_ips;

	qsort(known, count, sizeof(*known), compare_age);
	for (uint32_t i = 0; i < GUARD_DYNAMIC_MAX; i++)
		slot_empty(&port->slots[i]);
	for (uint32_t i = 0; i < places; i++) {
		uint64_t age_ns = (uint64_t)known[i].age_s * NS_PER_S;

		if (age_ns > now_ns || guard_is_bound(policy, known[i].address))
			continue;
		(void)guard_learn(port, policy, known[i].address, now_ns - age_ns);
	}
}
