/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugins/fake_host.h - a host in one thread, for unit tests of extensions against api/ alone.
 *
 * It offers the functions of struct xvs_host and the interfaces flow-host, conn-host, timer, task
 * and mailbox (upwards); what an extension asks for is written down, and happens only when the test
 * says so: fake_quiet() lets all workers pass a quiet point, fake_timers() fires what is armed,
 * fake_tasks() runs what was started, fake_mails() delivers what was posted.  fake_parse() makes packet and key from bytes.
 */
#ifndef TESTS_PLUGINS_FAKE_HOST_H
#define TESTS_PLUGINS_FAKE_HOST_H

#define XVS_USE_DRAFT

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xvs/ext/classify.h"
#include "xvs/ext/event.h"
#include "xvs/ext/l2.h"
#include "xvs/ext/mailbox.h"
#include "xvs/ext/mark.h"
#include "xvs/ext/mirror.h"
#include "xvs/ext/sdk.h"
#include "xvs/ext/task.h"
#include "xvs/ext/timer.h"
#include "xvs/extension.h"

enum { FAKE_JOBS = 64, FAKE_COUNTERS = 32 };

struct xvs_timer {
	xvs_timer_fn fn;
	void *arg;
	bool armed;
};

struct fake_host {
	struct xvs_host host; /* first: what the extension gives back points here too */
	const struct xvs_extension *ext;
	void *self;
	uint64_t now_ns;

	struct {
		void (*fn)(void *arg);
		void *arg;
	} deferred[FAKE_JOBS];
	unsigned deferred_count;

	struct {
		xvs_task_run run;
		xvs_task_done done;
		void *arg;
	} tasks[FAKE_JOBS];
	unsigned task_count;
	bool has_no_task; /* the host does not offer "xvs.task/1" */

	struct xvs_timer *timers[FAKE_JOBS];
	unsigned timer_count;

	xvs_mail_fn on_mail;
	struct {
		uint64_t words[XVS_MAIL_BYTES_MAX / 8];
		uint32_t len;
	} mails[FAKE_JOBS];
	unsigned mail_count;
	uint16_t mails_lost;

	unsigned invalidated;        /* calls */
	uint64_t invalidated_tags;   /* of all calls, or'ed */
	unsigned matches;            /* calls of invalidate_match() */
	struct xvs_flow_key match;   /* key of the last */
	void (*on_match)(void *arg); /* called within each, if set */
	void *on_match_arg;
	unsigned conns_invalidated;
	unsigned events;
	unsigned char event[512]; /* value of the last */
	uint32_t event_port;

	uint8_t known[6];        /* the one address that the switch knows; zero: all */
	uint8_t mate[6];         /* of another adapter of the guest */
	unsigned marks;          /* calls */
	uint32_t priority, dscp; /* of the last */
	unsigned copies;         /* packets */
	char session[64];        /* of the last */
	bool has_no_session;     /* copy() finds none */

	unsigned logs;
	char log[512]; /* the last line */
	uint64_t counters[FAKE_COUNTERS];
};

static inline struct fake_host *fake_of(const struct xvs_host *h)
{
	return (struct fake_host *)(uintptr_t)h;
}

/* ---- what the extension calls ------------------------------------------------------------ */

static inline void fake_log(const struct xvs_host *h, int level, const char *text)
{
	struct fake_host *f = fake_of(h);

	(void)level;
	f->logs++;
	(void)snprintf(f->log, sizeof(f->log), "%s", text);
}

static inline uint64_t fake_now(const struct xvs_host *h)
{
	return fake_of(h)->now_ns;
}

static inline void fake_defer(const struct xvs_host *h, void (*fn)(void *arg), void *arg)
{
	struct fake_host *f = fake_of(h);

	assert_true(f->deferred_count < FAKE_JOBS);
	f->deferred[f->deferred_count].fn = fn;
	f->deferred[f->deferred_count++].arg = arg;
}

static inline void fake_invalidate(const struct xvs_host *h, uint64_t tags)
{
	fake_of(h)->invalidated++;
	fake_of(h)->invalidated_tags |= tags;
}

static inline void fake_invalidate_match(const struct xvs_host *h, const struct xvs_flow_key *key,
					 const struct xvs_flow_key *mask)
{
	(void)mask;
	fake_of(h)->matches++;
	fake_of(h)->match = *key;
	if (fake_of(h)->on_match)
		fake_of(h)->on_match(fake_of(h)->on_match_arg);
}

