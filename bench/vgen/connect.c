/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/connect.c - TCP connections from A to B, as many as the switch lets come about, for a time.
 *
 *	A: SYN  ->  B: SYN ACK  ->  A: ACK, and with --close a RST behind it
 *
 * Each is one that was never there before.  Neither side keeps anything of them: who is answered is
 * in the segment that is answered.  So many are under way at once as WINDOW says; of those that the
 * switch loses nothing is heard any more, and after a while without any news they are given up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "vgen/vgen.h"

enum { WINDOW = 192, QUEUE = 512, TURNS = 64, GIVE_UP_MS = 20, SETTLE_MS = 20, WARM_AGAIN_MS = 50 };
enum { IP = 14, IP_SUM = 24, L4 = 34, SEQ = 38, ACK = 42, FLAGS = 47, TCP_SUM = 50 };
enum { TCP_RST = 0x04, CLIENT_SEQ = 1000, SERVER_SEQ = 5000 };

/* Segments that wait for buffers to be sent in. */
struct outbox {
	struct port *from;
	struct flow_head heads[QUEUE];
	uint32_t first, count;
	uint64_t overflows;
};

struct office {
	struct vgen *vgen;
	struct outbox boxes[2]; /* of A, of B */
	struct flow_head syn;   /* the next but for who asks */
	uint64_t serial;
	uint64_t begun, answered, open, lost;
	uint64_t heard_ns; /* when one was last opened */
	uint64_t idle_cycles;
};

/* ---- segments --------------------------------------------------------------------------------- */

/* The sum of a header over 'len' bytes from 'at' of which 'sum_at' is the sum itself. */
static uint16_t header_sum(const uint8_t *at, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i += 2)
		sum += get_be16(at + i);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static void sum_all(uint8_t *f)
{
	enum { PROTO_TCP = 6, HEADER = 20 };

	put_be16(f + IP_SUM, 0);
	put_be16(f + IP_SUM, header_sum(f + IP, HEADER, 0));
	put_be16(f + TCP_SUM, 0);
	/* two addresses, and the segment behind them */
	put_be16(f + TCP_SUM, header_sum(f + L4 - 8, 8 + HEADER, PROTO_TCP + HEADER));
}

static struct flow_head *box_add(struct outbox *box)
{
	if (box->count == QUEUE) {
		box->overflows++;
		return NULL;
	}
	return &box->heads[(box->first + box->count++) % QUEUE];
}

static void say(struct flow_head *out, uint32_t seq, uint32_t ack, uint8_t flags)
{
	put_be32(out->bytes + SEQ, seq);
	put_be32(out->bytes + ACK, ack);
	out->bytes[FLAGS] = flags;
	sum_all(out->bytes);
}

/* To the sender of 'frame', from whom it was for. */
static void answer(struct outbox *box, const uint8_t *frame, uint32_t seq, uint32_t ack,
		   uint8_t flags)
{
	struct flow_head *out = box_add(box);

	if (!out)
		return;
	memcpy(out->bytes, frame, FLOW_SIZE_MIN);
	memcpy(out->bytes, frame + 6, 6);
	memcpy(out->bytes + 6, frame, 6);
	memcpy(out->bytes + L4 - 8, frame + L4 - 4, 4);
	memcpy(out->bytes + L4 - 4, frame + L4 - 8, 4);
	memcpy(out->bytes + L4, frame + L4 + 2, 2);
	memcpy(out->bytes + L4 + 2, frame + L4, 2);
	say(out, seq, ack, flags);
}

/* Another address for each of a million, then another port; 'shift' is another one each run. */
static void ask(struct office *o)
{
	struct flow_head *out = box_add(&o->boxes[0]);
	uint64_t serial = o->serial++;

	if (!out)
		return;
	*out = o->syn;
	put_be32(out->bytes + L4 - 8, 10u << 24 | (uint32_t)(serial & 0xfffff));
	put_be16(out->bytes + L4,
		 (uint16_t)(0x8000 | ((serial >> 20) + o->vgen->o.port_shift) % 0x8000));
	say(out, CLIENT_SEQ, 0, TCP_SYN);
	o->begun++;
}

static void at_server(void *arg, const uint8_t *frame, uint32_t len)
{
	struct office *o = arg;

	if (len < FLOW_SIZE_MIN || flow_of(frame, len) == UINT32_MAX)
		return;
	if (frame[FLAGS] == TCP_SYN)
		answer(&o->boxes[1], frame, SERVER_SEQ, CLIENT_SEQ + 1, TCP_SYN | TCP_ACK);
	else if (frame[FLAGS] == TCP_ACK)
		o->open++;
}

static void at_client(void *arg, const uint8_t *frame, uint32_t len)
{
	struct office *o = arg;

	if (len < FLOW_SIZE_MIN || frame[FLAGS] != (TCP_SYN | TCP_ACK))
		return;
	o->answered++;
	answer(&o->boxes[0], frame, CLIENT_SEQ + 1, SERVER_SEQ + 1, TCP_ACK);
	if (o->vgen->o.closes)
		answer(&o->boxes[0], frame, CLIENT_SEQ + 1, 0, TCP_RST);
}

/* ---- turns ------------------------------------------------------------------------------------ */

static uint32_t box_send(struct outbox *box)
{
	uint32_t want = box->count < PORT_BATCH ? box->count : PORT_BATCH;
	uint32_t room = want ? port_room(box->from, want, true) : 0;

	for (uint32_t i = 0; i < room; i++)
		memcpy(port_frame(box->from, i), box->heads[(box->first + i) % QUEUE].bytes,
		       FLOW_SIZE_MIN);
	if (room)
		port_send(box->from, room, FLOW_SIZE_MIN);
	box->first = (box->first + room) % QUEUE;
	box->count -= room;
	return room;
}

