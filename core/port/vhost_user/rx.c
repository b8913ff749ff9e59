/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/rx.c - packets out of a guest's transmit ring.
 *
 * The first bytes are copied into the packet, where the guest cannot change them any more; the
 * payload stays where it is and is lent to the path until rx_done(), which gives the batch back.
 * Positions move only then: a daemon that dies in between reads the same packets again.
 */
#include <assert.h>

#include "base/bytes.h"
#include "base/copy.h"
#include "port/vhost_user/batch.h"

enum { FRAME_MIN = 14, NET_PLAIN = 0 }; /* flags and gso_type of a header: nothing to do */

/* ---- the announcement of a guest that has moved ------------------------------------------------- */

enum { RARP_BYTES = 60, ETHERTYPE_RARP = 0x8035, RARP_REQUEST = 3 };

/* RFC 903, a request for the guest's own address, as QEMU sends it: switches learn where it is. */
static struct packet *make_rarp(const uint8_t mac[6], struct pool *pool)
{
	static const uint8_t ether_ipv4[6] = { 0, 1, 8, 0, 6, 4 };
	struct packet *p = packet_new(pool);
	uint8_t *b;

	if (!p)
		return NULL;
	b = p->x.data;
	memset(b, 0, RARP_BYTES);
	memset(b, 0xff, 6);
	memcpy(b + 6, mac, 6);
	put_be16(b + 12, ETHERTYPE_RARP);
	memcpy(b + 14, ether_ipv4, sizeof(ether_ipv4));
	put_be16(b + 20, RARP_REQUEST);
	memcpy(b + 22, mac, 6);
	memcpy(b + 32, mac, 6);
	p->x.len = RARP_BYTES;
	p->x.linear = RARP_BYTES;
	return p;
}

/* Acquire: pairs with the control thread's release behind the address. */
static bool is_rarp_due(const struct vhost_device *d, unsigned queue)
{
	return queue == 0 && atomic_load_explicit(&d->rarp_due, memory_order_acquire);
}

/* Release: the address was read, and may be written again; pairs with request_send_rarp(). */
static uint32_t take_rarp(struct vhost_device *d, struct pool *pool, struct packet **out)
{
	*out = make_rarp(d->rarp_mac, pool);
	if (!*out)
		return 0; /* it stays due until the pool has one */
	atomic_store_explicit(&d->rarp_due, 0, memory_order_release);
	return 1;
}

/* ---- one packet ------------------------------------------------------------------------------------ */

/* Where in a chain we are. */
struct reading {
	const struct vring_segment *s;
	uint32_t left; /* segments, this one included */
	uint32_t off;  /* in this one */
};

static void read_bytes(struct reading *r, uint8_t *to, uint32_t len)
{
	while (len > 0 && r->left > 0) {
		uint32_t here = r->s->len - r->off;
		uint32_t some = here < len ? here : len;

		memcpy(to, r->s->at + r->off, some);
		to += some;
		len -= some;
		r->off += some;
		if (r->off == r->s->len) {
			r->s++;
			r->left--;
			r->off = 0;
		}
	}
}

/* What is left of the chain stays where it is. */
static void lend(struct reading *r, struct packet *p, struct iovec *runs)
{
	p->tail = runs;
	for (; r->left > 0; r->left--, r->s++) {
		*runs++ = (struct iovec){ r->s->at + r->off, r->s->len - r->off };
		r->off = 0;
	}
	p->tail_count = (uint16_t)(runs - p->tail);
}

static bool take_header(struct packet *p, const uint8_t header[VNET_BYTES], uint32_t size)
{
	uint16_t kind;

	memcpy(&kind, header, sizeof(kind));
	return kind == NET_PLAIN || vnet_read(p, header, size);
}

/* So many pieces that they are put into one: a packet of another shape takes the place of *p. */
static bool put_together(struct packet **p, struct reading *r, uint32_t len)
{
	struct packet *whole = packet_new_linear((*p)->pool, len);

	if (!whole)
		return false;
	whole->x.flags = (*p)->x.flags;
	whole->x.gso_type = (*p)->x.gso_type;
	whole->x.gso_size = (*p)->x.gso_size;
	whole->x.csum_start = (*p)->x.csum_start;
	whole->x.csum_off = (*p)->x.csum_off;
	read_bytes(r, whole->x.data, len);
	packet_free(*p);
	*p = whole;
	return true;
}