static inline void fake_invalidate_conns(const struct xvs_host *h)
{
	fake_of(h)->conns_invalidated++;
}

static inline int fake_emit(const struct xvs_host *h, const struct xvs_feature *feature,
			    uint32_t port, const void *value)
{
	struct fake_host *f = fake_of(h);

	assert_true(feature->bytes <= sizeof(f->event));
	memcpy(f->event, value, feature->bytes);
	f->event_port = port;
	f->events++;
	return 0;
}

static inline int fake_knows(const struct xvs_host *h, const struct xvs_packet *p)
{
	static const uint8_t all[6];
	const struct fake_host *f = fake_of(h);

	return p->data[0] & 1 || memcmp(f->known, all, 6) == 0 || memcmp(f->known, p->data, 6) == 0;
}

static inline int fake_owns(const struct xvs_host *h, const struct xvs_packet *p)
{
	static const uint8_t none[6];
	const struct fake_host *f = fake_of(h);

	return memcmp(f->mate, none, 6) != 0 &&
	       (memcmp(f->mate, p->data, 6) == 0 || memcmp(f->mate, p->data + 6, 6) == 0);
}

static inline int fake_mark(const struct xvs_host *h, uint32_t priority, uint32_t dscp)
{
	struct fake_host *f = fake_of(h);

	f->marks++;
	f->priority = priority;
	f->dscp = dscp;
	return 0;
}

static inline int fake_copy(const struct xvs_host *h, const struct xvs_batch *b, uint64_t mask,
			    const char *session)
{
	struct fake_host *f = fake_of(h);

	(void)b;
	if (f->has_no_session)
		return -ENOENT;
	f->copies += (unsigned)__builtin_popcountll(mask);
	(void)snprintf(f->session, sizeof(f->session), "%s", session);
	return 0;
}

static inline struct xvs_timer *fake_timer_create(const struct xvs_host *h, xvs_timer_fn fn,
						  void *arg)
{
	struct fake_host *f = fake_of(h);
	struct xvs_timer *t = (struct xvs_timer *)calloc(1, sizeof(*t));

	assert_non_null(t);
	assert_true(f->timer_count < FAKE_JOBS);
	t->fn = fn;
	t->arg = arg;
	f->timers[f->timer_count++] = t;
	return t;
}

static inline void fake_timer_arm(const struct xvs_host *h, struct xvs_timer *t, uint64_t delay_ns)
{
	(void)h;
	(void)delay_ns;
	t->armed = true;
}

static inline void fake_timer_destroy(const struct xvs_host *h, struct xvs_timer *t)
{
	(void)h;
	if (t)
		t->armed = false;
}

static inline int fake_task_start(const struct xvs_host *h, xvs_task_run run, xvs_task_done done,
				  void *arg)
{
	struct fake_host *f = fake_of(h);

	if (f->task_count == FAKE_JOBS)
		return -EAGAIN;
	f->tasks[f->task_count].run = run;
	f->tasks[f->task_count].done = done;
	f->tasks[f->task_count++].arg = arg;
	return 0;
}

static inline void fake_task_cancel(const struct xvs_host *h)
{
	(void)h;
}

static inline int fake_mail_open(const struct xvs_host *h, uint32_t slots, uint32_t packet_max,
				 xvs_mail_fn fn)
{
	(void)slots;
	(void)packet_max;
	fake_of(h)->on_mail = fn;
	return 0;
}

static inline int fake_mail_post(const struct xvs_host *h, const void *bytes, uint32_t len,
				 struct xvs_packet *p, uint32_t packet_len)
{
	struct fake_host *f = fake_of(h);

	(void)p;
	(void)packet_len;
	if (f->mail_count == FAKE_JOBS) {
		f->mails_lost++;
		return -EAGAIN;
	}
	memcpy(f->mails[f->mail_count].words, bytes, len);
	f->mails[f->mail_count++].len = len;
	return 0;
}

