/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bad.c - the gallery of faults: a filter that keeps TCP from one port (23 unless its policy names
 * another), counts what it dropped and takes the count along.  FAULT says what it does wrong; without one
 * (none) it is a good citizen, by which the others are measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "xvs/ext/record.h"
#include "xvs/ext/sdk.h"
#include "xvs/extension.h"

enum fault {
	FAULT_NONE,
	/* a callback reads what is not there */
	FAULT_CRASH_CREATE,
	FAULT_CRASH_DESTROY,
	FAULT_CRASH_ATTACH,
	FAULT_CRASH_DETACH,
	FAULT_CRASH_JUDGE,
	FAULT_CRASH_INGRESS,
	FAULT_CRASH_ACCOUNT,
	FAULT_CRASH_CHECK,
	FAULT_CRASH_APPLY,
	FAULT_CRASH_EVENT,
	FAULT_CRASH_SAVE,
	FAULT_CRASH_RESTORE, /* believes a length of the record */
	/* one never returns */
	FAULT_LOOP_CREATE,
	FAULT_LOOP_JUDGE, /* for UDP to port 53 */
	/* writes where it may not */
	FAULT_WILD_WRITE,    /* into the host's table */
	FAULT_WRITE_INSPECT, /* an inspector into packets */
	FAULT_WRITE_POLICY,  /* into the host's value */
	/* does not give back */
	FAULT_LEAK_MEMORY,
	FAULT_LEAK_DESCRIPTOR,
	FAULT_LEAK_THREAD,
	FAULT_LEAK_PACKET,   /* steals, and drain() does nothing */
	FAULT_LEAK_PREPARED, /* policy_abort() forgets what policy_check() made */
	/* says what is not so */
	FAULT_LIE_EXAMINED,    /* decides by the port, marks the protocol alone */
	FAULT_GARBAGE_RESULT,  /* port_attach() returns 5 */
	FAULT_GARBAGE_VERDICT, /* an action that there is not */
	/* uses what was only lent */
	FAULT_KEEP_BATCH, /* packets of the batch before */
	FAULT_KEEP_VALUE, /* the value that policy_check() saw */
	FAULT_KEEP_NAME,  /* the port's name that port_attach() saw */
	/* too much of something */
	FAULT_HUGE_POLICY,
	FAULT_WRONG_SIZE,
	FAULT_SLOW_SAVE,
	FAULT_ENDLESS_SAVE,
	/* does to the process what is the host's to do */
	FAULT_EXIT_ATTACH,
	FAULT_FORK_ATTACH,  /* goes on in another process, and ends well in this one */
	FAULT_PRINT_ATTACH, /* a report of its own, and ends */
	FAULT_FORK_ACTIVE,
	FAULT_BLOCK_SIGNALS,
	FAULT_CLOSE_DESCRIPTORS,
	/* is wrong before anything is called */
	FAULT_CONSTRUCTOR,
	FAULT_UNDEFINED_SYMBOL,
	/* breaks the two steps of a change */
	FAULT_CHECK_EFFECT, /* policy_check() is in force at once */
	FAULT_APPLY_FAILS,  /* policy_apply() allocates, and ends without memory */
	/* does not look whether it got what it asked for */
	FAULT_UNCHECKED_MEMORY,
	FAULT_UNCHECKED_SERVICE,
	/* on a worker */
	FAULT_WORKER_MEMORY, /* allocates */
	FAULT_WORKER_CALL,   /* sleeps */
	FAULT_WRONG_THREAD,  /* defers, which belongs to the control thread */
	/* harms who never asked for it */
	FAULT_DROP_UNCONFIGURED,
	/* state */
	FAULT_OLD_FORMAT,   /* refuses a format that it says it reads */
	FAULT_FORGET_STATE, /* reads, and forgets */
};

enum { TELNET = 23, DOMAIN = 53, HELD_MAX = 16, STATE_ITEMS = 4, SLOW_MS = 150 };

static volatile int zero;
static volatile int sink; /* what is read for its own sake */

/* A place that nobody has. */
static void crash(void)
{
	*(volatile int *)(uintptr_t)(zero + 16) = 1;
}

/* if (IS(CRASH_CREATE)): a constant, so what is not this one's fault is not compiled. */
#define IS(name) (FAULT == FAULT_##name)

struct policy {
	uint32_t port;
	bool allow;
#ifdef IS_HUGE_POLICY
	char text[64 << 20];
#endif
};

struct prepared {
	uint32_t port;
	bool allow;
};

