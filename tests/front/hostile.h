/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile.h - front ends that misbehave, each in one way, over and over with other numbers.
 */
#ifndef FRONT_HOSTILE_H
#define FRONT_HOSTILE_H

#include <pthread.h>
#include <stdatomic.h>

#include "random.h"
#include "session.h"

enum { HOSTILE_RINGS = 2, HOSTILE_SIZE = 256, HOSTILE_BYTES = 4 << 20, BUFFER_BYTES = 4096 };

struct attacker {
	const char *path;
	struct random random;
	struct front front;
	uint64_t rounds;
	uint64_t refused; /* rounds that ended because the switch hung up */
	uint64_t frames;  /* that the switch took and gave back, where somebody counted */
};

/* One round: connects, misbehaves, closes. */
typedef void (*attack_fn)(struct attacker *a);

struct attack {
	const char *name;
	attack_fn round;
};

/* messages.c: the conversation. */
void attack_noise(struct attacker *a);
void attack_requests(struct attacker *a);
void attack_halves(struct attacker *a);
void attack_flood(struct attacker *a);
void attack_numbers(struct attacker *a);
/* rings.c: what lies in memory. */
void attack_jump(struct attacker *a);
void attack_outside(struct attacker *a);
void attack_loops(struct attacker *a);
void attack_frames(struct attacker *a);
void attack_kicks(struct attacker *a);
void attack_stall(struct attacker *a);
/* races.c: what changes while it is read. */
void attack_flip(struct attacker *a);
void attack_trample(struct attacker *a);
void attack_truncate(struct attacker *a);
void attack_remap(struct attacker *a);
void attack_tables(struct attacker *a);

/* A number that is often an edge: 0, all ones, a power of two or one beside it. */
uint64_t hostile_number(struct random *r);
/* Has the switch hung up? */
bool hostile_is_refused(struct attacker *a);
/* An honest beginning, with features taken at random; false: the switch refused, or is busy. */
bool hostile_open(struct attacker *a);
/* Up to 'count' honest frames are put into the ring from us, and buffers into the one to us. */
void hostile_traffic(struct attacker *a, uint32_t count);
/* 'random': descriptors that are none of a socket's business.  To be closed by the caller. */
int hostile_descriptor(struct random *r);

#endif /* FRONT_HOSTILE_H */