static inline const void *fake_query(const struct xvs_host *h, const char *id)
{
	static const struct xvs_flow_host flow = { .size = sizeof(flow),
						   .invalidate = fake_invalidate,
						   .invalidate_match = fake_invalidate_match };
	static const struct xvs_conn_host conn = { .size = sizeof(conn),
						   .invalidate = fake_invalidate_conns };
	static const struct xvs_event_host event = { .size = sizeof(event), .emit = fake_emit };
	static const struct xvs_timer_host timer = { .size = sizeof(timer),
						     .create = fake_timer_create,
						     .arm = fake_timer_arm,
						     .destroy = fake_timer_destroy };
	static const struct xvs_task_host task = { .size = sizeof(task),
						   .start = fake_task_start,
						   .cancel = fake_task_cancel };

	static const struct xvs_mailbox_host mailbox = { .size = sizeof(mailbox),
							 .open = fake_mail_open,
							 .post = fake_mail_post };

	static const struct xvs_l2_host l2 = { .size = sizeof(l2),
					       .knows = fake_knows,
					       .owns = fake_owns };
	static const struct xvs_mark_host mark = { .size = sizeof(mark), .flow = fake_mark };
	static const struct xvs_mirror_host mirror = { .size = sizeof(mirror), .copy = fake_copy };

#ifdef FAKE_CLASSIFY /* the host's own: a test that defines it links xvs_ext */
	if (strcmp(id, "xvs.classify/1") == 0)
		return FAKE_CLASSIFY;
#endif
	if (strcmp(id, XVS_MAILBOX) == 0)
		return &mailbox;
	if (strcmp(id, XVS_FLOW_HOST) == 0)
		return &flow;
	if (strcmp(id, XVS_CONN_HOST) == 0)
		return &conn;
	if (strcmp(id, XVS_EVENTS) == 0)
		return &event;
	if (strcmp(id, XVS_L2) == 0)
		return &l2;
	if (strcmp(id, XVS_MARK) == 0)
		return &mark;
	if (strcmp(id, XVS_MIRROR) == 0)
		return &mirror;
	if (strcmp(id, XVS_TIMER) == 0)
		return &timer;
	if (strcmp(id, XVS_TASK) == 0 && !fake_of(h)->has_no_task)
		return &task;
	return NULL;
}

/* ---- what the test calls ----------------------------------------------------------------- */

static inline void fake_quiet(struct fake_host *f)
{
	for (unsigned i = 0; i < f->deferred_count; i++)
		f->deferred[i].fn(f->deferred[i].arg);
	f->deferred_count = 0;
}

static inline void fake_timers(struct fake_host *f)
{
	for (unsigned i = 0; i < f->timer_count; i++) {
		if (!f->timers[i]->armed)
			continue;
		f->timers[i]->armed = false;
		f->timers[i]->fn(f->timers[i]->arg);
	}
}

static inline void fake_tasks(struct fake_host *f)
{
	static const volatile bool not_cancelled;
	unsigned count = f->task_count;

	f->task_count = 0;
	for (unsigned i = 0; i < count; i++) {
		f->tasks[i].run(f->tasks[i].arg, &not_cancelled);
		f->tasks[i].done(f->tasks[i].arg, false);
	}
}

static inline void fake_mails(struct fake_host *f)
{
	for (unsigned i = 0; i < f->mail_count; i++) {
		struct xvs_mail m = { .size = sizeof(m),
				      .bytes = f->mails[i].words,
				      .bytes_len = f->mails[i].len };

		if (i == 0)
			m.lost = f->mails_lost;
		f->on_mail(f->self, &m);
	}
	f->mail_count = 0;
	f->mails_lost = 0;
}

/* One instance of the module's first extension. */
static inline void fake_create(struct fake_host *f, uint32_t workers)
{
	const struct xvs_create args = { .size = sizeof(args),
					 .workers = workers,
					 .switch_name = "lab",
					 .instance = "it",
					 .ports_max = 64,
					 .seed = UINT64_C(0x9e3779b97f4a7c15) };
	struct xvs_error err = { .size = sizeof(err) };
	bool no_task = f->has_no_task;

	memset(f, 0, sizeof(*f));
	f->has_no_task = no_task;
	f->now_ns = UINT64_C(1000000000000);
	f->host = (struct xvs_host){ .size = sizeof(f->host),
				     .name = "fake",
				     .log = fake_log,
				     .now = fake_now,
				     .query = fake_query,
				     .defer = fake_defer };
	f->ext = (const struct xvs_extension *)xvs_module_1.extensions.items;
	assert_int_equal(f->ext->ops->create(&f->host, &args, &f->self, &err), 0);
}

