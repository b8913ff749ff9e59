/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.acme.ipfix - as a vendor would write it, from the public headers alone: flow records, kept
 * by number in pools of the workers, told to the control thread by mail, and written to a file
 * by a task.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XVS_USE_DRAFT
#include "xvs/ext/mailbox.h"
#include "xvs/ext/pool.h"
#include "xvs/ext/sdk.h"
#include "xvs/ext/task.h"
#include "xvs/ext/timer.h"
#include "xvs/extension.h"

enum { RECORDS = 4096, FLOWS = 1024, PORTS_OF_FLOWS = 2, MAILS = 512 };
enum { COUNT_LOST_FLOWS, COUNT_LOST_MAILS, COUNT_LIVE };

#define NS_PER_MS UINT64_C(1000000)

struct policy {
	uint32_t active_ms;
	char file[256];
};

/* What tells records apart: without padding, as it is compared by bytes. */
struct id {
	uint8_t src[16];
	uint8_t dst[16];
	uint32_t port;
	uint16_t l4[PORTS_OF_FLOWS];
	uint16_t ethertype;
	uint8_t proto;
	uint8_t zero[5];
};
XVS_STATIC_ASSERT(sizeof(struct id) == 48, "no padding");

struct record {
	struct id id;
	uint64_t packets;
	uint64_t bytes;
	uint64_t ended;
};

struct self {
	const struct xvs_host *host;
	const struct xvs_flow_host *flows;
	const struct xvs_mailbox_host *mail;
	const struct xvs_task_host *tasks;
	const struct xvs_timer_host *timers;
	struct xvs_timer *timer;
	const struct policy *policy; /* published by policy_apply(), read by workers */
	struct record seen[FLOWS];   /* of the control thread */
	uint32_t seen_count;
	bool writing;
};

struct worker {
	struct xvs_pool pool; /* struct record: what was not told yet */
};

/* What a task writes: a copy, as records change meanwhile. */
struct report {
	struct self *self;
	char file[256];
	uint32_t count;
	struct record records[FLOWS];
};

static const struct xvs_field fields[] = {
	{ .name = "file",
	  .help = "Where records go",
	  .type = XVS_TEXT,
	  .flags = XVS_FIELD_REQUIRED,
	  .offset = offsetof(struct policy, file),
	  .max = sizeof(((struct policy *)0)->file) },
	{ .name = "active_ms",
	  .help = "Flows that go on are reported so often",
	  .type = XVS_U32,
	  .offset = offsetof(struct policy, active_ms),
	  .min = 10,
	  .max = 3600000,
	  .dflt = 60000 },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct policy),
	  .id = "com.acme.ipfix/1",
	  .summary = "Flow records",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(fields) },
};

static const struct xvs_label counters[] = {
	[COUNT_LOST_FLOWS] = { "lost-flows", "Flows for which no record was left" },
	[COUNT_LOST_MAILS] = { "lost-records", "Records that ended and could not be told" },
	[COUNT_LIVE] = { "records", "Records made" },
};

static const char *const needs[] = { XVS_FLOW_HOST, XVS_MAILBOX, XVS_TASK, XVS_TIMER };

/* ---- workers ------------------------------------------------------------ */

static void examine(struct xvs_flow_verdict *v)
{
	memset(v->examined.ip_src, 0xff, sizeof(v->examined.ip_src));
	memset(v->examined.ip_dst, 0xff, sizeof(v->examined.ip_dst));
	v->examined.ethertype = 0xffff;
	v->examined.ip_proto = 0xff;
	v->examined.l4_src = 0xffff;
	v->examined.l4_dst = 0xffff;
}

static void identify(const struct xvs_flow_key *key, struct id *id)
{
	memcpy(id->src, key->ip_src, sizeof(id->src));
	memcpy(id->dst, key->ip_dst, sizeof(id->dst));
	id->port = key->port;
	id->l4[0] = xvs_ntoh16(key->l4_src);
	id->l4[1] = xvs_ntoh16(key->l4_dst);
	id->ethertype = xvs_ntoh16(key->ethertype);
	id->proto = key->ip_proto;
}

static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	const struct self *s = self;
	const struct policy *policy = __atomic_load_n(&s->policy, __ATOMIC_ACQUIRE);
	struct worker *worker = b->worker_state;
	struct record *record;

	(void)i;
	if (!policy || b->stage != XVS_STAGE_INGRESS) {
		v->cookie = 0;
		return;
	}
	examine(v);
	v->account_ms = policy->active_ms;
	if (xvs_pool_get(&worker->pool, v->cookie))
		return; /* judged anew: its history goes on */
	record = xvs_pool_new(&worker->pool, &v->cookie);
	if (!record) {
		v->cookie = 0;
		b->counters[COUNT_LOST_FLOWS]++;
		return;
	}
	b->counters[COUNT_LIVE]++;
	identify(key, &record->id);
}

static void account(void *self, const struct xvs_flow_stats *stats)
{
	const struct self *s = self;
	struct worker *worker = stats->worker_state;
	struct record *record = xvs_pool_get(&worker->pool, stats->cookie);

	if (!record)
		return;
	record->packets += stats->packets;
	record->bytes += stats->bytes;
	record->ended = stats->ended;
	if (s->mail->post(s->host, record, sizeof(*record), NULL, 0) == 0) {
		record->packets = 0;
		record->bytes = 0;
	} else if (stats->ended) {
		stats->counters[COUNT_LOST_MAILS]++;
	}
	if (stats->ended)
		xvs_pool_free(&worker->pool, stats->cookie);
}

