/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/mailbox.c - "xvs.mailbox/1": rings from workers to the control thread, calls to workers.
 *
 * A ring has one writer, its worker, and one reader, the control thread:
 *
 *   worker: fill slots[head], head++ (release), send the letter if none is under way
 *   control: the letter is home, then read up to head (acquire), tail++ (release)
 *
 * A post either finds the letter under way, which will see it, or sends one; none is forgotten.
 */
#include "ext/services.h"
#include "packet/sum.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLOTS_MAX = 4096,
	RING_BYTES_MAX = 8 << 20,
	MAIL_TURN = 64, /* mails that are read before the loop goes on */
	CALLS_MAX = 256,
};

struct mail_slot {
	struct xvs_mail mail;
	uint64_t bytes[XVS_MAIL_BYTES_MAX / sizeof(uint64_t)];
	uint8_t packet[];
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): a line for each side, on purpose. */
struct mailbox_ring {
	struct letter letter; /* first */
	struct mailbox *box;  /* NULL: closed, to be freed; the control thread's */
	uint8_t *slots;
	size_t stride;
	uint32_t count; /* of slots, a power of two; constant */
	atomic_bool is_sent;
	_Atomic uint32_t head __attribute__((aligned(64))); /* the worker's */
	uint32_t lost; /* the worker's: since the last post that found room */
	_Atomic uint32_t tail __attribute__((aligned(64))); /* the control thread's */
};

struct mailbox {
	struct instance *instance;
	xvs_mail_fn fn;
	uint32_t packet_max;
};

enum call_state { CALL_WAITING = 0, CALL_RUNNING = 1, CALL_RAN = 2, CALL_CANCELLED = 3 };

struct mail_call {
	struct letter letter; /* first */
	struct mail_call *next;
	struct instance *instance; /* NULL: answered; the control thread's */
	struct loop *loop;
	uint32_t worker;
	_Atomic uint32_t state;
	xvs_call_fn fn;
	xvs_called_fn done;
	void *arg;
};

static struct mail_slot *slot_at(const struct mailbox_ring *r, uint32_t nr)
{
	return (struct mail_slot *)(void *)(r->slots + (size_t)(nr & (r->count - 1)) * r->stride);
}

static void ring_destroy(struct mailbox_ring *r)
{
	if (!r)
		return;
	free(r->slots);
	free(r);
}

static struct mailbox_ring *ring_create(struct mailbox *box, uint32_t slots)
{
	struct mailbox_ring *r = aligned_alloc(_Alignof(struct mailbox_ring), sizeof(*r));

	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->box = box;
	r->count = slots;
	r->stride = (sizeof(struct mail_slot) + box->packet_max + 63) & ~(size_t)63;
	r->slots = calloc(slots, r->stride);
	if (r->slots)
		return r;
	free(r);
	return NULL;
}

static void mail_deliver(const struct mailbox *box, const struct mail_slot *slot)
{
	struct instance *i = box->instance;
	uint64_t since = control_enter();

	box->fn(i->self, &slot->mail);
	control_leave(i, "a mail function", since);
}

/* Reads out one turn; true if more is there. */
static bool ring_read(struct mailbox_ring *r)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	uint32_t head = atomic_load_explicit(&r->head, memory_order_acquire);
	uint32_t end = head - tail > MAIL_TURN ? tail + MAIL_TURN : head;

	for (; tail != end && !r->box->instance->services->is_silent; tail++) {
		mail_deliver(r->box, slot_at(r, tail));
		atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	}
	return tail != head;
}

static void ring_send(struct mailbox_ring *r, struct loop *loop);

static void on_mail(struct letter *letter)
{
	struct mailbox_ring *r = (struct mailbox_ring *)letter; /* its first member */

	(void)atomic_exchange_explicit(&r->is_sent, false, memory_order_acq_rel);
	if (!r->box) {
		ring_destroy(r);
		return;
	}
	if (r->box->instance->services->is_silent)
		return;
	if (ring_read(r))
		ring_send(r, r->box->instance->env->loop);
}

static void ring_send(struct mailbox_ring *r, struct loop *loop)
{
	if (!atomic_exchange_explicit(&r->is_sent, true, memory_order_acq_rel))
		loop_post(loop, &r->letter, on_mail);
}