struct port {
	const struct prepared *rule; /* published by policy_apply(), read by workers; NULL: nothing */
	const struct policy *value;
	const char *name;
	uint64_t dropped; /* any worker */
	struct xvs_packet *held[HELD_MAX];
	uint32_t held_count;
};

struct self {
	const struct xvs_host *host;
	const struct xvs_flow_host *flows; /* NULL: verdicts have an end instead */
	const struct xvs_batch *batch;
	struct xvs_packet *packet;
	pthread_t thread;
	volatile bool is_ending;
};

#ifdef IS_UNDEFINED_SYMBOL
int nobody_has_this(int x);
#endif

#ifdef IS_CONSTRUCTOR
__attribute__((constructor)) static void at_load(void)
{
	sink = 1;
}
#endif

/* ---- life ------------------------------------------------------------------------------------------ */

static void *idle(void *arg)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct self *s = arg;

	while (!s->is_ending)
		(void)nanosleep(&pause, NULL);
	return NULL;
}

static void misbehave(const struct xvs_host *host)
{
	sigset_t all;

	if (IS(CRASH_CREATE))
		crash();
	while (IS(LOOP_CREATE) && zero == 0)
		;
	if (IS(LEAK_MEMORY))
		sink = malloc(1000) == NULL;
	if (IS(BLOCK_SIGNALS)) {
		(void)sigfillset(&all);
		(void)pthread_sigmask(SIG_BLOCK, &all, NULL);
	}
	for (int fd = 3; IS(CLOSE_DESCRIPTORS) && fd < 64; fd++)
		(void)close(fd);
	if (IS(WILD_WRITE))
		((struct xvs_host *)(uintptr_t)host)->abi_minor = 99;
#ifdef IS_UNDEFINED_SYMBOL
	sink = nobody_has_this(zero);
#endif
}

static int bad_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		      struct xvs_error *err)
{
	struct self *s = calloc(1, sizeof(*s));

	if (!s && !IS(UNCHECKED_MEMORY))
		return -ENOMEM;
	s->host = host;
	s->flows = host->query(host, XVS_FLOW_HOST);
	if (IS(UNCHECKED_SERVICE))
		s->flows->invalidate(host, 1);
	misbehave(host);
	if (IS(LEAK_THREAD))
		(void)pthread_create(&s->thread, NULL, idle, s);
	*self = s;
	return 0;
}

static void bad_destroy(void *self)
{
	if (IS(CRASH_DESTROY))
		crash();
	if (!IS(LEAK_THREAD)) /* its thread still reads it */
		free(self);
}

static void bad_active(void *self, bool on)
{
	if (IS(FORK_ACTIVE) && on && fork() == 0)
		_exit(0);
}

/* ---- ports ----------------------------------------------------------------------------------------- */

static int port_attach(void *self, const struct xvs_port *port, void **state, struct xvs_error *err)
{
	struct port *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	if (IS(CRASH_ATTACH))
		crash();
	if (IS(EXIT_ATTACH))
		exit(0);
	if (IS(FORK_ATTACH) && fork() > 0) {
		(void)wait(NULL);
		exit(0);
	}
	if (IS(PRINT_ATTACH)) {
		(void)puts("\n{\"conforms\": true, \"rules\": []}");
		exit(0);
	}
	if (IS(LEAK_DESCRIPTOR))
		sink = open("/dev/null", O_RDONLY | O_CLOEXEC);
	p->name = port->name;
	*state = p;
	return IS(GARBAGE_RESULT) ? 5 : 0;
}

static void port_event(void *self, void *state, int event, const struct xvs_port *now)
{
	if (IS(CRASH_EVENT))
		crash();
}

static void port_detach(void *self, void *state)
{
	struct port *p = state;

	if (IS(CRASH_DETACH))
		crash();
	if (IS(KEEP_NAME))
		sink = p->name[0];
	free((void *)(uintptr_t)p->rule);
	free(p);
}

/* ---- policies -------------------------------------------------------------------------------------- */

static void publish(struct self *s, struct port *p, struct prepared *rule)
{
	struct prepared *old = (struct prepared *)(uintptr_t)p->rule;

	__atomic_store_n(&p->rule, rule, __ATOMIC_RELEASE);
	if (s->flows)
		s->flows->invalidate(s->host, ~UINT64_C(0));
	s->host->defer(s->host, free, old);
}

static struct prepared *rule_of(const struct policy *value)
{
	struct prepared *rule = malloc(sizeof(*rule));

	if (rule)
		*rule = (struct prepared){ .port = value->port, .allow = value->allow };
	return rule;
}

