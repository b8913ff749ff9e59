/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the log of every call that it gets, and misbehaves as the name of its instance says:
 * "no-create", "no-worker-1", "mute", "positive", "no-port", "bad-flow", "bad-conn".
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/extension.h"

XVS_NOTE("com.example.diary", "1.0.0", 1u << XVS_FILTER, XVS_RIGHT_QUEUE);

struct diary {
	const struct xvs_host *host;
	char name[64];
	char lines[64][80]; /* each at its own address, so that none is held back as a repetition */
	unsigned count;
};

__attribute__((format(printf, 2, 3))) static void note(struct diary *d, const char *format, ...)
{
	char *line = d->lines[d->count++ % 64];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, 80, format, args);
	va_end(args);
	d->host->log(d->host, XVS_LOG_INFO, line);
}

static int refuse(struct xvs_error *err, int code, const char *field, const char *text)
{
	(void)snprintf(err->field, sizeof(err->field), "%s", field);
	(void)snprintf(err->text, sizeof(err->text), "%s", text);
	return code;
}

static int diary_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			struct xvs_error *err)
{
	struct diary *d;

	if (strcmp(args->instance, "no-create") == 0)
		return refuse(err, -ENOENT, "", "the file of rules is missing");
	if (strcmp(args->instance, "mute") == 0)
		return -EIO;
	if (strcmp(args->instance, "positive") == 0)
		return 5;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->host = host;
	(void)snprintf(d->name, sizeof(d->name), "%s", args->instance);
	note(d, "create %s %s workers=%u ports=%u upgrade=%u", args->switch_name, args->instance,
	     args->workers, args->ports_max, args->flags & XVS_CREATE_UPGRADE);
	*self = d;
	return 0;
}

static void diary_destroy(void *self)
{
	note(self, "destroy");
	free(self);
}

static void diary_active(void *self, bool on)
{
	note(self, "active %d", on);
}

static int diary_worker_attach(void *self, uint32_t worker, int numa_node, void **worker_state,
			       struct xvs_error *err)
{
	struct diary *d = self;

	(void)numa_node;
	note(d, "worker_attach %u", worker);
	if (worker == 1 && strcmp(d->name, "no-worker-1") == 0)
		return refuse(err, -ENOSPC, "", "tables are full");
	*worker_state = (void *)((uintptr_t)worker + 100);
	return 0;
}

static void diary_worker_detach(void *self, void *worker_state)
{
	note(self, "worker_detach %u", (unsigned)((uintptr_t)worker_state - 100));
}

static int diary_port_attach(void *self, const struct xvs_port *port, void **port_state,
			     struct xvs_error *err)
{
	struct diary *d = self;

	note(d, "port_attach %s", port->name);
	if (strcmp(d->name, "no-port") == 0)
		return refuse(err, -EPERM, "rules[2].proto", "port is\nnot welcome");
	*port_state = (void *)((uintptr_t)port->id + 200);
	return 0;
}

static void diary_port_event(void *self, void *port_state, int event, const struct xvs_port *now)
{
	(void)now;
	note(self, "port_event %u %d", (unsigned)((uintptr_t)port_state - 200), event);
}

static void diary_port_detach(void *self, void *port_state)
{
	note(self, "port_detach %u", (unsigned)((uintptr_t)port_state - 200));
}

static int diary_policy_check(void *self, void *port_state, const char *feature, const void *value,
			      void **prepared, struct xvs_error *err)
{
	(void)port_state;
	note(self, "policy_check %s %s", feature, value ? "set" : "removed");
	if (value && *(const int *)value < 0)
		return refuse(err, -ERANGE, "rate", "rate is -1, must be 0..10");
	*prepared = self;
	return 0;
}

static void diary_policy_apply(void *self, void *port_state, const char *feature, const void *value,
			       void *prepared)
{
	(void)port_state;
	(void)value;
	note(self, "policy_apply %s %s", feature, prepared == self ? "prepared" : "unprepared");
}

static void diary_policy_abort(void *self, void *port_state, const char *feature, void *prepared)
{
	(void)port_state;
	note(self, "policy_abort %s %s", feature, prepared == self ? "prepared" : "unprepared");
}

static void diary_drain(void *self, void *worker_state, void *port_state)
{
	(void)self;
	(void)worker_state;
	(void)port_state;
}

static const void *diary_query(void *self, const char *id)
{
	static const struct xvs_flow no_judge = { .size = sizeof(no_judge) };
	static const struct xvs_conn_ops conn = { .size = sizeof(conn) };
	const struct diary *d = self;

	if (strcmp(id, XVS_FLOW) == 0 && strcmp(d->name, "bad-flow") == 0)
		return &no_judge;
	if (strcmp(id, XVS_CONN) == 0 && strcmp(d->name, "bad-conn") == 0)
		return &conn;
	return NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = diary_create,
	.destroy = diary_destroy,
	.active = diary_active,
	.worker_attach = diary_worker_attach,
	.worker_detach = diary_worker_detach,
	.port_attach = diary_port_attach,
	.port_event = diary_port_event,
	.port_detach = diary_port_detach,
	.policy_check = diary_policy_check,
	.policy_apply = diary_policy_apply,
	.policy_abort = diary_policy_abort,
	.drain = diary_drain,
	.query = diary_query,
};

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FILTER,
	  .id = "com.example.diary",
	  .version = "1.0.0",
	  .vendor = "Example",
	  .summary = "Writes down its life",
	  .ops = &ops,
	  .rights = XVS_RIGHT_QUEUE },
};
XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