static int open_check(const struct instance *i, uint32_t slots, uint32_t packet_max, xvs_mail_fn fn)
{
	if (!is_on_control(i) || !i->services->is_creating)
		return -EPERM;
	if (i->services->mailbox)
		return -EALREADY;
	if (!fn || slots == 0 || slots > SLOTS_MAX)
		return -EINVAL;
	if (packet_max > RING_BYTES_MAX / slots)
		return -E2BIG;
	return 0;
}

static void rings_destroy(struct instance *i)
{
	for (uint32_t w = 0; w < i->env->worker_count; w++) {
		ring_destroy(i->workers[w].mail);
		i->workers[w].mail = NULL;
	}
}

static int mailbox_open(const struct xvs_host *h, uint32_t slots, uint32_t packet_max,
			xvs_mail_fn fn)
{
	struct instance *i = instance_of(h);
	struct mailbox *box;
	uint32_t count = 1;
	int code = open_check(i, slots, packet_max, fn);

	if (code)
		return code;
	box = calloc(1, sizeof(*box));
	if (!box)
		return -ENOMEM;
	*box = (struct mailbox){ .instance = i, .fn = fn, .packet_max = packet_max };
	while (count < slots)
		count *= 2;
	for (uint32_t w = 0; w < i->env->worker_count; w++) {
		i->workers[w].mail = ring_create(box, count);
		if (!i->workers[w].mail) {
			rings_destroy(i);
			free(box);
			return -ENOMEM;
		}
	}
	i->services->mailbox = box;
	return 0;
}

/*
 * A checksum that the sender left open cannot be filled in by whoever gets the copy, since where
 * it stands is not told; so a whole copy has it.
 */
static void checksum_fill(struct mail_slot *slot, const struct xvs_packet *p)
{
	uint8_t *start = slot->packet + p->csum_start;
	uint32_t place = (uint32_t)p->csum_start + p->csum_off;
	uint16_t sum;

	if (!(p->flags & XVS_PKT_CSUM_TODO) || p->gso_type || slot->mail.packet_len < p->len ||
	    place + sizeof(sum) > p->len)
		return;
	sum = (uint16_t)~sum_fold(sum_bytes(start, p->len - p->csum_start));
	if (sum == 0)
		sum = UINT16_MAX; /* the same number; and UDP's 0 says that there is none */
	memcpy(start + p->csum_off, &sum, sizeof(sum));
	slot->mail.flags &= ~(uint32_t)XVS_PKT_CSUM_TODO;
}

/* Copies what is asked for and readable; without the right to payload that may be less. */
static void packet_copy(const struct xvs_host *h, struct mail_slot *slot, struct xvs_packet *p,
			uint32_t want)
{
	uint32_t len = want < p->len ? want : p->len;

	if (len > p->linear && h->pull)
		(void)h->pull(h, p, len);
	if (len > p->linear)
		len = p->linear;
	memcpy(slot->packet, p->data, len);
	slot->mail.packet = slot->packet;
	slot->mail.packet_len = len;
	slot->mail.wire_len = p->len;
	slot->mail.port = p->port_in;
	slot->mail.flags = p->flags;
	slot->mail.vlan_tci = p->vlan_tci;
	checksum_fill(slot, p);
}

static int mailbox_post(const struct xvs_host *h, const void *bytes, uint32_t len,
			struct xvs_packet *p, uint32_t packet_len)
{
	struct instance *i = instance_of(h);
	struct worker *worker;
	struct instance_worker *here = worker_here(i, &worker);
	struct mailbox_ring *r = here ? here->mail : NULL;
	struct mail_slot *slot;
	uint32_t head;

	if (!r)
		return -EPERM;
	if (len > XVS_MAIL_BYTES_MAX || (p && packet_len > r->box->packet_max))
		return -E2BIG;
	head = atomic_load_explicit(&r->head, memory_order_relaxed);
	/* Acquire: the reader is through with the slot. */
	if (head - atomic_load_explicit(&r->tail, memory_order_acquire) == r->count) {
		r->lost++;
		return -EAGAIN;
	}
	slot = slot_at(r, head);
	slot->mail = (struct xvs_mail){
		.size = sizeof(slot->mail),
		.worker = worker->nr,
		.bytes = slot->bytes,
		.bytes_len = len,
		.lost = (uint16_t)(r->lost > UINT16_MAX ? UINT16_MAX : r->lost),
	};
	r->lost = 0;
	if (len)
		memcpy(slot->bytes, bytes, len);
	if (p)
		packet_copy(h, slot, p, packet_len);
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	ring_send(r, i->env->loop);
	return 0;
}

