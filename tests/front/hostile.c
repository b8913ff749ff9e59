/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile.c - a front end that misbehaves for some seconds: hostile ATTACK SECONDS SEED SOCKET.
 * It says how many rounds there were, and how many of them the switch ended.  "hostile list" names
 * the attacks; one of them, "none", is honest, and for it the frames are counted that were taken.
 */
#include "hostile.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HONEST_FRAMES = 8 };

/* ---- what the attacks share -------------------------------------------------------------------- */

uint64_t hostile_number(struct random *r)
{
	uint64_t power = 1ull << random_below(r, 64);

	switch (random_below(r, 6)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX - random_below(r, 3);
	case 2:
		return power;
	case 3:
		return power - 1;
	case 4:
		return FRONT_GUEST + random_below(r, HOSTILE_BYTES);
	default:
		return random_next(r);
	}
}

bool hostile_is_refused(struct attacker *a)
{
	struct pollfd poll_for = { .fd = a->front.sock, .events = POLLIN | POLLRDHUP };
	char byte;

	if (poll(&poll_for, 1, 0) <= 0)
		return false;
	return poll_for.revents & (POLLHUP | POLLERR | POLLRDHUP) ||
	       recv(a->front.sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

bool hostile_open(struct attacker *a)
{
	static const uint8_t wanted[] = { 0, 1, 7, 8, 11, 12, 15, 28, 29, 34 };

	a->front.features = 0;
	for (size_t i = 0; i < sizeof(wanted); i++) {
		if (random_next(&a->random) & 1)
			a->front.features |= 1ull << wanted[i];
	}
	return front_open(&a->front, a->path, HOSTILE_RINGS, HOSTILE_SIZE, HOSTILE_BYTES);
}

static uint64_t buffer_place(const struct attacker *a, uint32_t nr)
{
	uint32_t count = HOSTILE_BYTES / BUFFER_BYTES;

	return front_buffers(&a->front) + nr % count * (uint64_t)BUFFER_BYTES;
}

/* To everybody, from the address that this port may use. */
static void write_frame(struct attacker *a, uint64_t at)
{
	static const uint8_t addresses[14] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52,
					       0x54, 0,    0,    0,    0x66, 0x88, 0xb5 };

	memset(a->front.memory + at, 0, 12);
	memcpy(a->front.memory + at + 12, addresses, sizeof(addresses));
}

void hostile_traffic(struct attacker *a, uint32_t count)
{
	struct front *f = &a->front;
	bool has_tables = f->features >> 28 & 1;
	uint16_t token;
	uint32_t len;

	for (int ring = 0; ring < HOSTILE_RINGS; ring++) {
		bool is_ours = ring & 1;

		while (ring_take(&f->rings[ring], &token, &len) == RING_TAKEN)
			;
		for (uint32_t i = 0; i < count; i++) {
			uint64_t at = buffer_place(a, (uint32_t)ring * 512 + i % 512);
			struct piece pieces[2] = {
				{ FRONT_GUEST + at, 12 + random_below(&a->random, 60) },
				{ FRONT_GUEST + at + 72, 1400 },
			};

			if (is_ours)
				write_frame(a, at);
			if (!ring_put(&f->rings[ring], pieces, 2, !is_ours, has_tables && i & 1, 0))
				break;
		}
		ring_kick(&f->rings[ring]);
	}
}

/* No attack: eight frames, each of which the switch takes and gives back. */
static void attack_none(struct attacker *a)
{
	uint32_t taken = 0, len;
	uint16_t token;

	if (!hostile_open(a))
		return;
	hostile_traffic(a, HONEST_FRAMES);
	while (taken < HONEST_FRAMES && !hostile_is_refused(a)) {
		if (ring_take(&a->front.rings[1], &token, &len) == RING_TAKEN)
			taken++;
		else
			nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
	a->frames += taken;
}

int hostile_descriptor(struct random *r)
{
	int pair[2];

	switch (random_below(r, 6)) {
	case 0:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	case 1:
		return open("/", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	case 2:
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return -1;
		close(pair[1]);
		return pair[0];
	case 3:
		if (pipe2(pair, O_CLOEXEC) < 0)
			return -1;
		close(pair[0]);
		return pair[1];
	case 4:
		return eventfd((unsigned)random_below(r, 3), EFD_CLOEXEC);
	default:
		return memfd_create("hostile", MFD_CLOEXEC);
	}
}

static const struct attack attacks[] = {
	{ "none", attack_none },     { "noise", attack_noise },     { "requests", attack_requests },
	{ "halves", attack_halves }, { "flood", attack_flood },     { "numbers", attack_numbers },
	{ "jump", attack_jump },     { "outside", attack_outside }, { "loops", attack_loops },
	{ "frames", attack_frames }, { "kicks", attack_kicks },     { "stall", attack_stall },
	{ "flip", attack_flip },     { "trample", attack_trample }, { "truncate", attack_truncate },
	{ "remap", attack_remap },   { "tables", attack_tables },
};
enum { ATTACKS = sizeof(attacks) / sizeof(attacks[0]) };

/* ---- the program ------------------------------------------------------------------------------- */

static int list(void)
{
	for (int i = 0; i < ATTACKS; i++)
		puts(attacks[i].name);
	return 0;
}

static attack_fn find(const char *name)
{
	for (int i = 0; i < ATTACKS; i++) {
		if (strcmp(attacks[i].name, name) == 0)
			return attacks[i].round;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct attacker a;
	attack_fn round = argc == 5 ? find(argv[1]) : NULL;
	time_t end;

	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list();
	if (!round || !freopen("/dev/null", "w", stderr)) {
		(void)fputs("hostile ATTACK SECONDS SEED SOCKET, or hostile list\n", stderr);
		return 2;
	}
	a.random.state = strtoull(argv[3], NULL, 10);
	a.path = argv[4];
	a.front.sock = a.front.memory_fd = -1;
	end = time(NULL) + strtol(argv[2], NULL, 10);
	do {
		round(&a);
		a.rounds++;
		a.refused += a.front.sock >= 0 && hostile_is_refused(&a);
		front_close(&a.front);
	} while (time(NULL) < end);
	printf("rounds %llu refused %llu frames %llu\n", (unsigned long long)a.rounds,
	       (unsigned long long)a.refused, (unsigned long long)a.frames);
	return 0;
}
