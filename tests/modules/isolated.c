/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter for a process of its own: drops the ports of its policy, and at the port 'trigger' does to
 * its own process what the policy says.  What it has judged is a counter, a status, and its state.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define XVS_USE_DRAFT
#include "xvs/ext/timer.h"
#include "xvs/extension.h"

XVS_NOTE("com.example.isolated", "1.0.0", 1u << XVS_FILTER, 0);

enum mischief {
	NOTHING,
	CRASH,
	LOOP,
	EXIT,
	FORK,
	SOCKET,
	OPEN,
	EXECUTE,
	WILD,
	CLOSE,
	FORGE,
	OVERRUN,
	KILL,
	HANG_CONTROL,
	REFUSE
};

struct refused {
	uint32_t port;
};

struct policy {
	struct xvs_table refused;
	uint32_t trigger;
	uint32_t mischief;
	char note[32];
};

struct count {
	uint64_t judged;
	uint64_t restored;
	uint64_t ports;
	uint64_t ticks;
};

enum { TICK_NS = 1000000 };

struct self {
	const struct xvs_host *host;
	const struct policy *policy;
	const struct xvs_timer_host *timers;
	struct xvs_timer *timer;
	struct count count;
};

static const struct xvs_field refused_fields[] = {
	{ .name = "port", .help = "UDP port", .type = XVS_U32, .max = 65535 },
};

static const char *const mischiefs[] = {
	"nothing", "crash", "loop",  "exit",    "fork", "socket",       "open",  "execute",
	"wild",    "close", "forge", "overrun", "kill", "hang-control", "refuse"
};

static const struct xvs_field policy_fields[] = {
	{ .name = "refused",
	  .help = "ports that are dropped",
	  .offset = offsetof(struct policy, refused),
	  .type = XVS_LIST,
	  .max = 1000,
	  .fields = XVS_TABLE(refused_fields),
	  .element_bytes = sizeof(struct refused) },
	{ .name = "trigger",
	  .help = "UDP port at which it misbehaves",
	  .offset = offsetof(struct policy, trigger),
	  .type = XVS_U32,
	  .max = 65535 },
	{ .name = "mischief",
	  .help = "what it does then",
	  .offset = offsetof(struct policy, mischief),
	  .type = XVS_ENUM,
	  .names = XVS_TABLE(mischiefs) },
	{ .name = "note",
	  .help = "any words",
	  .offset = offsetof(struct policy, note),
	  .type = XVS_TEXT,
	  .max = sizeof(((struct policy *)0)->note) },
};

static const struct xvs_field count_fields[] = {
	{ .name = "judged",
	  .help = "flows",
	  .offset = offsetof(struct count, judged),
	  .type = XVS_U64,
	  .max = UINT64_MAX },
	{ .name = "restored",
	  .help = "flows that one before it had judged",
	  .offset = offsetof(struct count, restored),
	  .type = XVS_U64,
	  .max = UINT64_MAX },
	{ .name = "ports",
	  .help = "attached now",
	  .offset = offsetof(struct count, ports),
	  .type = XVS_U64,
	  .max = UINT64_MAX },
	{ .name = "ticks",
	  .help = "of its timer",
	  .offset = offsetof(struct count, ticks),
	  .type = XVS_U64,
	  .max = UINT64_MAX },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct policy),
	  .id = "com.example.isolated/1",
	  .summary = "What is dropped, and what else it does",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(policy_fields) },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct count),
	  .id = "com.example.isolated.count/1",
	  .summary = "What it has seen",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_STATUS,
	  .fields = XVS_TABLE(count_fields) },
};

static const struct xvs_label reasons[] = { { "unspecified", "for no reason given" },
					    { "refused", "the policy names its port" } };
static const struct xvs_label counters[] = { { "judged", "flows" } };

/* ---- mischief ------------------------------------------------------------------------------------ */

enum { ANSWERS = 6, FAR = 1 << 20 };

static void forge(void)
{
	uint64_t *answered = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ANSWERS, 0);

	if (answered != MAP_FAILED)
		*answered = FAR;
	for (;;)
		;
}

static void overrun(void)
{
	static const uint32_t head[2] = { 15, UINT32_MAX };
	ssize_t n = send(3, head, sizeof(head), 0);

	(void)n;
}

static void misbehave(uint32_t what)
{
	volatile uint32_t always = 1;
	char *const argv[] = { NULL };

	switch (what) {
	case CRASH:
		*(volatile int *)(uintptr_t)(always * 16) = 1;
		break;
	case LOOP:
		while (always)
			;
		break;
	case EXIT:
		exit(0);
	case FORK:
		(void)fork();
		break;
	case SOCKET:
		(void)socket(AF_INET, SOCK_STREAM, 0);
		break;
	case OPEN:
		(void)open("/etc/passwd", O_RDONLY);
		break;
	case EXECUTE:
		(void)execve("/bin/true", argv, argv);
		break;
	case WILD:
		memset((void *)(uintptr_t)&misbehave, 0, 4096);
		break;
	case CLOSE:
		for (int fd = 0; fd < 64; fd++)
			(void)close(fd);
		break;
	case FORGE:
		forge();
		break;
	case OVERRUN:
		overrun();
		break;
	case KILL:
		(void)kill(getppid(), SIGKILL);
		break;
	default:
		break;
	}
}

