/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vring_bench - what a packet costs in the rings of two guests: out of one, into the other.
 *
 * Both guests are in this process.  By default they run on this very core between two bursts, so
 * all rings and packets are in its cache and the figure is instructions alone; with -t they run on
 * another core, and the figure has what fetching lines from there costs as well; with -r the one
 * that receives reads every byte.  No look at the packets in between.  Cycles are those of the time
 * stamp counter, per packet, by stage: the median over bursts of full length, so that a burst that
 * was interrupted does not count.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../tests/unit/port/ring_guest.h"
#include "base/clock.h"

enum { HEADER = 12, BURST = 64, STAGES = 3, SAMPLES = 1 << 16, STRIDE = 2304 };

static const char *const stage_names[STAGES] = { "rx", "tx", "done" };

struct options {
	uint32_t len;
	uint32_t size;
	uint32_t burst;
	uint64_t packets;
	bool is_packed;
	bool is_threaded;
	bool reads;
};

struct rig {
	struct options o;
	struct guest *from;
	struct guest *to;
	_Atomic bool is_done;
	uint64_t packets, bursts;
	uint32_t sample_count;
	uint32_t samples[STAGES][SAMPLES];
};

static void pin(unsigned core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

/* Every buffer has a place of its own, as in a guest. */
static void post_all(struct guest *g, struct guest_ring *r, uint32_t len, uint32_t stride)
{
	for (uint32_t i = 0; i < r->size; i++) {
		const struct guest_piece one = { guest_alloc(g, stride, 64), len };

		(void)guest_post(r, &one, 1, 0);
	}
}

static void read_all(const uint8_t *at, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i + sizeof(sum) <= len; i += sizeof(sum)) {
		uint64_t word;

		memcpy(&word, at + i, sizeof(word));
		sum += word;
	}
	__asm__ volatile("" : : "r"(sum));
}

/*
 * The descriptor that came back goes out again; packed ones must be written anew.  'reader': whose
 * memory the packets are in, if they are read, or NULL.
 */
static uint32_t repost(struct guest_ring *r, uint32_t len, const uint64_t *places,
		       const struct guest *reader)
{
	uint32_t count = 0;
	uint32_t got;

	for (int nr = guest_used(r, &got); nr >= 0 && count < 2 * BURST; nr = guest_used(r, &got)) {
		const struct guest_piece one = { places[nr], len };

		if (reader)
			read_all(guest_at(reader, places[nr]), got);
		(void)guest_post(r, &one, 1, 0);
		count++;
	}
	return count;
}

static void remember_places(const struct guest_ring *r, uint64_t *places)
{
	for (uint32_t i = 0; i < r->size; i++) {
		uint16_t id;

		if (r->is_packed) {
			memcpy(&id, r->desc + (size_t)i * 16 + 12, 2);
			id = (uint16_t)(id - r->id_base);
		} else {
			id = (uint16_t)i;
		}
		memcpy(&places[id], r->desc + (size_t)i * 16, 8);
	}
}

static void drive(struct rig *rig, const uint64_t *from, const uint64_t *to)
{
	(void)repost(rig->to->rings[0], 2048, to, rig->o.reads ? rig->to : NULL);
	(void)repost(rig->from->rings[1], rig->o.len + HEADER, from, NULL);
}

static void forward(struct rig *rig)
{
	struct packet *pkts[BURST];
	uint64_t t0 = clock_cycles();
	uint32_t count = guest_rx(rig->from, 0, pkts, rig->o.burst);
	uint64_t t1 = clock_cycles();
	uint64_t t2;
	uint32_t sent;

	if (!count)
		return;
	sent = vhost_tx(&rig->to->d.backend, 0, pkts, count);
	t2 = clock_cycles();
	vhost_rx_done(&rig->from->d.backend, 0);
	packet_free_burst(rig->from->pool, pkts, count);
	if (sent == rig->o.burst && rig->sample_count < SAMPLES) {
		uint32_t nr = rig->sample_count++;

		rig->samples[0][nr] = (uint32_t)(t1 - t0);
		rig->samples[1][nr] = (uint32_t)(t2 - t1);
		rig->samples[2][nr] = (uint32_t)(clock_cycles() - t2);
	}
	rig->packets += count;
	rig->bursts++;
}

static uint64_t places[2][VHOST_SIZE_MAX];

static void *drive_thread(void *arg)
{
	struct rig *rig = arg;

	pin(1);
	while (!atomic_load_explicit(&rig->is_done, memory_order_relaxed))
		drive(rig, places[0], places[1]);
	return NULL;
}

static struct guest *make_guest(const struct options *o)
{
	return guest_with((uint64_t)o->is_packed << VHOST_RING_PACKED, (uint16_t)o->size);
}

static void run(struct rig *rig)
{
	pthread_t thread;
	bool is_started;

	pin(0);
	is_started = rig->o.is_threaded && pthread_create(&thread, NULL, drive_thread, rig) == 0;
	while (rig->packets < rig->o.packets) {
		if (!is_started)
			drive(rig, places[0], places[1]);
		forward(rig);
	}
	atomic_store(&rig->is_done, true);
	if (is_started)
		(void)pthread_join(thread, NULL);
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return (*x > *y) - (*x < *y);
}

static void report(struct rig *rig)
{
	double all = 0;

	printf("%s %u bytes, ring %u, %s:", rig->o.is_packed ? "packed" : "split", rig->o.len,
	       rig->o.size, rig->o.is_threaded ? "two cores" : "one core");
	for (uint32_t i = 0; i < STAGES && rig->sample_count; i++) {
		const uint32_t *middle = &rig->samples[i][rig->sample_count / 2];
		double cycles;

		qsort(rig->samples[i], rig->sample_count, sizeof(uint32_t), compare);
		cycles = (double)*middle / rig->o.burst;
		printf(" %s %.1f", stage_names[i], cycles);
		all += cycles;
	}
	printf(", all %.1f cycles a packet; %.1f packets a burst\n", all,
	       (double)rig->packets / (double)rig->bursts);
}

static int usage(void)
{
	(void)fprintf(
		stderr,
		"usage: vring_bench [-p] [-t] [-r] [-l BYTES] [-s RING] [-b BURST] [-n PACKETS]\n");
	return 2;
}

static int parse(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "ptrl:s:b:n:")) != -1) {
		if (c == 'p')
			o->is_packed = true;
		else if (c == 't')
			o->is_threaded = true;
		else if (c == 'r')
			o->reads = true;
		else if (c == 'l')
			o->len = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 's')
			o->size = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'b')
			o->burst = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'n')
			o->packets = strtoull(optarg, NULL, 10);
		else
			return -EINVAL;
	}
	if (o->len < 14 || o->len > 2000 || o->size < BURST || o->size > 4096 || o->burst == 0 ||
	    o->burst > BURST || (!o->is_packed && o->size & (o->size - 1)))
		return -EINVAL;
	return 0;
}

int main(int argc, char **argv)
{
	static struct rig rig = {
		.o = { .len = 64, .size = 256, .burst = BURST, .packets = 2000000 }
	};

	if (parse(argc, argv, &rig.o))
		return usage();
	rig.from = make_guest(&rig.o);
	rig.to = make_guest(&rig.o);
	post_all(rig.from, rig.from->rings[1], rig.o.len + HEADER, STRIDE);
	post_all(rig.to, rig.to->rings[0], 2048, STRIDE);
	remember_places(rig.from->rings[1], places[0]);
	remember_places(rig.to->rings[0], places[1]);
	run(&rig);
	report(&rig);
	guest_destroy(rig.from);
	guest_destroy(rig.to);
	return 0;
}