static int policy_check(void *self, void *state, const char *feature, const void *value,
			void **prepared, struct xvs_error *err)
{
	struct port *p = state;

	if (IS(CRASH_CHECK))
		crash();
	if (!p || !value)
		return 0;
	if (IS(KEEP_VALUE)) {
		p->value = value;
		return 0;
	}
	if (IS(APPLY_FAILS))
		return 0;
	*prepared = rule_of(value);
	if (!*prepared)
		return -ENOMEM;
	if (IS(CHECK_EFFECT)) {
		publish(self, p, *prepared);
		*prepared = NULL;
	}
	return 0;
}

static void policy_apply(void *self, void *state, const char *feature, const void *value,
			 void *prepared)
{
	struct port *p = state;

	if (IS(CRASH_APPLY))
		crash();
	if (!p || (IS(CHECK_EFFECT) && value))
		return;
	if (IS(WRITE_POLICY) && value)
		((struct policy *)(uintptr_t)value)->port = 24;
	if (IS(KEEP_VALUE) && value)
		prepared = rule_of(p->value);
	if (IS(APPLY_FAILS) && value) {
		prepared = rule_of(value);
		if (!prepared)
			abort();
	}
	publish(self, p, prepared);
}

static void policy_abort(void *self, void *state, const char *feature, void *prepared)
{
	if (!IS(LEAK_PREPARED))
		free(prepared);
}

/* ---- packets --------------------------------------------------------------------------------------- */

static bool is_refused(const struct port *p, const struct xvs_flow_key *key)
{
	const struct prepared *rule = __atomic_load_n(&p->rule, __ATOMIC_ACQUIRE);
	const uint16_t telnet = __builtin_bswap16((uint16_t)(rule ? rule->port : TELNET));

	if (!rule)
		return IS(DROP_UNCONFIGURED);
	return !rule->allow && key->ip_proto == 6 && key->l4_dst == telnet;
}

static void misjudge(struct self *s, const struct xvs_batch *b, const struct xvs_flow_key *key)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };

	if (IS(CRASH_JUDGE))
		crash();
	while (IS(LOOP_JUDGE) && zero == 0 && key->l4_dst == __builtin_bswap16(DOMAIN))
		;
	if (IS(WORKER_MEMORY))
		free(strdup("a"));
	if (IS(WORKER_CALL))
		(void)syscall(SYS_nanosleep, &pause, NULL);
	if (IS(WRONG_THREAD))
		s->host->defer(s->host, free, NULL);
	if (IS(KEEP_BATCH) && s->batch)
		sink = (int)s->batch->live;
	s->batch = b;
}

static void bad_judge(void *self, const struct xvs_batch *b, uint32_t i,
		      const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	struct port *p = b->port_state;

	misjudge(self, b, key);
	v->cookie = 1;
	v->examined.ip_proto = 0xff;
	v->examined.l4_dst = IS(LIE_EXAMINED) ? 0 : 0xffff;
	if (!((struct self *)self)->flows)
		v->max_ms = 1000;
	if (is_refused(p, key)) {
		v->action = XVS_FLOW_DROP;
		v->reason = 1;
	} else if (key->ip_proto == 17) {
		v->action = XVS_FLOW_WATCH;
	}
	if (IS(GARBAGE_VERDICT))
		v->action = 99;
}

static void bad_account(void *self, const struct xvs_flow_stats *stats)
{
	struct port *p = stats->port_state;

	if (IS(CRASH_ACCOUNT))
		crash();
	stats->counters[0] += stats->packets;
	(void)__atomic_add_fetch(&p->dropped, stats->packets, __ATOMIC_RELAXED);
}

static void bad_ingress(void *self, struct xvs_batch *b)
{
	struct port *p = b->port_state;

	if (IS(CRASH_INGRESS))
		crash();
	for (XVS_EACH(i, b->live)) {
		b->counters[1]++;
		if (IS(LEAK_PACKET) && p->held_count < HELD_MAX && xvs_steal(b, i))
			p->held[p->held_count++] = b->pkts[i];
	}
}

static void bad_inspect(void *self, const struct xvs_batch *b)
{
	for (XVS_EACH(i, b->live)) {
		b->counters[1]++;
		if (IS(WRITE_INSPECT))
			b->pkts[i]->data[0] ^= 1;
	}
}

static void bad_drain(void *self, void *worker_state, void *port_state)
{
}

/* ---- state ----------------------------------------------------------------------------------------- */