static bool fill_any(struct packet **p, const struct vring_chain *c, const struct vring_segment *s,
		     uint32_t header_bytes, struct iovec *runs)
{
	struct reading r = { s, c->count, 0 };
	uint32_t len = c->len - header_bytes;
	uint32_t linear = len < PACKET_HEAD ? len : PACKET_HEAD;
	uint8_t header[VNET_BYTES] = { 0 };

	read_bytes(&r, header, header_bytes);
	if (!take_header(*p, header, header_bytes))
		return false;
	if (r.left > RUNS_MAX)
		return put_together(p, &r, len);
	read_bytes(&r, (*p)->x.data, linear);
	(*p)->x.len = len;
	(*p)->x.linear = linear;
	lend(&r, *p, runs);
	return true;
}

/* ---- a batch ----------------------------------------------------------------------------------------- */

struct receiving {
	struct vring vr;
	struct vring_stage st;
	struct vhost_batch *batch;
	uint32_t header_bytes;
	uint32_t run_count;
	uint64_t bytes; /* of good packets */
	bool is_vain;   /* there was something, and nothing of it is for the path */
};

static bool is_length_possible(uint32_t len)
{
	return len - FRAME_MIN <= (uint32_t)PACKET_MAX - FRAME_MIN;
}

/* False: not a packet that can be; the descriptors go back all the same. */
static bool fill(struct receiving *rx, const struct vring_chain *c, struct packet **p)
{
	const struct vring_segment one = { c->at, c->len };
	const struct vring_segment *s = c->count == 1 ? &one : &rx->st.segments[c->first];

	if (!is_length_possible(c->len - rx->header_bytes) ||
	    !fill_any(p, c, s, rx->header_bytes, &rx->batch->runs[rx->run_count]))
		return false;
	rx->run_count += (*p)->tail_count;
	rx->bytes += (*p)->x.len;
	return true;
}

/* The frame is in one piece; its first bytes are to be ours.  How many runs stay where they are. */
static inline uint32_t fill_frame(struct packet *p, uint8_t *frame, uint32_t len, struct iovec *run)
{
	p->x.len = len;
	if (len <= PACKET_HEAD) {
		copy_short(p->head + XVS_HEADROOM, frame, len);
		p->x.linear = len;
		return 0;
	}
	memcpy(p->head + XVS_HEADROOM, frame, PACKET_HEAD);
	p->x.linear = PACKET_HEAD;
	*run = (struct iovec){ frame + PACKET_HEAD, len - PACKET_HEAD };
	p->tail = run;
	p->tail_count = 1;
	return 1;
}

/*
 * Chains of one descriptor whose header says nothing, in a row: nearly all there are.  From packet
 * 'from' on, up to 'end' or one that is not; which that is.
 */
static uint32_t fill_plain(struct receiving *rx, struct packet *const *pkts, uint32_t from,
			   uint32_t end)
{
	const uint32_t header_bytes = rx->header_bytes;
	const struct vring_chain *chains = rx->st.chains;
	struct iovec *run = &rx->batch->runs[rx->run_count];
	uint64_t bytes = 0;
	uint32_t nr = from;

	for (; nr < end; nr++) {
		const struct vring_chain *c = &chains[nr];
		const uint32_t len = c->len - header_bytes;

		if (c->count != 1 || !is_length_possible(len) || guest_read16(c->at) != NET_PLAIN)
			break;
		run += fill_frame(pkts[nr], c->at + header_bytes, len, run);
		bytes += len;
	}
	rx->run_count = (uint32_t)(run - rx->batch->runs);
	rx->bytes += bytes;
	return nr;
}

static void count_batch(struct vhost_ring *r, uint32_t packets, uint64_t bytes, uint32_t bad)
{
	ring_count(&r->packets, packets);
	ring_count(&r->bytes, bytes);
	if (bad)
		ring_count(&r->bad, bad);
}

/* Packets of the chains that were staged, without those that cannot be; how many. */
static uint32_t fill_all(struct receiving *rx, struct packet **pkts, uint32_t count)
{
	uint32_t nr = fill_plain(rx, pkts, 0, count);
	uint32_t good = nr;

	while (nr < count) {
		struct packet *p = pkts[nr];
		uint32_t odd = nr;

		if (fill(rx, &rx->st.chains[nr], &p))
			pkts[good++] = p;
		else
			packet_free(p);
		nr = fill_plain(rx, pkts, odd + 1, count);
		memmove(pkts + good, pkts + odd + 1, (nr - odd - 1) * sizeof(struct packet *));
		good += nr - odd - 1;
	}
	return good;
}

/* As far as the pool has any. */
static uint32_t receive(struct receiving *rx, struct pool *pool, struct packet **out)
{
	uint32_t got = packet_new_burst(pool, out, rx->st.chain_count);
	uint32_t good = fill_all(rx, out, got);

	rx->batch->count = got;
	count_batch(rx->vr.ring, good, rx->bytes, got - good);
	return good;
}

