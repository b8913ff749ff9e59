/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four extensions that append every [control] call to the file named by $XVS_RECORD, one line a
 * call, and refuse what tests ask them to: an instance named "no-create" unless there is a file
 * $XVS_RECORD.rules, a port named "unwelcome", a rate of 13, a level of 13.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xvs/extension.h"

XVS_NOTE("test.recorder", "1.0.0", (1u << XVS_FILTER) | (1u << XVS_INSPECT) | (1u << XVS_FORWARD),
	 0);

struct recorder {
	char name[64];
};

struct recorded_port {
	char name[64];
};

struct limit {
	uint32_t rate;
	uint32_t burst;
	char secret[16];
};

struct global {
	uint32_t level;
};

static const struct xvs_field limit_fields[] = {
	{ .name = "rate",
	  .help = "packets a second",
	  .offset = offsetof(struct limit, rate),
	  .type = XVS_U32,
	  .max = 1000,
	  .dflt = 1 },
	{ .name = "burst",
	  .help = "packets at once",
	  .offset = offsetof(struct limit, burst),
	  .type = XVS_U32,
	  .max = 1000,
	  .dflt = 2 },
	{ .name = "secret",
	  .help = "a word that nobody sees",
	  .offset = offsetof(struct limit, secret),
	  .type = XVS_TEXT,
	  .flags = XVS_FIELD_SECRET,
	  .max = sizeof(((struct limit *)0)->secret) },
};

static const struct xvs_field global_fields[] = {
	{ .name = "level",
	  .help = "of all ports",
	  .offset = offsetof(struct global, level),
	  .type = XVS_U32,
	  .max = 1000 },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct limit),
	  .id = "test.recorder.limit/1",
	  .summary = "a limit",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(limit_fields) },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct global),
	  .id = "test.recorder.global/1",
	  .summary = "for all",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(global_fields) },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct global),
	  .id = "test.recorder.seen/1",
	  .summary = "what it saw",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_STATUS,
	  .fields = XVS_TABLE(global_fields) },
};

static const struct xvs_feature choosy_features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct limit),
	  .id = "test.choosy.limit/1",
	  .summary = "a limit",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(limit_fields) },
};

__attribute__((format(printf, 2, 3))) static void record(const struct recorder *r,
							 const char *format, ...)
{
	const char *path = getenv("XVS_RECORD");
	FILE *file = path ? fopen(path, "ae") : NULL;
	va_list args;

	if (!file)
		return;
	(void)fprintf(file, "%s: ", r->name);
	va_start(args, format);
	(void)vfprintf(file, format, args);
	va_end(args);
	(void)fputc('\n', file);
	(void)fclose(file);
}

static int refuse(struct xvs_error *err, int code, const char *field, const char *text)
{
	(void)snprintf(err->field, sizeof(err->field), "%s", field);
	(void)snprintf(err->text, sizeof(err->text), "%s", text);
	return code;
}

static const char *port_name(const void *port_state)
{
	return port_state ? ((const struct recorded_port *)port_state)->name : "-";
}

static bool has_rules(void)
{
	const char *path = getenv("XVS_RECORD");
	char rules[256];

	(void)snprintf(rules, sizeof(rules), "%s.rules", path ? path : "");
	return access(rules, R_OK) == 0;
}

static int recorder_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			   struct xvs_error *err)
{
	struct recorder *r;

	(void)host;
	if (strcmp(args->instance, "no-create") == 0 && !has_rules())
		return refuse(err, -ENOENT, "", "the file of rules is missing");
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	(void)snprintf(r->name, sizeof(r->name), "%s", args->instance);
	record(r, "create in %s", args->switch_name);
	*self = r;
	return 0;
}

static void recorder_destroy(void *self)
{
	record(self, "destroy");
	free(self);
}

static void recorder_active(void *self, bool on)
{
	record(self, "active %s", on ? "true" : "false");
}

static int recorder_worker_attach(void *self, uint32_t worker, int numa_node, void **worker_state,
				  struct xvs_error *err)
{
	(void)numa_node;
	(void)err;
	record(self, "worker_attach %u", worker);
	*worker_state = self;
	return 0;
}

static void recorder_worker_detach(void *self, void *worker_state)
{
	(void)worker_state;
	record(self, "worker_detach");
}

static int recorder_port_attach(void *self, const struct xvs_port *port, void **port_state,
				struct xvs_error *err)
{
	struct recorded_port *p;