/* Format 1: u32 dropped.  Format 2: u32 n, n times u64, the first is dropped. */
static int bad_save(void *self, void *state, const struct xvs_save *ctx, struct xvs_sink *out,
		    struct xvs_error *err)
{
	static const struct timespec pause = { .tv_nsec = SLOW_MS * 1000000 };
	struct xvs_put put = { .sink = out };
	const struct port *p = state;

	if (IS(CRASH_SAVE))
		crash();
	if (IS(SLOW_SAVE))
		(void)nanosleep(&pause, NULL);
	out->left = IS(ENDLESS_SAVE) ? 1000 : 0;
	if (!p)
		return 0;
	if (ctx->format == 1) {
		xvs_put_u32(&put, (uint32_t)p->dropped);
		return put.code;
	}
	xvs_put_u32(&put, STATE_ITEMS);
	for (uint32_t i = 0; i < STATE_ITEMS; i++)
		xvs_put_u64(&put, i ? i : p->dropped);
	return put.code;
}

static int bad_restore(void *self, void *state, uint32_t format, struct xvs_source *in,
		       struct xvs_error *err)
{
	struct xvs_get get = { .source = in };
	struct port *p = state;
	uint64_t items[STATE_ITEMS] = { 0 };
	uint32_t count;

	if (IS(OLD_FORMAT) && format == 1)
		return -EPROTO;
	count = xvs_get_u32(&get);
	if (format == 1) {
		items[0] = count;
		count = 0;
	}
	if (IS(CRASH_RESTORE) && count > STATE_ITEMS)
		crash();
	if (count > STATE_ITEMS)
		return -EPROTO;
	for (uint32_t i = 0; i < count; i++)
		items[i] = xvs_get_u64(&get);
	if (get.code || !p)
		return get.code ? get.code : -EPROTO;
	if (!IS(FORGET_STATE))
		p->dropped = items[0];
	return 0;
}

/* ---- what it is ------------------------------------------------------------------------------------ */

static const void *bad_query(void *self, const char *id)
{
	static const struct xvs_flow flow = { .size = sizeof(flow),
					      .judge = bad_judge,
					      .account = bad_account };
	static const struct xvs_state run_state = { .size = sizeof(run_state),
						    .format_min = 1,
						    .format_max = 2,
						    .save = bad_save,
						    .restore = bad_restore };

	if (strcmp(id, XVS_FLOW) == 0 && !IS(WRITE_INSPECT))
		return &flow;
	return strcmp(id, XVS_STATE) == 0 ? &run_state : NULL;
}

static const struct xvs_field fields[] = {
	{ .name = "port",
	  .help = "TCP port that is refused",
	  .type = XVS_U32,
	  .offset = offsetof(struct policy, port),
	  .min = 1,
	  .max = 65535,
	  .dflt = TELNET },
	{ .name = "allow",
	  .help = "Let it pass",
	  .type = XVS_BOOL,
	  .offset = offsetof(struct policy, allow) },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct policy),
	  .id = "com.example.bad/1",
	  .summary = "One TCP port that is refused",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(fields) },
};

static const struct xvs_label reasons[] = {
	{ "bad", "Refused by this filter" },
	{ "port", "TCP to the port that is refused" },
};

static const struct xvs_label counters[] = {
	{ "accounted", "Packets of flows" },
	{ "seen", "Packets that were shown" },
};

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = bad_create,
	.destroy = bad_destroy,
	.active = bad_active,
	.port_attach = port_attach,
	.port_event = port_event,
	.port_detach = port_detach,
	.policy_check = policy_check,
	.policy_apply = policy_apply,
	.policy_abort = policy_abort,
	.inspect = IS(WRITE_INSPECT) ? bad_inspect : NULL,
	.ingress = IS(WRITE_INSPECT) ? NULL : bad_ingress,
	.drain = bad_drain,
	.query = bad_query,
};

#define CLASS (IS(WRITE_INSPECT) ? XVS_INSPECT : XVS_FILTER)
#define RIGHTS (IS(LEAK_PACKET) ? XVS_RIGHT_QUEUE : 0)

static const struct xvs_extension extensions[] = {
	{ .size = IS(WRONG_SIZE) ? 8 : sizeof(struct xvs_extension),
	  .cls = CLASS,
	  .id = "com.example.bad",
	  .version = "1.0.0",
	  .vendor = "Example",
	  .summary = "Keeps one TCP port shut",
	  .features = XVS_TABLE(features),
	  .reasons = XVS_TABLE(reasons),
	  .counters = XVS_TABLE(counters),
	  .ops = &ops,
	  .rights = RIGHTS },
};

XVS_NOTE("com.example.bad", "1.0.0", 1u << CLASS, RIGHTS);

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
