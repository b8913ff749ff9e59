/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/methods_capture.c - capture sessions, each of which ends with its caller's connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "control/methods.h"
#include "observe/capture.h"

struct capturing {
	struct rpc_ending ending; /* first */
	struct capture *capture;
};

/* False: the call has been refused. */
static bool read_port(struct rpc_call *call, struct capture_spec *spec)
{
	const char *target = rpc_text(call, "port");

	spec->port = target ? world_port_id(world_of(call), target) : 0;
	if (!target || spec->port)
		return true;
	rpc_refuse(call, RPC_NOT_FOUND, "port %.128s: there is none of that name that is up",
		   target);
	return false;
}

/* The same.  "drops", "before:INSTANCE", "after:INSTANCE" */
static bool read_point(struct rpc_call *call, struct capture_spec *spec)
{
	const char *point = rpc_text(call, "point");
	const char *colon = point ? strchr(point, ':') : NULL;

	spec->point = CAPTURE_ENDS;
	if (!point)
		return true;
	if (strcmp(point, "drops") == 0) {
		spec->point = CAPTURE_DROPS;
		return true;
	}
	if (strncmp(point, "before:", 7) == 0) {
		spec->point = CAPTURE_BEFORE;
	} else if (strncmp(point, "after:", 6) == 0) {
		spec->point = CAPTURE_AFTER;
	} else {
		rpc_refuse(call, RPC_BAD_PARAMS,
			   "point \"%.128s\" is none, must be \"before:INSTANCE\", "
			   "\"after:INSTANCE\" or \"drops\"",
			   point);
		return false;
	}
	spec->instance = world_instance_nr(world_of(call), colon + 1);
	if (spec->instance)
		return true;
	rpc_refuse(call, RPC_NOT_FOUND, "instance %.128s: there is none of that name that runs",
		   colon + 1);
	return false;
}

static void on_capture_end(struct rpc_ending *ending)
{
	struct capturing *c = (struct capturing *)(void *)ending;

	capture_stop(c->capture);
	free(c);
}

void on_capture_start(struct rpc_call *call)
{
	const struct control *control = rpc_context(call);
	uint64_t snaplen = rpc_count(call, "snaplen", 0);
	struct capture_spec spec = {
		.snaplen = snaplen < CAPTURE_SNAPLEN_MAX ? (uint32_t)snaplen : 0,
	};
	struct xvs_error err = ERROR_INIT;
	struct capturing *c;
	int fd;

	if (!read_port(call, &spec) || !read_point(call, &spec))
		return;
	c = calloc(1, sizeof(*c));
	if (!c || capture_start(control->path, &spec, &c->capture, &err)) {
		free(c);
		rpc_refuse(call, RPC_REFUSED, "%s", err.code ? err.text : "capture: out of memory");
		return;
	}
	rpc_at_end(call, &c->ending, on_capture_end);
	fd = fcntl(capture_descriptor(c->capture), F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		rpc_refuse(call, RPC_REFUSED, "capture: no descriptor for it: %s", strerror(errno));
	else
		rpc_answer_fd(call, json_pack("{s:s*}", "counters", control->counters_file), fd);
}