static inline void fake_destroy(struct fake_host *f)
{
	fake_quiet(f);
	fake_tasks(f);
	f->ext->ops->destroy(f->self);
	for (unsigned i = 0; i < f->timer_count; i++)
		free(f->timers[i]);
}

static inline struct xvs_port fake_port(uint32_t id, const char *name, const uint8_t mac[6])
{
	struct xvs_port port = { .size = sizeof(port), .id = id, .name = name, .mtu = 1500 };

	memcpy(port.mac, mac, 6);
	return port;
}

static inline void *fake_attach(struct fake_host *f, const struct xvs_port *port)
{
	struct xvs_error err = { .size = sizeof(err) };
	void *state = NULL;

	assert_int_equal(f->ext->ops->port_attach(f->self, port, &state, &err), 0);
	if (f->ext->ops->port_event)
		f->ext->ops->port_event(f->self, state, XVS_PORT_UP, port);
	return state;
}

static inline void fake_detach(struct fake_host *f, void *state)
{
	fake_quiet(f);
	f->ext->ops->port_detach(f->self, state);
}

/* check, and if 'apply' apply, else abort; the result of check, with its message in 'err'. */
static inline int fake_policy(struct fake_host *f, void *state, const char *feature,
			      const void *value, bool apply, struct xvs_error *err)
{
	void *prepared = NULL;
	int result;

	memset(err, 0, sizeof(*err));
	err->size = sizeof(*err);
	result = f->ext->ops->policy_check(f->self, state, feature, value, &prepared, err);
	if (result != 0)
		return result;
	if (apply)
		f->ext->ops->policy_apply(f->self, state, feature, value, prepared);
	else
		f->ext->ops->policy_abort(f->self, state, feature, prepared);
	return 0;
}

static inline const struct xvs_feature *fake_feature(const struct fake_host *f, const char *id)
{
	const struct xvs_feature *all = (const struct xvs_feature *)f->ext->features.items;

	for (uint32_t i = 0; i < f->ext->features.count; i++) {
		if (strcmp(all[i].id, id) == 0)
			return &all[i];
	}
	print_error("no feature %s\n", id);
	abort();
}

/* The name of a drop reason. */
static inline const char *fake_reason(const struct fake_host *f, uint16_t reason)
{
	assert_true(reason < f->ext->reasons.count);
	return ((const struct xvs_label *)f->ext->reasons.items)[reason].name;
}

/* ---- packets ----------------------------------------------------------------------------- */

struct fake_packet {
	struct xvs_packet x;
	struct xvs_flow_key key;
	uint8_t bytes[2048];
};

static inline uint16_t fake_hton(unsigned v)
{
	return xvs_ntoh16((uint16_t)v);
}

static inline void fake_ipv4_address(uint8_t out[16], const uint8_t *from)
{
	memset(out + 10, 0xff, 2);
	memcpy(out + 12, from, 4);
}

static inline void fake_parse_l4(struct fake_packet *p, uint32_t at, uint32_t end)
{
	const uint8_t *l4 = p->bytes + at;
	uint32_t need = p->x.l4_proto == 6 ? 20 : 8;

	p->key.ip_proto = p->x.l4_proto;
	if ((p->x.flags & XVS_PKT_LATER) || at + need > end)
		return;
	p->x.flags |= XVS_PKT_L4;
	p->x.l4_off = (uint16_t)at;
	if (p->x.l4_proto == 6 || p->x.l4_proto == 17 || p->x.l4_proto == 132) {
		memcpy(&p->key.l4_src, l4, 2);
		memcpy(&p->key.l4_dst, l4 + 2, 2);
	}
	if (p->x.l4_proto == 6)
		p->key.tcp_flags = fake_hton(xvs_get16(l4 + 12) & 0xfffu);
	if (p->x.l4_proto == 1 || p->x.l4_proto == 58) {
		p->key.l4_src = fake_hton(l4[0]);
		p->key.l4_dst = fake_hton(l4[1]);
	}
}