/* ---- packets ------------------------------------------------------------------------------------- */

static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	struct self *s = self;
	const struct policy *p = __atomic_load_n(&s->policy, __ATOMIC_ACQUIRE);
	uint32_t port = __builtin_bswap16(key->l4_dst);
	const struct refused *r = p ? p->refused.items : NULL;

	(void)i;
	v->examined.ip_proto = UINT8_MAX;
	v->examined.l4_dst = UINT16_MAX;
	if (key->ip_proto != 17)
		return;
	__atomic_fetch_add(&s->count.judged, 1, __ATOMIC_RELAXED);
	b->counters[0]++;
	if (p && p->trigger && port == p->trigger)
		misbehave(p->mischief);
	for (uint32_t n = 0; p && n < p->refused.count; n++) {
		if (r[n].port != port)
			continue;
		v->action = XVS_FLOW_DROP;
		v->reason = 1;
	}
}

/* ---- control ------------------------------------------------------------------------------------- */

static void tick(void *arg)
{
	struct self *s = arg;

	__atomic_fetch_add(&s->count.ticks, 1, __ATOMIC_RELAXED);
	s->timers->arm(s->host, s->timer, TICK_NS);
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
	s->timers = host->query(host, XVS_TIMER);
	s->timer = s->timers->create(host, tick, s);
	s->timers->arm(host, s->timer, TICK_NS);
	host->log(host, XVS_LOG_INFO, "hello from a process of its own");
	*self = s;
	return 0;
}

static void destroy(void *self)
{
	free(self);
}

static int port_attach(void *self, const struct xvs_port *port, void **port_state,
		       struct xvs_error *err)
{
	struct self *s = self;

	(void)port;
	(void)err;
	s->count.ports++;
	*port_state = s;
	return 0;
}

static void port_detach(void *self, void *port_state)
{
	(void)port_state;
	((struct self *)self)->count.ports--;
}

static int policy_check(void *self, void *port_state, const char *feature, const void *value,
			void **prepared, struct xvs_error *err)
{
	const struct policy *p = value;

	(void)self;
	(void)port_state;
	(void)feature;
	(void)prepared;
	if (p && p->mischief == HANG_CONTROL)
		for (;;)
			;
	if (!p || p->mischief != REFUSE)
		return 0;
	strcpy(err->field, "mischief");
	strcpy(err->text, "that is refused");
	return -EINVAL;
}

static void policy_apply(void *self, void *port_state, const char *feature, const void *value,
			 void *prepared)
{
	struct self *s = self;

	(void)port_state;
	(void)feature;
	(void)prepared;
	__atomic_store_n(&s->policy, value, __ATOMIC_RELEASE);
}

static int status_read(void *self, void *port_state, const char *feature, void *out,
		       struct xvs_error *err)
{
	(void)port_state;
	(void)feature;
	(void)err;
	memcpy(out, &((struct self *)self)->count, sizeof(struct count));
	return 0;
}

static int save(void *self, void *port_state, const struct xvs_save *ctx, struct xvs_sink *out,
		struct xvs_error *err)
{
	struct self *s = self;
	uint64_t sum = s->count.judged + s->count.restored;

	(void)ctx;
	(void)err;
	return port_state ? 0 : out->write(out, &sum, sizeof(sum));
}

static int restore(void *self, void *port_state, uint32_t format, struct xvs_source *in,
		   struct xvs_error *err)
{
	struct self *s = self;

	(void)port_state;
	(void)format;
	(void)err;
	return in->read(in, &s->count.restored, sizeof(s->count.restored));
}

static const struct xvs_flow flow = { .size = sizeof(flow), .judge = judge };
static const struct xvs_state state = {
	.size = sizeof(state), .format_min = 1, .format_max = 1, .save = save, .restore = restore
};

static const void *query(void *self, const char *id)
{
	(void)self;
	if (strcmp(id, XVS_FLOW) == 0)
		return &flow;
	return strcmp(id, XVS_STATE) == 0 ? &state : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.destroy = destroy,
	.port_attach = port_attach,
	.port_detach = port_detach,
	.policy_check = policy_check,
	.policy_apply = policy_apply,
	.status_read = status_read,
	.query = query,
};

static const struct xvs_extension extensions[] = { {
	.size = sizeof(struct xvs_extension),
	.cls = XVS_FILTER,
	.id = "com.example.isolated",
	.version = "1.0.0",
	.vendor = "Example",
	.summary = "Drops ports, and worse",
	.features = XVS_TABLE(features),
	.reasons = XVS_TABLE(reasons),
	.counters = XVS_TABLE(counters),
	.ops = &ops,
} };

XVS_EXPORT const struct xvs_module xvs_module_1 = { .size = sizeof(xvs_module_1),
						    .extensions = XVS_TABLE(extensions) };