	if (strcmp(port->name, "unwelcome") == 0)
		return refuse(err, -EPERM, "", "such ports are not welcome");
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	(void)snprintf(p->name, sizeof(p->name), "%s", port->name);
	record(self, "port_attach %s%s segment %u", port->name,
	       port->flags & XVS_PORT_PROBE ? " probe" : "", port->segment);
	*port_state = p;
	return 0;
}

static void recorder_port_event(void *self, void *port_state, int event, const struct xvs_port *now)
{
	static const char *const names[] = { "?", "UP", "DOWN", "FROZEN", "CHANGED" };

	record(self, "port_event %s %s segment %u", port_name(port_state), names[event],
	       now->segment);
}

static void recorder_port_detach(void *self, void *port_state)
{
	record(self, "port_detach %s", port_name(port_state));
	free(port_state);
}

static bool is_unlucky(const char *feature, const void *value)
{
	uint32_t first;

	(void)feature;
	memcpy(&first, value, sizeof(first)); /* rate or level */
	return first == 13;
}

static int recorder_policy_check(void *self, void *port_state, const char *feature,
				 const void *value, void **prepared, struct xvs_error *err)
{
	if (value && is_unlucky(feature, value))
		return refuse(err, -EINVAL, strstr(feature, "limit") ? "rate" : "level",
			      "13 brings bad luck");
	record(self, "check %s %s %s", port_name(port_state), feature, value ? "set" : "removed");
	*prepared = self;
	return 0;
}

static void recorder_policy_apply(void *self, void *port_state, const char *feature,
				  const void *value, void *prepared)
{
	record(self, "apply %s %s %s%s", port_name(port_state), feature, value ? "set" : "removed",
	       prepared == self ? "" : " unprepared");
}

static void recorder_policy_abort(void *self, void *port_state, const char *feature, void *prepared)
{
	record(self, "abort %s %s%s", port_name(port_state), feature,
	       prepared == self ? "" : " unprepared");
}

static int recorder_status_read(void *self, void *port_state, const char *feature, void *out,
				struct xvs_error *err)
{
	(void)self;
	(void)port_state;
	(void)feature;
	(void)err;
	((struct global *)out)->level = 7;
	return 0;
}

static void recorder_ingress(void *self, struct xvs_batch *b)
{
	(void)self;
	(void)b;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = recorder_create,
	.destroy = recorder_destroy,
	.active = recorder_active,
	.worker_attach = recorder_worker_attach,
	.worker_detach = recorder_worker_detach,
	.port_attach = recorder_port_attach,
	.port_event = recorder_port_event,
	.port_detach = recorder_port_detach,
	.policy_check = recorder_policy_check,
	.policy_apply = recorder_policy_apply,
	.policy_abort = recorder_policy_abort,
	.status_read = recorder_status_read,
	.ingress = recorder_ingress,
	.egress = recorder_ingress,
};

static void forwarder_forward(void *self, struct xvs_batch *b)
{
	(void)self;
	for (XVS_EACH(i, b->live))
		b->dest[i] = XVS_DEST_NORMAL;
}

static void watcher_inspect(void *self, const struct xvs_batch *b)
{
	(void)self;
	(void)b;
}

static const struct xvs_ops watcher_ops = {
	.size = sizeof(watcher_ops),
	.create = recorder_create,
	.destroy = recorder_destroy,
	.inspect = watcher_inspect,
};

static const struct xvs_ops forwarder_ops = {
	.size = sizeof(forwarder_ops),
	.create = recorder_create,
	.destroy = recorder_destroy,
	.forward = forwarder_forward,
};

static const struct xvs_label reasons[] = { { "other", "anything else" } };

#define COMMON(id_, cls_, ops_) \
	.size = sizeof(struct xvs_extension), .cls = (cls_), .id = (id_), .version = "1.0.0", \
	.vendor = "Example", .summary = "Writes down its life", .ops = (ops_), \
	.reasons = XVS_TABLE(reasons)

static const struct xvs_extension extensions[] = {
	{ COMMON("test.recorder", XVS_FILTER, &ops), .features = XVS_TABLE(features) },
	{ COMMON("test.choosy", XVS_FILTER, &ops), .features = XVS_TABLE(choosy_features),
	  .flags = XVS_EXT_POLICY_ONLY },
	{ COMMON("test.watcher", XVS_INSPECT, &watcher_ops) },
	{ COMMON("test.forwarder", XVS_FORWARD, &forwarder_ops) },
};

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