static inline void fake_parse_ipv4(struct fake_packet *p)
{
	const uint8_t *ip = p->bytes + p->x.l3_off;
	uint32_t fragment = xvs_get16(ip + 6);
	uint32_t header = (ip[0] & 0xfu) * 4;

	p->x.flags |= XVS_PKT_IPV4;
	if (header > 20) {
		p->x.flags |= XVS_PKT_OPTIONS;
		p->key.bits |= XVS_KEY_OPTIONS;
	}
	if (fragment & 0x3fff) {
		p->x.flags |= XVS_PKT_FRAG;
		p->key.bits |= XVS_KEY_FRAG;
	}
	if (fragment & 0x1fff) {
		p->x.flags |= XVS_PKT_LATER;
		p->key.bits |= XVS_KEY_LATER;
	}
	fake_ipv4_address(p->key.ip_src, ip + 12);
	fake_ipv4_address(p->key.ip_dst, ip + 16);
	p->key.ip_tos = ip[1];
	p->key.ip_ttl = ip[8];
	p->x.l4_proto = ip[9];
	fake_parse_l4(p, p->x.l3_off + header, p->x.len);
}

static inline void fake_parse_ipv6(struct fake_packet *p)
{
	const uint8_t *ip = p->bytes + p->x.l3_off;
	uint32_t at = p->x.l3_off + 40u;

	p->x.flags |= XVS_PKT_IPV6;
	memcpy(p->key.ip_src, ip + 8, 16);
	memcpy(p->key.ip_dst, ip + 24, 16);
	p->key.ip_tos = (uint8_t)(xvs_get16(ip) >> 4);
	p->key.ip_ttl = ip[7];
	p->x.l4_proto = ip[6];
	if (p->x.l4_proto == 44) { /* the only extension header that tests use */
		p->x.flags |= XVS_PKT_FRAG | XVS_PKT_OPTIONS;
		p->key.bits |= XVS_KEY_FRAG | XVS_KEY_OPTIONS;
		if (xvs_get16(p->bytes + at + 2) & 0xfff8) {
			p->x.flags |= XVS_PKT_LATER;
			p->key.bits |= XVS_KEY_LATER;
		}
		p->x.l4_proto = p->bytes[at];
		at += 8;
	}
	fake_parse_l4(p, at, p->x.len);
}

/* Facts and key of the 'len' bytes in p->bytes; a tag there is taken out, as the host does. */
static inline void fake_parse(struct fake_packet *p, uint32_t len, uint32_t port)
{
	memset(&p->x, 0, sizeof(p->x));
	memset(&p->key, 0, sizeof(p->key));
	if (xvs_get16(p->bytes + 12) == 0x8100) {
		p->x.vlan_tci = xvs_get16(p->bytes + 14);
		p->x.flags |= XVS_PKT_VLAN;
		p->key.bits |= XVS_KEY_VLAN;
		p->key.vlan_tci = fake_hton(p->x.vlan_tci);
		len -= 4;
		memmove(p->bytes + 12, p->bytes + 16, len - 12);
	}
	p->x.data = p->bytes;
	p->x.len = len;
	p->x.linear = len;
	p->x.port_in = port;
	p->x.l3_off = 14;
	p->x.ethertype = xvs_get16(p->bytes + 12);
	p->key.port = port;
	p->key.ethertype = fake_hton(p->x.ethertype);
	memcpy(p->key.eth_dst, p->bytes, 6);
	memcpy(p->key.eth_src, p->bytes + 6, 6);
	if (p->x.ethertype == 0x0800 && len >= 34)
		fake_parse_ipv4(p);
	if (p->x.ethertype == 0x86dd && len >= 54)
		fake_parse_ipv6(p);
	if (p->x.ethertype == 0x0806 && len >= 42) {
		p->key.ip_proto = p->bytes[21];
		fake_ipv4_address(p->key.ip_src, p->bytes + 28);
		fake_ipv4_address(p->key.ip_dst, p->bytes + 38);
	}
}

static inline void fake_ethernet(struct fake_packet *p, const uint8_t dst[6], const uint8_t src[6],
				 unsigned ethertype)
{
	memset(p, 0, sizeof(*p));
	memcpy(p->bytes, dst, 6);
	memcpy(p->bytes + 6, src, 6);
	xvs_put16(p->bytes + 12, (uint16_t)ethertype);
}

