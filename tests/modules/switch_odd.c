/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extensions that are hard on the switch: one that holds packets back and writes to the file named
 * by $XVS_RECORD when it is asked for them, and at a rate of 99 holds a worker until there is a
 * file $XVS_RECORD.go; one whose field no document could name, and two that
 * bring a policy which belongs to another.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define XVS_USE_DRAFT
#include "xvs/ext/mailbox.h"
#include "xvs/extension.h"

XVS_NOTE("test.odd", "1.0.0", 1u << XVS_FILTER, XVS_RIGHT_QUEUE);

struct limit {
	uint32_t rate;
};

static void record(const char *what)
{
	const char *path = getenv("XVS_RECORD");
	FILE *file = path ? fopen(path, "ae") : NULL;

	if (!file)
		return;
	(void)fprintf(file, "odd: %s\n", what);
	(void)fclose(file);
}

static int odd_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		      struct xvs_error *err)
{
	(void)args;
	(void)err;
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): only the const is taken off. */
	*self = (void *)(uintptr_t)host;
	return 0;
}

static atomic_bool is_held;

/* At most twenty seconds. */
static void hold_worker(void *arg, void *worker_state, uint64_t now_ns)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	const char *path = getenv("XVS_RECORD");
	char go[256];

	(void)arg;
	(void)worker_state;
	(void)now_ns;
	(void)snprintf(go, sizeof(go), "%s.go", path ? path : "");
	atomic_store(&is_held, true);
	for (unsigned i = 0; i < 2000 && access(go, F_OK) != 0; i++)
		(void)nanosleep(&pause, NULL);
}

static void odd_policy_apply(void *self, void *port_state, const char *feature, const void *value,
			     void *prepared)
{
	const struct xvs_host *host = self;
	const struct xvs_mailbox_host *mailbox = host->query(host, XVS_MAILBOX);

	(void)port_state;
	(void)feature;
	(void)prepared;
	if (!value || ((const struct limit *)value)->rate != 99)
		return;
	/* before the change settles, which it would do without a worker that sleeps */
	atomic_store(&is_held, false);
	if (mailbox->call(host, 0, hold_worker, NULL, NULL) < 0)
		return;
	while (!atomic_load(&is_held))
		(void)sched_yield();
}

static void odd_destroy(void *self)
{
	(void)self;
	record("destroy");
}

static int odd_port_attach(void *self, const struct xvs_port *port, void **port_state,
			   struct xvs_error *err)
{
	static char state;

	(void)self;
	(void)port;
	(void)err;
	*port_state = &state;
	return 0;
}

static void odd_port_event(void *self, void *port_state, int event, const struct xvs_port *now)
{
	(void)self;
	(void)port_state;
	(void)now;
	if (event == XVS_PORT_DOWN)
		record("DOWN");
}

static void odd_port_detach(void *self, void *port_state)
{
	(void)self;
	(void)port_state;
	record("port_detach");
}

static void odd_drain(void *self, void *worker_state, void *port_state)
{
	(void)self;
	(void)worker_state;
	record(port_state ? "drain one port" : "drain");
}

static void odd_ingress(void *self, struct xvs_batch *b)
{
	(void)self;
	(void)b;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = odd_create,
	.destroy = odd_destroy,
	.port_attach = odd_port_attach,
	.port_event = odd_port_event,
	.port_detach = odd_port_detach,
	.policy_apply = odd_policy_apply,
	.ingress = odd_ingress,
	.drain = odd_drain,
};

#define FIELD(name_) \
	{ \
		.name = (name_), .help = "a number", .offset = offsetof(struct limit, rate), \
		.type = XVS_U32, .max = 100 \
	}

static const struct xvs_field fields[] = { FIELD("rate") };
static const struct xvs_field unsound_fields[] = { FIELD("Rate") };

#define FEATURE(id_, fields_) \
	{ \
		.size = sizeof(struct xvs_feature), .bytes = sizeof(struct limit), .id = (id_), \
		.summary = "a limit", .scope = XVS_PER_PORT, .kind = XVS_SETTING, \
		.fields = XVS_TABLE(fields_) \
	}

static const struct xvs_feature holder_features[] = { FEATURE("test.holder.limit/1", fields) };
static const struct xvs_feature unsound_features[] = { FEATURE("test.unsound.limit/1",
							       unsound_fields) };
static const struct xvs_feature twin_features[] = { FEATURE("test.recorder.limit/1", fields) };
static const struct xvs_feature usurper_features[] = { FEATURE("xvs.vlan/1", fields) };

static const struct xvs_label reasons[] = { { "other", "anything else" } };

#define COMMON(id_, features_) \
	.size = sizeof(struct xvs_extension), .cls = XVS_FILTER, .id = (id_), .version = "1.0.0", \
	.vendor = "Example", .summary = "Is hard on the switch", .ops = &ops, \
	.reasons = XVS_TABLE(reasons), .features = XVS_TABLE(features_)

static const struct xvs_extension extensions[] = {
	{ COMMON("test.holder", holder_features), .flags = XVS_EXT_POLICY_ONLY,
	  .rights = XVS_RIGHT_QUEUE },
	{ COMMON("test.unsound", unsound_features) },
	{ COMMON("test.twin", twin_features) },
	{ COMMON("test.usurper", usurper_features) },
};

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