/* ---- calls ---- */

static void call_answer(struct instance *i, struct mail_call *c, bool ran)
{
	struct mail_call **place = &i->services->calls;
	uint64_t since = control_enter();

	while (*place != c)
		place = &(*place)->next;
	*place = c->next;
	i->services->call_count--;
	c->instance = NULL;
	if (c->done)
		c->done(c->arg, ran);
	control_leave(i, "an answer from a worker", since);
}

static void on_home(struct letter *letter)
{
	struct mail_call *c = (struct mail_call *)letter; /* its first member */

	if (c->instance)
		call_answer(c->instance, c, true);
	free(c);
}

static void on_worker(struct letter *letter)
{
	struct mail_call *c = (struct mail_call *)letter; /* its first member */
	uint32_t waiting = CALL_WAITING;

	if (atomic_compare_exchange_strong_explicit(&c->state, &waiting, CALL_RUNNING,
						    memory_order_acq_rel, memory_order_relaxed)) {
		struct instance_worker *w = &c->instance->workers[c->worker];

		worker_enter(w);
		c->fn(c->arg, w->state, worker_self ? worker_self->now_ns : 0);
		worker_leave(w);
		/* Release: pairs with call_end(). */
		atomic_store_explicit(&c->state, CALL_RAN, memory_order_release);
	}
	loop_post(c->loop, &c->letter, on_home);
}

static int mailbox_call(const struct xvs_host *h, uint32_t worker, xvs_call_fn fn,
			xvs_called_fn done, void *arg)
{
	struct instance *i = instance_of(h);
	struct instance_services *s = i->services;
	struct mail_call **end = &s->calls;
	struct mail_call *c;

	if (!is_on_control(i))
		return -EPERM;
	if (!fn)
		return -EINVAL;
	if (s->is_silent || worker >= i->env->worker_count || !i->workers[worker].attached)
		return -ENODEV;
	if (s->call_count >= CALLS_MAX)
		return -EAGAIN;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct mail_call){
		.instance = i,
		.loop = i->env->loop,
		.worker = worker,
		.fn = fn,
		.done = done,
		.arg = arg,
	};
	while (*end)
		end = &(*end)->next;
	*end = c;
	s->call_count++;
	worker_post(i->env->workers[worker], &c->letter, on_worker);
	return 0;
}

/* Cancels a call that has not begun, else waits for its end; true if it ran. */
static bool call_end(struct mail_call *c)
{
	uint32_t state = CALL_WAITING;

	if (atomic_compare_exchange_strong_explicit(&c->state, &state, CALL_CANCELLED,
						    memory_order_acq_rel, memory_order_acquire))
		return false;
	while (atomic_load_explicit(&c->state, memory_order_acquire) == CALL_RUNNING)
		(void)sched_yield(); /* worker functions are short and never wait for us */
	return true;
}

void mailbox_silence(struct instance *i)
{
	while (i->services->calls) {
		struct mail_call *c = i->services->calls;

		call_answer(i, c, call_end(c)); /* its letter frees it when it comes home */
	}
}

void mailbox_close(struct instance *i)
{
	if (!i->services->mailbox)
		return;
	for (uint32_t w = 0; w < i->env->worker_count; w++) {
		struct mailbox_ring *r = i->workers[w].mail;

		i->workers[w].mail = NULL;
		if (atomic_load_explicit(&r->is_sent, memory_order_acquire))
			r->box = NULL; /* its letter frees it */
		else
			ring_destroy(r);
	}
	free(i->services->mailbox);
	i->services->mailbox = NULL;
}

const struct xvs_mailbox_host mailbox_host = {
	.size = sizeof(mailbox_host),
	.open = mailbox_open,
	.post = mailbox_post,
	.call = mailbox_call,
};