/* An IPv4 packet of 'proto' whose L4 header begins with the two half-words 'l4'. */
static inline void fake_ipv4(struct fake_packet *p, const uint8_t dst[6], const uint8_t src[6],
			     uint32_t ip_src, uint32_t ip_dst, uint8_t proto, const uint16_t l4[2])
{
	fake_ethernet(p, dst, src, 0x0800);
	p->bytes[14] = 0x45;
	xvs_put16(p->bytes + 16, 46);
	p->bytes[22] = 64;
	p->bytes[23] = proto;
	xvs_put32(p->bytes + 26, ip_src);
	xvs_put32(p->bytes + 30, ip_dst);
	xvs_put16(p->bytes + 34, l4[0]);
	xvs_put16(p->bytes + 36, l4[1]);
	if (proto == 6)
		p->bytes[46] = 5 << 4;
	fake_parse(p, 60, 1);
}

static inline void fake_ipv6(struct fake_packet *p, const uint8_t dst[6], const uint8_t src[6],
			     const uint8_t ip_src[16], const uint8_t ip_dst[16], uint8_t proto)
{
	fake_ethernet(p, dst, src, 0x86dd);
	p->bytes[14] = 0x60;
	xvs_put16(p->bytes + 18, 32);
	p->bytes[20] = proto;
	p->bytes[21] = 255;
	memcpy(p->bytes + 22, ip_src, 16);
	memcpy(p->bytes + 38, ip_dst, 16);
	fake_parse(p, 86, 1);
}

/* A batch of one packet. */
struct fake_batch {
	struct xvs_batch b;
	struct xvs_packet *pkts[1];
	uint16_t reason[1];
	uint32_t dest[1];
};

static inline struct xvs_batch *fake_batch(struct fake_batch *fb, struct fake_host *f,
					   struct fake_packet *p, void *port_state,
					   void *worker_state)
{
	memset(fb, 0, sizeof(*fb));
	fb->pkts[0] = &p->x;
	fb->b = (struct xvs_batch){ .live = 1,
				    .pkts = fb->pkts,
				    .reason = fb->reason,
				    .dest = fb->dest,
				    .counters = f->counters,
				    .port_state = port_state,
				    .worker_state = worker_state,
				    .now_ns = f->now_ns,
				    .port = p->key.port,
				    .stage = XVS_STAGE_INGRESS,
				    .count = 1 };
	return &fb->b;
}

static inline struct xvs_flow_verdict fake_judge(const struct fake_host *f,
						 const struct xvs_batch *b,
						 const struct xvs_flow_key *key)
{
	const struct xvs_flow *flow =
		(const struct xvs_flow *)f->ext->ops->query(f->self, XVS_FLOW);
	struct xvs_flow_verdict v;

	memset(&v, 0, sizeof(v));
	v.size = sizeof(v);
	flow->judge(f->self, b, 0, key, &v);
	return v;
}

/* 'key' where the mask has ones, random bits elsewhere; the port is always the same. */
static inline struct xvs_flow_key fake_vary(const struct xvs_flow_key *key,
					    const struct xvs_flow_key *mask, uint64_t *random)
{
	const uint8_t *k = (const uint8_t *)key;
	const uint8_t *m = (const uint8_t *)mask;
	struct xvs_flow_key out;
	uint8_t *o = (uint8_t *)&out;

	for (size_t i = 0; i < sizeof(out); i++)
		o[i] = (uint8_t)((k[i] & m[i]) | ((uint8_t)xvs_random(random) & (uint8_t)~m[i]));
	out.port = key->port;
	return out;
}

/*
 * The promise of 'examined': keys that are equal in these bits get the same action, reason and
 * destination.  Tried with many keys made from 'key'.
 */
static inline void fake_promise(const struct fake_host *f, const struct xvs_batch *b,
				const struct xvs_flow_key *key)
{
	uint64_t random = 0x1234567;
	struct xvs_flow_verdict v = fake_judge(f, b, key);

	for (int i = 0; i < 500; i++) {
		struct xvs_flow_key other = fake_vary(key, &v.examined, &random);
		struct xvs_flow_verdict w = fake_judge(f, b, &other);

		assert_int_equal(v.action, w.action);
		assert_int_equal(v.reason, w.reason);
		assert_int_equal(v.dest, w.dest);
		assert_memory_equal(&v.examined, &w.examined, sizeof(v.examined));
	}
}

#endif /* TESTS_PLUGINS_FAKE_HOST_H */