/* ---- control ------------------------------------------------------------ */

static void take_mail(void *self, const struct xvs_mail *m)
{
	struct self *s = self;
	const struct record *news = m->bytes;
	uint32_t at = 0;

	while (at < s->seen_count && memcmp(&s->seen[at].id, &news->id, sizeof(news->id)) != 0)
		at++;
	if (at == FLOWS)
		return;
	if (at == s->seen_count) {
		s->seen[s->seen_count++] = *news;
		return;
	}
	s->seen[at].packets += news->packets;
	s->seen[at].bytes += news->bytes;
}

static bool is_set(const volatile bool *cancelled)
{
	return __atomic_load_n(cancelled, __ATOMIC_RELAXED);
}

static void write_report(void *arg, const volatile bool *cancelled)
{
	const struct report *report = arg;
	char draft[sizeof(report->file) + 4];
	FILE *out;

	(void)snprintf(draft, sizeof(draft), "%s.new", report->file);
	out = fopen(draft, "w");
	if (!out)
		return;
	for (uint32_t n = 0; n < report->count && !is_set(cancelled); n++) {
		const struct record *r = &report->records[n];

		(void)fprintf(out,
			      "%u %04x %u.%u.%u.%u %u.%u.%u.%u %u %u %u %" PRIu64 " %" PRIu64 "\n",
			      r->id.port, r->id.ethertype, r->id.src[12], r->id.src[13],
			      r->id.src[14], r->id.src[15], r->id.dst[12], r->id.dst[13],
			      r->id.dst[14], r->id.dst[15], r->id.proto, r->id.l4[0], r->id.l4[1],
			      r->packets, r->bytes);
	}
	if (fclose(out) == 0 && !is_set(cancelled))
		(void)rename(draft, report->file);
}

static void written(void *arg, bool cancelled)
{
	struct report *report = arg;

	(void)cancelled;
	report->self->writing = false;
	free(report);
}

static void collected(void *arg)
{
	struct self *s = arg;
	struct report *report = s->policy && !s->writing ? malloc(sizeof(*report)) : NULL;

	if (!report)
		return;
	report->self = s;
	memcpy(report->file, s->policy->file, sizeof(report->file));
	report->count = s->seen_count;
	memcpy(report->records, s->seen, sizeof(s->seen));
	s->writing = true;
	if (s->tasks->start(s->host, write_report, written, report) != 0)
		written(report, true);
}

static void tick(void *arg)
{
	struct self *s = arg;

	if (!s->policy)
		return;
	(void)s->flows->collect(s->host, collected, s);
	s->timers->arm(s->host, s->timer, s->policy->active_ms * NS_PER_MS);
}

static int create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		  struct xvs_error *err)
{
	struct self *s = calloc(1, sizeof(*s));

	(void)args;
	(void)err;
	if (!s)
		return -ENOMEM;
	s->host = host;
	s->flows = host->query(host, XVS_FLOW_HOST);
	s->mail = host->query(host, XVS_MAILBOX);
	s->tasks = host->query(host, XVS_TASK);
	s->timers = host->query(host, XVS_TIMER);
	s->timer = s->timers->create(host, tick, s);
	if (!s->timer || s->mail->open(host, MAILS, 0, take_mail) != 0) {
		free(s); /* the timer is freed by the host */
		return -ENOMEM;
	}
	*self = s;
	return 0;
}

static int worker_attach(void *self, uint32_t number, int numa_node, void **worker_state,
			 struct xvs_error *err)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	(void)self;
	(void)number;
	(void)numa_node;
	(void)err;
	if (!worker || xvs_pool_init(&worker->pool, RECORDS, sizeof(struct record)) != 0) {
		free(worker);
		return -ENOMEM;
	}
	*worker_state = worker;
	return 0;
}

static void worker_detach(void *self, void *worker_state)
{
	struct worker *worker = worker_state;
	const struct self *s = self;

	if (worker->pool.used)
		xvs_logf(s->host, XVS_LOG_ERROR, "Assertion: %u records never ended",
			 worker->pool.used);
	xvs_pool_finish(&worker->pool);
	free(worker);
}

static void policy_apply(void *self, void *port_state, const char *feature, const void *value,
			 void *prepared)
{
	struct self *s = self;

	(void)port_state;
	(void)feature;
	(void)prepared;
	__atomic_store_n(&s->policy, (const struct policy *)value, __ATOMIC_RELEASE);
	if (value)
		s->timers->arm(s->host, s->timer, s->policy->active_ms * NS_PER_MS);
}

static const struct xvs_flow flow = {
	.size = sizeof(flow),
	.judge = judge,
	.account = account,
};

static const void *query(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_FLOW) == 0 ? &flow : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.destroy = free,
	.worker_attach = worker_attach,
	.worker_detach = worker_detach,
	.policy_apply = policy_apply,
	.query = query,
};

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_INSPECT,
	  .id = "com.acme.ipfix",
	  .version = "1.0.0",
	  .vendor = "Acme",
	  .summary = "Flow records",
	  .features = XVS_TABLE(features),
	  .counters = XVS_TABLE(counters),
	  .needs = XVS_TABLE(needs),
	  .ops = &ops },
};

XVS_NOTE("com.acme.ipfix", "1.0.0", 1u << XVS_INSPECT, 0);

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