static void stop_kicks(struct receiving *rx)
{
	vring_ask(&rx->vr, rx->vr.ring->at.next_avail, false);
	batch_ask(rx->batch, false);
}

static uint32_t receive_from(struct receiving *rx, struct pool *pool, struct packet **out,
			     uint32_t max)
{
	struct vhost_ring *r = rx->vr.ring;
	uint32_t good;

	rx->batch = r->batch;
	assert(rx->batch->count == 0);
	rx->st.position = r->at.next_avail;
	rx->st.chains = rx->batch->chains;
	rx->st.segments = rx->batch->segments;
	rx->st.used = r->mark->taken[0].used;
	rx->header_bytes = vring_header_bytes(rx->vr.view->features);
	if (!vring_stage(&rx->vr, &rx->st, max, false)) {
		rx->is_vain = vring_is_others(&rx->vr, r->at.next_avail) &&
			      vring_pass_others(&rx->vr, &rx->st);
		return 0;
	}
	rx->batch->view = rx->vr.view;
	good = receive(rx, pool, out);
	rx->is_vain = good == 0;
	if (good > 0 && batch_is_asked(rx->batch))
		stop_kicks(rx);
	return good;
}

/*
 * There was something, and nothing of it is for the path, which will not say that it is done.  Where
 * kicks are on, they are for a place that we have left, and the worker, which has seen no packet, would
 * sleep without asking for others: it has to be kicked.
 */
static void receive_nothing(struct receiving *rx, unsigned queue)
{
	vhost_rx_done(&rx->vr.device->backend, queue);
	if (rx->is_vain && batch_is_asked(rx->batch))
		vhost_kick_self(rx->vr.device, queue);
}

uint32_t vhost_rx(struct backend *b, unsigned queue, struct pool *pool, struct packet **out,
		  uint32_t max)
{
	struct vhost_device *d = (struct vhost_device *)b;
	const struct vhost_view *v = rcu_read(&d->view);
	struct receiving rx = { .run_count = 0 };
	uint32_t count;

	if (vhost_is_broken(d))
		return 0;
	if (is_rarp_due(d, queue))
		return take_rarp(d, pool, out);
	if (!v || !vring_open(&rx.vr, d, v, 2 * queue + 1))
		return 0;
	count = receive_from(&rx, pool, out, max);
	if (count == 0)
		receive_nothing(&rx, queue);
	return count;
}

void vhost_rx_done(struct backend *b, unsigned queue)
{
	struct vhost_device *d = (struct vhost_device *)b;
	struct vhost_ring *r = &d->rings[2 * queue + 1];
	struct vring vr;
	uint16_t from;

	if (r->batch->count == 0 || !vring_open(&vr, d, r->batch->view, r->nr))
		return;
	from = vring_publish(&vr, &r->mark->taken[0], r->batch->count);
	r->batch->count = 0;
	vring_notify(&vr, from, r->at.next_used);
}

/* ---- sleep --------------------------------------------------------------------------------------------- */

/*
 * The fence is between our wish and the look: the driver has one between its index and its look
 * at the wish, so one of us sees the other's.
 */
bool vhost_arm(struct backend *b, unsigned queue)
{
	struct vhost_device *d = (struct vhost_device *)b;
	const struct vhost_view *v = rcu_read(&d->view);
	struct vhost_ring *r = &d->rings[2 * queue + 1];
	struct vring vr;

	if (vhost_is_broken(d))
		return false;
	if (is_rarp_due(d, queue))
		return true;
	if (!v || !vring_open(&vr, d, v, r->nr))
		return false;
	vring_ask(&vr, r->at.next_avail, true);
	batch_ask(r->batch, true);
	atomic_thread_fence(memory_order_seq_cst);
	return vring_has(&vr, r->at.next_avail) || vring_is_others(&vr, r->at.next_avail);
}

void vhost_disarm(struct backend *b, unsigned queue)
{
	struct vhost_device *d = (struct vhost_device *)b;
	const struct vhost_view *v = rcu_read(&d->view);
	struct vhost_ring *r = &d->rings[2 * queue + 1];
	struct vring vr;
	const bool is_there = v && vring_open(&vr, d, v, r->nr);

	vhost_kick_clear(d, queue, is_there ? vr.at : NULL);
	if (!is_there || !batch_is_asked(r->batch))
		return;
	vring_ask(&vr, r->at.next_avail, false);
	batch_ask(r->batch, false);
}
