/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile_messages.c - what no honest front end says.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostile.h"

enum { STEPS = 64, MOST_FDS = 12, FLOOD = 32, REPLY_MS = 20 };

static void fill(struct random *r, void *bytes, size_t size)
{
	uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++)
		at[i] = (uint8_t)random_next(r);
}

void attack_noise(struct attacker *a)
{
	uint8_t bytes[512];

	a->front.sock = session_connect(a->path);
	if (a->front.sock < 0)
		return;
	fill(&a->random, bytes, sizeof(bytes));
	for (int i = 0; i < STEPS && !hostile_is_refused(a); i++) {
		size_t size = random_below(&a->random, sizeof(bytes));

		if (send(a->front.sock, bytes, size, MSG_NOSIGNAL) < 0)
			break;
	}
}

/* ---- messages of the right form ---------------------------------------------------------------- */

static uint32_t any_size(struct random *r)
{
	static const uint32_t honest[] = { 0, 8, 8, 8, 40, 40, 12, 268 };

	if (random_below(r, 8) == 0)
		return (uint32_t)hostile_number(r);
	return honest[random_below(r, sizeof(honest) / sizeof(honest[0]))];
}

static void any_payload(struct random *r, struct message *m)
{
	for (uint32_t at = 0; at + 8 <= 280; at += 8) {
		uint64_t number = random_below(r, 2) ? hostile_number(r) : random_below(r, 9);

		if (random_below(r, 2))
			number = (number & 0xffffffff) << 32 | random_below(r, 5);
		memcpy(m->bytes + at, &number, sizeof(number));
	}
}

static uint32_t any_descriptors(struct random *r, int *fds)
{
	uint32_t wanted = random_below(r, 3) ? random_below(r, 2) : random_below(r, MOST_FDS);
	uint32_t count = 0;

	while (count < wanted) {
		fds[count] = hostile_descriptor(r);
		if (fds[count] < 0)
			break;
		count++;
	}
	return count;
}

static bool send_any(struct attacker *a)
{
	struct random *r = &a->random;
	struct message m = { .request = random_below(r, REQUESTS + 4) };
	int fds[MOST_FDS];
	uint32_t count = any_descriptors(r, fds);
	bool sent;

	m.flags = random_below(r, 8) ? MESSAGE_VERSION | (random_next(r) & MESSAGE_NEED_REPLY)
				     : (uint32_t)random_next(r);
	m.size = any_size(r);
	any_payload(r, &m);
	sent = session_send(a->front.sock, &m, fds, count);
	while (count > 0)
		close(fds[--count]);
	return sent;
}

/* Half of the rounds begin honestly: what is refused at first may be believed later. */
void attack_requests(struct attacker *a)
{
	struct message answer;

	if (random_next(&a->random) & 1)
		a->front.sock = session_connect(a->path);
	else if (!hostile_open(a))
		return;
	for (int i = 0; i < STEPS && a->front.sock >= 0; i++) {
		if (!send_any(a) || hostile_is_refused(a))
			break;
		session_receive(a->front.sock, &answer, 0);
	}
}

void attack_halves(struct attacker *a)
{
	struct message m = { .request = SET_MEM_TABLE, .flags = MESSAGE_VERSION, .size = 8 };
	size_t part = 1 + random_below(&a->random, MESSAGE_HEADER + 7);
	int fds[MOST_FDS];
	uint32_t count = any_descriptors(&a->random, fds);

	a->front.sock = session_connect(a->path);
	if (a->front.sock >= 0) {
		m.size = (uint32_t)hostile_number(&a->random);
		if (random_next(&a->random) & 1)
			session_send(a->front.sock, &m, fds, count);
		else
			send(a->front.sock, &m, part, MSG_NOSIGNAL);
	}
	while (count > 0)
		close(fds[--count]);
}

void attack_flood(struct attacker *a)
{
	int socks[FLOOD];

	for (int i = 0; i < FLOOD; i++)
		socks[i] = session_connect(a->path);
	for (int i = 0; i < FLOOD; i++) {
		if (socks[i] >= 0)
			close(socks[i]);
	}
}

/* ---- honest in form, with wrong numbers -------------------------------------------------------- */

static void wrong_addresses(struct attacker *a)
{
	struct message m = { .request = SET_VRING_ADDR, .size = sizeof(m.address) };
	uint64_t *fields[4];
	uint64_t values[4] = { FRONT_USER, FRONT_USER + RING_DEVICE, FRONT_USER + RING_DRIVER, 0 };

	for (int i = 0; i < 4; i++)
		fields[i] = &values[i];
	*fields[random_below(&a->random, 4)] = hostile_number(&a->random);
	m.address.index = random_below(&a->random, 3);
	m.address.flags = random_below(&a->random, 2);
	m.address.desc = values[0];
	m.address.device = values[1];
	m.address.driver = values[2];
	m.address.log = values[3];
	m.flags = MESSAGE_VERSION;
	session_send(a->front.sock, &m, NULL, 0);
}

static void wrong_state(struct attacker *a)
{
	static const enum request requests[] = { SET_VRING_NUM,  SET_VRING_BASE,
						 GET_VRING_BASE, SET_VRING_ENABLE,
						 SET_FEATURES,   SET_PROTOCOL_FEATURES,
						 NET_SET_MTU,    SEND_RARP,
						 RESET_DEVICE,   SET_STATUS };
	struct message m = { .flags = MESSAGE_VERSION, .size = 8 };

	m.request = requests[random_below(&a->random, sizeof(requests) / sizeof(requests[0]))];
	m.state.index = random_below(&a->random, 4);
	m.state.number = (uint32_t)hostile_number(&a->random);
	session_send(a->front.sock, &m, NULL, 0);
}

void attack_numbers(struct attacker *a)
{
	struct message answer;

	if (!hostile_open(a))
		return;
	for (int i = 0; i < STEPS && !hostile_is_refused(a); i++) {
		if (random_next(&a->random) & 1)
			wrong_addresses(a);
		else
			wrong_state(a);
		hostile_traffic(a, 4);
		session_receive(a->front.sock, &answer, (int)random_below(&a->random, REPLY_MS));
	}
}
