/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_vring.c - rings whose memory is the input, and changes while they are read.
 *
 * links: xvs_port xvs_packet xvs_base
 *
 * The first bytes say which features and sizes there are and where the rings lie; the rest is a
 * script: what is written into memory, and what the worker does in between.  Meanwhile a thread
 * writes into the same memory all the time, so what was read once is not what is there now.
 * Memory is exactly as large as the guest's, so that a step beside it is seen.  In the end every
 * packet must be back in the pool.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "port/vhost_user/device.h"

enum {
	REGION = 32768,
	LOG_BYTES = 2 * REGION / VHOST_PAGE / 8 + 1,
	SIZE_MAX_LOG2 = 10,
	RINGS = 4,
	PACKETS = 192,
	HIGH = 0x20000, /* guest address of the second region, or it follows the first */
};

static struct {
	const uint8_t *at, *end;
} input;

static struct vhost_device device;
static struct vhost_view *view;
static struct pool *pool;
static uint8_t *memory[2];
static uint64_t high;
static _Atomic uint8_t *dirty;
static _Atomic uint64_t disturbance; /* 0: none */

static uint8_t next_byte(void)
{
	return input.at < input.end ? *input.at++ : 0;
}

static uint32_t next_word(void)
{
	uint32_t low = next_byte();

	return low | (uint32_t)next_byte() << 8;
}

/* ---- who changes memory meanwhile ------------------------------------------------------------------ */

static uint64_t step(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

static void *disturb(void *arg)
{
	uint64_t x = 88172645463325252;

	(void)arg;
	for (;;) {
		uint64_t way = atomic_load_explicit(&disturbance, memory_order_relaxed);

		x = step(x + way);
		if (way)
			__atomic_store_n(&memory[x >> 8 & 1][x >> 16 & (REGION - 1)], (uint8_t)x,
					 __ATOMIC_RELAXED);
	}
	return NULL;
}

static void make_view(void)
{
	view = calloc(1, sizeof(*view));
	view->region_count = 2;
	for (uint32_t i = 0; i < 2; i++) {
		memory[i] = aligned_alloc(4096, REGION);
		view->regions[i] = (struct vhost_region){
			.guest = i ? HIGH : 0, .user = 0, .size = REGION, .host = memory[i]
		};
	}
	dirty = calloc(LOG_BYTES, 1);
}

static void set_up(void)
{
	const struct pool_limits limits = { .packets = PACKETS, .small = 8, .large = 16 };
	struct xvs_error err = ERROR_INIT;
	pthread_t thread;

	make_view();
	pool = pool_create(&limits);
	device.backend.rx_queues = RINGS / 2;
	device.ring_count = RINGS;
	device.workers = 2;
	for (uint32_t i = 0; i < BACKEND_QUEUES_MAX; i++)
		device.wake[i] = -1;
	if (!pool || loop_create(&device.loop, &err) || vhost_rings_open(&device, &err) ||
	    pthread_create(&thread, NULL, disturb, NULL))
		abort();
}

/* ---- what the front end says --------------------------------------------------------------------------- */

static uint8_t *place(uint32_t bytes, uint64_t *guest)
{
	uint32_t off = next_word() & (REGION - 1) & ~15u;
	uint32_t region = next_byte() & 1;

	if (off + bytes > REGION)
		off = (REGION - bytes) & ~15u;
	*guest = (region ? high : 0) + off;
	return memory[region] + off;
}

static uint64_t some_features(void)
{
	static const uint8_t bits[] = { VHOST_NET_GUEST_CSUM, VHOST_NET_MRG_RXBUF,
					VHOST_F_LOG_ALL,      VHOST_RING_INDIRECT,
					VHOST_RING_EVENT_IDX, VHOST_F_VERSION_1,
					VHOST_RING_PACKED };
	uint64_t features = 0;
	uint8_t chosen = next_byte();

	high = chosen >> 7 ? REGION : HIGH;
	for (uint32_t i = 0; i < sizeof(bits); i++)
		features |= (uint64_t)(chosen >> i & 1) << bits[i];
	return features;
}

static void start_ring(uint32_t nr)
{
	struct vhost_ring_view *at = &view->rings[nr];
	bool is_packed = vhost_has(view->features, VHOST_RING_PACKED);
	uint32_t size = 1u << next_byte() % SIZE_MAX_LOG2;
	uint64_t guest;

	if (is_packed)
		size += next_byte() % size;
	*at = (struct vhost_ring_view){ .size = (uint16_t)size, .call = -1, .kick = -1 };
	at->logs_ring = next_byte() & 1;
	at->desc = place(size * 16, &at->desc_guest);
	at->driver = place(6 + 2 * size, &guest);
	at->device = place(6 + 8 * size, &at->device_guest);
	if (next_byte() & 1)
		vhost_ring_forget(&device.rings[nr]);
	vhost_ring_start(&device.rings[nr], view, next_word() | next_word() << 16);
}

static void start(void)
{
	view->features = some_features();
	view->regions[1].guest = high;
	view->log = dirty;
	view->log_bytes = LOG_BYTES;
	for (uint32_t i = 0; i < RINGS; i++) {
		view->rings[i] = (struct vhost_ring_view){ .call = -1, .kick = -1 };
		device.rings[i].at = (struct vhost_position){ 0, 0 };
	}
	for (uint32_t i = 0; i < RINGS; i++) {
		if (i < 2 || next_byte() & 1)
			start_ring(i);
	}
	device.is_broken = 0;
	device.view = view;
}

static void write_memory(void)
{
	uint32_t region = next_byte() & 1;
	uint32_t at = next_word() & (REGION - 1);
	uint32_t count = next_byte();

	while (count-- > 0 && at < REGION)
		memory[region][at++] = next_byte();
}

/* A descriptor that may be a good one: random bytes hardly ever are. */
static void write_descriptor(void)
{
	const struct vhost_ring_view *r = &view->rings[next_byte() % RINGS];
	uint64_t addr = (next_byte() & 1 ? high : 0) + next_word() % REGION;
	uint32_t len = next_word();
	uint16_t third = (uint16_t)next_word();
	uint16_t fourth = (uint16_t)next_word();
	uint8_t *at;

	if (!r->desc)
		return;
	at = r->desc + next_word() % r->size * 16;
	memcpy(at, &addr, 8);
	memcpy(at + 8, &len, 4);
	memcpy(at + 12, &third, 2);
	memcpy(at + 14, &fourth, 2);
	/* split: the next place of the available ring is that descriptor */
	if (next_byte() & 1) {
		uint16_t *driver = (uint16_t *)(void *)r->driver;
		uint16_t nr = (uint16_t)((at - r->desc) / 16);

		memcpy(r->driver + 4 + 2 * (driver[1] % r->size), &nr, 2);
		driver[1]++;
	}
}

/* ---- what a worker does ---------------------------------------------------------------------------------- */

static void send(uint32_t worker, struct packet **pkts, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		pkts[i]->x.hash = (uint32_t)next_byte() << 24;
		if (next_byte() % 4 == 0) {
			pkts[i]->x.flags |= XVS_PKT_VLAN;
			pkts[i]->x.vlan_tci = 5;
		}
	}
	if (vhost_tx(&device.backend, worker, pkts, count) > count)
		abort();
}