static void ask_some(struct office *o)
{
	uint64_t under_way = o->begun - o->open - o->lost;

	for (uint64_t i = under_way; i < WINDOW && o->boxes[0].count < PORT_BATCH; i++)
		ask(o);
}

static uint32_t turn(struct office *o, bool asks)
{
	struct vgen *g = o->vgen;
	uint64_t open = o->open;
	uint32_t done = 0;

	for (uint32_t nr = 0; nr < 2; nr++)
		done += port_peek(&g->ports[nr], true);
	for (uint32_t nr = 0; done && nr < 2; nr++)
		(void)port_take(&g->ports[nr]);
	if (asks)
		ask_some(o);
	for (uint32_t nr = 0; nr < 2; nr++)
		done += box_send(&o->boxes[nr]);
	if (done) {
		ring_fence();
		for (uint32_t nr = 0; nr < 2; nr++)
			port_kick(&g->ports[nr]);
	}
	if (o->open != open)
		o->heard_ns = 0;
	return done;
}

/* Nobody has been heard of for a while: those under way are lost. */
static void give_up(struct office *o, uint64_t now)
{
	if (o->heard_ns == 0) {
		o->heard_ns = now;
	} else if (now - o->heard_ns > UINT64_C(1) * GIVE_UP_MS * NS_PER_MS) {
		o->lost = o->begun - o->open;
		o->heard_ns = 0;
	}
}

static void run_for(struct office *o, double seconds, bool asks)
{
	uint64_t now = clock_ns();
	uint64_t end = now + (uint64_t)(seconds * (double)NS_PER_S);
	uint64_t then = clock_cycles();

	for (; now < end; now = clock_ns()) {
		for (uint32_t i = 0; i < TURNS; i++) {
			uint32_t done = turn(o, asks);
			uint64_t cycles = clock_cycles();

			if (done == 0)
				o->idle_cycles += cycles - then;
			then = cycles;
		}
		give_up(o, now);
	}
}

/* ---- telling ---------------------------------------------------------------------------------- */

struct sum {
	uint64_t ns, cycles, idle_cycles, begun, open, put;
};

static struct sum sum_of(const struct office *o)
{
	return (struct sum){ .ns = clock_ns(),
			     .cycles = clock_cycles(),
			     .idle_cycles = o->idle_cycles,
			     .begun = o->begun,
			     .open = o->open,
			     .put = o->vgen->ports[0].put + o->vgen->ports[1].put };
}

/* "mpps" is millions of connections, "sent_mpps" of packets, as the switch counts its work. */
static void print(const struct office *o, const struct sum *from, const struct sum *to)
{
	double s = (double)(to->ns - from->ns) / (double)NS_PER_S;
	double cycles = (double)(to->cycles - from->cycles);
	uint64_t lost = o->begun - o->open;

	printf("{\"mode\": \"connect\", \"mpps\": %.4f, \"sent_mpps\": %.4f, ",
	       (double)(to->open - from->open) / s / 1e6, (double)(to->put - from->put) / s / 1e6);
	printf("\"idle\": %.4f, \"seconds\": %.3f, \"begun\": %llu, \"open\": %llu, ",
	       (double)(to->idle_cycles - from->idle_cycles) / cycles, s,
	       (unsigned long long)o->begun, (unsigned long long)o->open);
	printf("\"lost\": %llu, \"lost_share\": %.6f, \"tsc_ghz\": %.4f, ",
	       (unsigned long long)lost, o->begun ? (double)lost / (double)o->begun : 0.0,
	       cycles / s / 1e9);
	vgen_print_ports(o->vgen);
	printf("}\n");
}

static void measure(struct office *o)
{
	struct sum from;
	struct sum to;

	run_for(o, o->vgen->o.warm_up_s, true);
	if (vgen_wait(o->vgen))
		run_for(o, WARM_AGAIN_MS / 1e3, true);
	from = sum_of(o);
	run_for(o, o->vgen->o.seconds, true);
	to = sum_of(o);
	run_for(o, SETTLE_MS / 1e3, false);
	print(o, &from, &to);
}

static void office_open(struct office *o, struct vgen *g)
{
	struct flow_shape shape = vgen_shape(g, false);

	o->vgen = g;
	shape.is_tcp = true;
	flow_write_tcp(&shape, 0, TCP_SYN, CLIENT_SEQ, 0, &o->syn);
	/* without options: 20 bytes of header, and padding */
	put_be16(o->syn.bytes + IP + 2, L4 + 20 - IP);
	o->syn.bytes[FLAGS - 1] = 0x50;
	memset(o->syn.bytes + FLOW_PAYLOAD_TCP, 0, FLOW_HEAD - FLOW_PAYLOAD_TCP);
	for (uint32_t nr = 0; nr < 2; nr++) {
		o->boxes[nr].from = &g->ports[nr];
		g->ports[nr].sink = nr ? at_server : at_client;
		g->ports[nr].sink_arg = o;
	}
}

int vgen_connections(struct vgen *g, struct xvs_error *err)
{
	struct office *o;
	int rc = vgen_prepare(g, err);

	if (rc)
		return rc;
	o = calloc(1, sizeof(*o));
	if (!o)
		return error_set(err, -ENOMEM, "", "out of memory");
	office_open(o, g);
	measure(o);
	rc = vgen_check(g, err);
	free(o);
	return rc;
}
