/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile_races.c - memory that changes, shrinks, or is another, while the switch is in it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"

enum { STEPS = 64, RACE_NS = 100000 };

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = RACE_NS }, NULL);
}

/* ---- a thread beside the traffic --------------------------------------------------------------- */

struct racer {
	struct attacker *attacker;
	struct random random;
	uint32_t from, to; /* of each ring's memory */
	_Atomic bool is_over;
};

static void *race(void *arg)
{
	struct racer *racer = arg;
	struct front *f = &racer->attacker->front;

	while (!atomic_load_explicit(&racer->is_over, memory_order_relaxed)) {
		struct ring *r = &f->rings[random_below(&racer->random, HOSTILE_RINGS)];
		uint32_t words = (racer->to - racer->from) / 2;
		uint32_t word = racer->from / 2 + random_below(&racer->random, words);
		_Atomic uint16_t *at = (_Atomic uint16_t *)(void *)r->base + word;
		uint16_t old = atomic_load_explicit(at, memory_order_relaxed);

		atomic_store_explicit(at, (uint16_t)hostile_number(&racer->random),
				      memory_order_relaxed);
		if (random_next(&racer->random) & 1)
			atomic_store_explicit(at, old, memory_order_relaxed);
	}
	return NULL;
}

/* Honest traffic while words of the rings, from 'from' to 'to', are never what they were. */
static void race_with_traffic(struct attacker *a, uint32_t from, uint32_t to)
{
	struct racer racer = { .attacker = a, .from = from, .to = to };
	pthread_t thread;

	if (!hostile_open(a))
		return;
	racer.random.state = random_next(&a->random);
	if (pthread_create(&thread, NULL, race, &racer))
		abort();
	for (int i = 0; i < STEPS && !hostile_is_refused(a); i++) {
		hostile_traffic(a, 16);
		nap();
	}
	atomic_store(&racer.is_over, true);
	pthread_join(thread, NULL);
}

/* The places that the switch reads: descriptors, or the tables of the first buffers. */
void attack_flip(struct attacker *a)
{
	if (random_next(&a->random) & 1)
		race_with_traffic(a, 0, HOSTILE_SIZE * 16);
	else
		race_with_traffic(a, RING_TABLES, RING_TABLES + HOSTILE_SIZE * RING_TABLE_BYTES);
}

/* And those that it writes, with the driver's own indices. */
void attack_trample(struct attacker *a)
{
	if (random_next(&a->random) & 1)
		race_with_traffic(a, RING_DEVICE, RING_DEVICE + HOSTILE_SIZE * 8 + 8);
	else
		race_with_traffic(a, RING_DRIVER, RING_DRIVER + HOSTILE_SIZE * 2 + 8);
}

/* ---- the memory file --------------------------------------------------------------------------- */

/* We must not touch what is gone: from then on the switch alone is in it. */
void attack_truncate(struct attacker *a)
{
	off_t keep;

	if (!hostile_open(a))
		return;
	keep = (off_t)(random_below(&a->random, (uint32_t)(a->front.memory_size >> 12)) & ~1u)
	       << 12;
	hostile_traffic(a, HOSTILE_SIZE);
	if (random_next(&a->random) & 1)
		nap();
	if (random_next(&a->random) & 1)
		keep = 0;
	if (ftruncate(a->front.memory_fd, keep) < 0)
		abort();
	for (int i = 0; i < STEPS && !hostile_is_refused(a); i++) {
		for (int ring = 0; ring < HOSTILE_RINGS; ring++)
			ring_kick(&a->front.rings[ring]);
		nap();
	}
}

static void replace(struct attacker *a)
{
	struct message m = { .request = SET_MEM_TABLE, .flags = MESSAGE_VERSION };
	int fd = memfd_create("other", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)a->front.memory_size) < 0)
		abort();
	m.size = 8 + sizeof(struct message_region);
	m.memory.count = 1;
	m.memory.regions[0] =
		(struct message_region){ FRONT_GUEST, a->front.memory_size, FRONT_USER, 0 };
	session_send(a->front.sock, &m, &fd, 1);
	close(fd);
}

/* The same memory again, other memory, one that is added and taken away. */
void attack_remap(struct attacker *a)
{
	struct message m = { .flags = MESSAGE_VERSION, .size = sizeof(m.slot) };
	struct message answer;

	if (!hostile_open(a))
		return;
	m.slot.region = (struct message_region){ FRONT_GUEST + 0x40000000, 1 << 20,
						 FRONT_USER + 0x40000000, 0 };
	for (int i = 0; i < STEPS && !hostile_is_refused(a); i++) {
		hostile_traffic(a, 32);
		switch (random_below(&a->random, 4)) {
		case 0:
			front_tell_memory(&a->front);
			break;
		case 1:
			replace(a);
			break;
		case 2:
			m.request = ADD_MEM_REG;
			session_send(a->front.sock, &m, &a->front.memory_fd, 1);
			break;
		default:
			m.request = REM_MEM_REG;
			session_send(a->front.sock, &m, NULL, 0);
			break;
		}
		while (session_receive(a->front.sock, &answer, 0))
			;
	}
}

/* Regions that overlap, wrap, reach beyond their file, or have no file. */
void attack_tables(struct attacker *a)
{
	struct message m = { .request = SET_MEM_TABLE, .flags = MESSAGE_VERSION };
	uint32_t count = random_below(&a->random, MESSAGE_MEMORY + 1);
	int fds[MESSAGE_MEMORY];
	uint32_t given = 0;

	if (!hostile_open(a))
		return;
	m.memory.count = random_below(&a->random, 4) ? count : (uint32_t)hostile_number(&a->random);
	m.size = 8 + count * (uint32_t)sizeof(struct message_region);
	for (uint32_t i = 0; i < count; i++) {
		bool is_ours = random_next(&a->random) & 1;

		m.memory.regions[i] = (struct message_region){
			random_below(&a->random, 3) ? i << 20 : hostile_number(&a->random),
			random_below(&a->random, 3) ? 1 << 20 : hostile_number(&a->random),
			random_below(&a->random, 3) ? i << 20 : hostile_number(&a->random),
			random_below(&a->random, 3) ? 0 : hostile_number(&a->random),
		};
		fds[i] = is_ours ? dup(a->front.memory_fd) : hostile_descriptor(&a->random);
		if (fds[i] < 0)
			abort();
		given++;
	}
	session_send(a->front.sock, &m, fds, given);
	hostile_traffic(a, 64);
	nap();
	while (given > 0)
		close(fds[--given]);
}