static void look_at(const struct packet *p)
{
	static uint8_t bytes[PACKET_MAX];

	if (p->x.len < 14 || p->x.len > PACKET_MAX || !packet_read(p, 0, bytes, p->x.len))
		abort();
}

static void forward(uint32_t queue)
{
	struct packet *pkts[64];
	uint32_t count = vhost_rx(&device.backend, queue, pool, pkts, 1 + next_byte() % 64);

	if (!count)
		return;
	for (uint32_t i = 0; i < count; i++)
		look_at(pkts[i]);
	send(queue, pkts, count);
	vhost_rx_done(&device.backend, queue);
	packet_free_burst(pool, pkts, count);
}

static void originate(uint32_t worker)
{
	struct packet *pkts[64];
	uint32_t count = 1 + next_byte() % 64;

	for (uint32_t i = 0; i < count; i++) {
		pkts[i] = packet_new(pool);
		if (!pkts[i])
			abort();
		pkts[i]->x.len = 14 + next_byte() % 200;
		pkts[i]->x.linear = pkts[i]->x.len;
		memset(pkts[i]->x.data, 7, pkts[i]->x.len);
	}
	send(worker, pkts, count);
	packet_free_burst(pool, pkts, count);
}

static void work(uint8_t what)
{
	uint32_t queue = what >> 4 & 1;

	switch (what % 8) {
	case 0:
	case 1:
		forward(queue);
		break;
	case 2:
		originate(queue);
		break;
	case 3:
		(void)vhost_arm(&device.backend, queue);
		vhost_disarm(&device.backend, queue);
		break;
	case 4:
		write_memory();
		break;
	case 5:
		start_ring(what >> 4 & 3);
		device.is_broken = 0;
		break;
	default:
		write_descriptor();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!pool)
		set_up();
	input.at = data;
	input.end = data + size;
	for (uint32_t i = 0; i < 2; i++)
		memset(memory[i], 0, REGION);
	atomic_store(&disturbance, next_byte() & 1);
	start();
	for (uint32_t i = 0; i < 200 && input.at < input.end; i++)
		work(next_byte());
	atomic_store(&disturbance, 0);
	if (pool_packets_left(pool) != PACKETS)
		abort();
	return 0;
}
