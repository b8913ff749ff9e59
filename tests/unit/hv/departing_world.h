/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/departing_world.h - what a departure speaks with, as little of each as it takes: an xvsd, another
 * host's xvs-hv and a QEMU, on real sockets and with a real process, in one event loop.
 *
 * Every question to one of them is an event with a number, and at one number something goes wrong.
 * What outlives a host core is in 'world'; whatever happens, check_world() holds.
 */
#ifndef XVS_TEST_HV_DEPARTING_WORLD_H
#define XVS_TEST_HV_DEPARTING_WORLD_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "definition.h"
#include "departing.h"
#include "move_key.h"
#include "remote.h"
#include "rpc/server.h"
#include "stone.h"
#include "support/test.h"

#include "support/certificates.h"

enum fault {
	NO_FAULT,
	REFUSES,      /* whoever is asked says no, and does nothing */
	FALLS_SILENT, /* the connection breaks before he has done anything */
	LOSES_ANSWER, /* and after he has */
	CORE_DIES,    /* our xvs-hv, before he has done anything */
	CORE_DIES_LATE,
	QEMU_DIES, /* ours */
	SOMEBODY_CANCELS,
	THEIR_SWITCH_FORGETS, /* was started anew: what was not decided is undone on both hosts */
	SWITCH_FORGETS,       /* our xvsd was started anew: what it had not decided is undone */
	FAULTS,
};

enum port_place { PORT_HERE, PORT_FROZEN, PORT_THERE };
enum guest_place { GUEST_RUNS, GUEST_STANDS, GUEST_GONE };

static struct {
	char dir[TEST_PATH];
	char run[TEST_PATH + 16];
	struct loop *loop;
	struct authority authority;
	struct host_files a, b;
	uint16_t port;
	/* faults */
	unsigned events, fault_at;
	enum fault fault;
	bool has_happened, is_core_to_die;
	/* our switch */
	struct server *xvsd;
	enum port_place place;
	char tag[64];
	char phase[16]; /* of the port's move; "": there is none */
	unsigned moves;
	char refusal[64]; /* of the port, at the check */
	/* the other host */
	struct remote_server *peer;
	struct remote_session *session;
	struct tls_context *tls;
	struct rpc_call *unanswered;
	bool is_prepared_there, is_loaded_there, runs_there, is_expected;
	char finding[64]; /* a refusal of it */
	/* our QEMU */
	struct evconnlistener *monitor;
	struct bufferevent *talk;
	struct process qemu;
	enum guest_place guest;
	char status[24]; /* of its migration */
	bool has_mirror, is_mirror_cancelled;
	bool is_slow;         /* memory is never little enough */
	bool is_never_loaded; /* there */
	bool is_never_up;     /* QEMU there */
	bool is_deaf;         /* the other host, to the decision */
	const char *odd[2];   /* what it answers to admit and receive; NULL: what it should */
	/* the core */
	struct hv hv;
	bool is_over;
	int code;
	char text[1024];
	json_t *report;
} world;

static void check_world(void)
{
	if (world.guest == GUEST_RUNS && world.runs_there)
		fail_msg("event %u: the guest runs twice", world.events);
	if (world.runs_there && world.place != PORT_THERE)
		fail_msg("event %u: the guest runs there without its port", world.events);
}

/* ---- events ------------------------------------------------------------------------------------ */

static void qemu_die(void);

/* What is to go wrong with this question. */
static enum fault event_next(void)
{
	struct xvs_error err = ERROR_INIT;
	struct vm *vm = hv_find(&world.hv, "web");

	if (++world.events != world.fault_at || world.has_happened)
		return NO_FAULT;
	world.has_happened = true;
	if (world.fault == CORE_DIES || world.fault == CORE_DIES_LATE) {
		world.is_core_to_die = true;
		(void)event_base_loopbreak(loop_base(world.loop));
	} else if (world.fault == QEMU_DIES) {
		qemu_die();
		return NO_FAULT;
	} else if (world.fault == SWITCH_FORGETS || world.fault == THEIR_SWITCH_FORGETS) {
		world.is_expected &= world.fault == SWITCH_FORGETS;
		if (world.place != PORT_THERE) {
			world.place = PORT_HERE;
			world.phase[0] = '\0';
		}
		return NO_FAULT;
	} else if (world.fault == SOMEBODY_CANCELS) {
		if (vm)
			(void)departing_cancel(vm, &err);
		return NO_FAULT;
	}
	return world.fault;
}

static bool does(enum fault fault)
{
	return fault == NO_FAULT || fault == LOSES_ANSWER || fault == CORE_DIES_LATE;
}

/* ---- our switch -------------------------------------------------------------------------------- */

static json_t *port_report(void)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "move", "11", "role", "source",
			 "port", "lab/web-eth0", "uuid", "6a1f0000-0000-4000-8000-000000000001",
			 "phase", world.phase, "records", (json_int_t)3, "bytes", (json_int_t)100,
			 "rounds", (json_int_t)2);
}

/* False: the call was answered, or never will be. */
static bool is_asked(struct rpc_call *call)
{
	enum fault fault = event_next();

	if (does(fault))
		return true;
	if (fault == REFUSES)
		rpc_refuse(call, RPC_REFUSED, "it refuses");
	else
		rpc_refuse(call, RPC_INTERNAL, "it was lost");
	return false;
}

static void on_port(struct rpc_call *call)
{
	if (!is_asked(call))
		return;
	assert_true(rpc_bool(call, "check"));
	if (!world.is_expected)
		rpc_refuse(call, RPC_REFUSED, "say what it gets here with migrate.expect");
	else if (world.refusal[0])
		rpc_refuse(call, RPC_REFUSED, "port lab/web-eth0 does not move: %s", world.refusal);
	else
		rpc_answer(call, port_report());
}

static void on_prepare(struct rpc_call *call)
{
	if (!is_asked(call))
		return;
	assert_int_equal(world.place, PORT_HERE);
	if (!world.is_expected) {
		rpc_refuse(call, RPC_REFUSED, "say what it gets here with migrate.expect");
		return;
	}
	(void)snprintf(world.tag, sizeof(world.tag), "%s", rpc_text(call, "tag"));
	(void)strcpy(world.phase, "rounds");
	world.moves++;
	rpc_answer(call, port_report());
}

static void on_freeze(struct rpc_call *call)
{
	if (!is_asked(call))
		return;
	if (strcmp(world.phase, "rounds") != 0 && strcmp(world.phase, "frozen") != 0) {
		rpc_refuse(call, RPC_REFUSED, "it cannot be frozen now");
		return;
	}
	(void)strcpy(world.phase, "frozen");
	world.place = PORT_FROZEN;
	rpc_answer(call, port_report());
}

static void on_commit(struct rpc_call *call)
{
	if (!is_asked(call))
		return;
	if (strcmp(world.phase, "frozen") != 0 && strcmp(world.phase, "ended") != 0) {
		rpc_refuse(call, RPC_REFUSED, "there is nothing to commit");
		return;
	}
	(void)strcpy(world.phase, "ended");
	world.place = PORT_THERE;
	rpc_answer(call, port_report());
}

static void on_cancel(struct rpc_call *call)
{
	if (!is_asked(call))
		return;
	if (world.place == PORT_THERE) {
		rpc_refuse(call, RPC_REFUSED, "it is decided that the port moves");
		return;
	}
	(void)strcpy(world.phase, "giving up");
	world.place = PORT_HERE;
	rpc_answer(call, port_report());
}

static void on_moves(struct rpc_call *call)
{
	json_t *list = json_array();
	json_t *one;

	if (!is_asked(call)) {
		json_decref(list);
		return;
	}
	if (world.phase[0]) {
		one = port_report();
		(void)json_object_set_new(one, "tag", json_string(world.tag));
		if (world.place == PORT_THERE)
			(void)json_object_set_new(one, "outcome", json_string("moved"));
		(void)json_array_append_new(list, one);
	}
	rpc_answer(call, list);
}

static void on_port_show(struct rpc_call *call)
{
	if (!is_asked(call))
		return;
	if (world.place == PORT_THERE)
		rpc_refuse(call, RPC_NOT_FOUND, "there is no such port");
	else
		rpc_answer(call,
			   json_pack("{s:s}", "uuid", "6a1f0000-0000-4000-8000-000000000001"));
}

static void on_port_add(struct rpc_call *call)
{
	if (!is_asked(call))
		return;
	world.place = PORT_HERE;
	rpc_answer(call, json_object());
}

#define ANY(key, kind) \
	{ \
		key, kind, false, "" \
	}
static const struct rpc_method xvsd_methods[] = {
	{ "migrate.port",
	  RPC_ADMIN,
	  "",
	  "",
	  on_port,
	  { ANY("port", RPC_TEXT), ANY("to", RPC_TEXT), ANY("check", RPC_BOOL) } },
	{ "migrate.prepare",
	  RPC_ADMIN,
	  "",
	  "",
	  on_prepare,
	  { ANY("port", RPC_TEXT), ANY("to", RPC_TEXT), ANY("tag", RPC_TEXT) } },
	{ "migrate.freeze", RPC_ADMIN, "", "", on_freeze, { ANY("move", RPC_TEXT) } },
	{ "migrate.commit", RPC_ADMIN, "", "", on_commit, { ANY("move", RPC_TEXT) } },
	{ "migrate.resolve",
	  RPC_ADMIN,
	  "",
	  "",
	  on_cancel,
	  { ANY("move", RPC_TEXT), ANY("take_over", RPC_BOOL) } },
	{ "migrate.cancel", RPC_ADMIN, "", "", on_cancel, { ANY("move", RPC_TEXT) } },
	{ "migrate.list", RPC_ADMIN, "", "", on_moves, { { NULL, RPC_TEXT, false, NULL } } },
	{ "port.add",
	  RPC_ADMIN,
	  "",
	  "",
	  on_port_add,
	  { ANY("switch", RPC_TEXT), ANY("owner", RPC_TEXT), ANY("port", RPC_OBJECT) } },
	{ "port.show", RPC_ADMIN, "", "", on_port_show, { ANY("target", RPC_TEXT) } },
};
static const struct rpc_table xvsd_table = { xvsd_methods,
					     sizeof(xvsd_methods) / sizeof(xvsd_methods[0]), NULL };

/* ---- the other host ---------------------------------------------------------------------------- */

/* True: it was done, or was not, and the answer is lost. */
static bool is_lost(struct rpc_call *call, enum fault fault)
{
	if (fault == REFUSES)
		rpc_refuse(call, RPC_REFUSED, "host b refuses");
	else if (fault != NO_FAULT)
		rpc_refuse(call, RPC_INTERNAL, "the link was lost");
	return fault != NO_FAULT;
}

static void on_admit(struct rpc_call *call)
{
	json_t *findings = json_array();
	enum fault fault = event_next();

	if (is_lost(call, fault)) {
		json_decref(findings);
		return;
	}
	assert_non_null(rpc_object(call, "machine"));
	world.is_expected = true;
	if (world.odd[0]) {
		json_decref(findings);
		rpc_answer(call, json_loads(world.odd[0], JSON_DECODE_ANY, NULL));
		return;
	}
	if (world.finding[0])
		(void)json_array_append_new(findings,
					    json_pack("{s:s, s:s, s:s}", "what", "memory", "why",
						      world.finding, "severity", "refuse"));
	rpc_answer(call, json_pack("{s:i, s:o}", "epoch", 4, "findings", findings));
}

static void on_there(struct rpc_call *call)
{
	const char *method = rpc_method_name(call);
	enum fault fault = event_next();

	if (world.is_deaf && strcmp(method, "vm.move.commit") == 0)
		fault = FALLS_SILENT;
	if (does(fault) && strcmp(method, "vm.move.prepare") == 0) {
		assert_true(move_key_is_one(rpc_text(call, "key")));
		world.is_prepared_there = world.is_expected = true;
	} else if (does(fault) && strcmp(method, "vm.move.commit") == 0) {
		assert_int_equal(rpc_count(call, "epoch", 0), 5);
		world.runs_there = true;
		check_world();
	} else if (does(fault) && strcmp(method, "vm.move.abort") == 0) {
		assert_false(world.runs_there);
		world.is_prepared_there = false;
	}
	if (is_lost(call, fault))
		return;
	if ((world.is_never_loaded && strcmp(method, "vm.move.loaded") == 0) ||
	    (world.is_never_up && strcmp(method, "vm.move.receive") == 0)) {
		world.unanswered = call;
		return;
	}
	if (world.odd[1] && strcmp(method, "vm.move.receive") == 0)
		rpc_answer(call, json_loads(world.odd[1], JSON_DECODE_ANY, NULL));
	else if (strcmp(method, "vm.move.receive") == 0)
		rpc_answer(call, json_pack("{s:i, s:i}", "memory", 4000, "disks", 4001));
	else
		rpc_answer(call, json_pack("{s:b, s:i}", "resumed", 1, "resume_us", 700));
}

#define MOVE ANY("move", RPC_TEXT), ANY("epoch", RPC_COUNT)
static const struct rpc_method peer_methods[] = {
	{ "vm.move.admit",
	  RPC_ADMIN,
	  "",
	  "",
	  on_admit,
	  { MOVE, ANY("kind", RPC_TEXT), ANY("machine", RPC_OBJECT), ANY("check", RPC_BOOL) } },
	{ "vm.move.prepare", RPC_ADMIN, "", "", on_there, { MOVE, ANY("key", RPC_TEXT) } },
	{ "vm.move.receive", RPC_ADMIN, "", "", on_there, { MOVE } },
	{ "vm.move.release", RPC_ADMIN, "", "", on_there, { MOVE } },
	{ "vm.move.loaded", RPC_ADMIN, "", "", on_there, { MOVE } },
	{ "vm.move.commit", RPC_ADMIN, "", "", on_there, { MOVE } },
	{ "vm.move.abort", RPC_ADMIN, "", "", on_there, { MOVE, ANY("reason", RPC_TEXT) } },
};
#undef MOVE
#undef ANY

static bool on_admits(void *arg, const struct remote_session *s)
{
	(void)arg;
	world.session = (struct remote_session *)(uintptr_t)s;
	return true;
}

static void on_left(void *arg, struct remote_session *s)
{
	(void)arg;
	if (world.session == s)
		world.session = NULL;
}

static const struct remote_service peer_service = {
	.methods = peer_methods,
	.method_count = sizeof(peer_methods) / sizeof(peer_methods[0]),
	.admits = on_admits,
	.left = on_left,
};

/* ---- our QEMU ---------------------------------------------------------------------------------- */

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	char line[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	line[len] = '\n';
	if (world.talk)
		(void)bufferevent_write(world.talk, line, (size_t)len + 1);
}

static void say_event(const char *name, const char *data)
{
	say("{\"event\": \"%s\", \"data\": %s, \"timestamp\": {\"seconds\": 1, \"microseconds\": "
	    "1}}",
	    name, data);
}

static void hang_up(void)
{
	if (world.talk)
		bufferevent_free(world.talk);
	world.talk = NULL;
}

static void qemu_die(void)
{
	process_kill(&world.qemu, SIGKILL);
	world.guest = GUEST_GONE;
	hang_up();
}

static void migration(const char *status)
{
	(void)strcpy(world.status, status);
	say_event("MIGRATION", "{}");
}

static void guest_set(enum guest_place place)
{
	if (world.guest == GUEST_GONE)
		return;
	world.guest = place;
	say_event(place == GUEST_RUNS ? "RESUME" : "STOP", "{}");
	check_world();
}

static bool is(const char *command, const char *name)
{
	return strcmp(command, name) == 0;
}

static const char *query(const char *command, char out[400])
{
	if (is(command, "query-uuid")) {
		return "{\"UUID\": \"6a1f0000-0000-4000-8000-00000000000a\"}";
	} else if (is(command, "query-status")) {
		(void)snprintf(out, 400, "{\"status\": \"%s\"}",
			       world.guest == GUEST_RUNS ? "running" : "paused");
	} else if (is(command, "query-migrate")) {
		(void)snprintf(
			out, 400,
			"{\"status\": \"%s\", \"ram\": {\"transferred\": 100, \"remaining\": "
			"0, \"total\": 1000, \"mbps\": 8.5, \"dirty-sync-count\": 3}}",
			world.status[0] ? world.status : "none");
	} else if (is(command, "query-block-jobs")) {
		(void)snprintf(out, 400,
			       world.has_mirror ? "[{\"device\": \"mirror-root\", \"ready\": true, "
						  "\"status\": \"%s\", \"offset\": 9, \"len\": 9}]"
						: "[]",
			       world.is_mirror_cancelled ? "concluded" : "ready");
	} else {
		return "[]";
	}
	return out;
}

/* What it does by itself follows the answer. */
static void command_do(const char *command)
{
	if (is(command, "migrate") && world.is_slow) {
		migration("active");
	} else if (is(command, "migrate")) {
		migration("pre-switchover");
		guest_set(GUEST_STANDS);
	} else if (is(command, "migrate-continue")) {
		migration("completed");
		world.is_loaded_there = true;
	} else if (is(command, "migrate_cancel") && is(world.status, "active")) {
		migration("cancelled");
	} else if (is(command, "migrate_cancel") && is(world.status, "pre-switchover")) {
		migration("cancelled");
		guest_set(GUEST_RUNS);
	} else if (is(command, "cont")) {
		guest_set(GUEST_RUNS);
	} else if (is(command, "quit")) {
		say_event("SHUTDOWN", "{\"guest\": false, \"reason\": \"host-qmp-quit\"}");
		qemu_die();
	} else if (is(command, "blockdev-mirror")) {
		world.has_mirror = true;
		world.is_mirror_cancelled = false;
	} else if (is(command, "block-job-cancel")) {
		world.is_mirror_cancelled = true;
	} else if (is(command, "job-dismiss")) {
		world.has_mirror = false;
	}
}

static void command_take(const char *line)
{
	json_t *root = json_loads(line, 0, NULL);
	const char *command = json_string_value(json_object_get(root, "execute"));
	json_int_t id = json_integer_value(json_object_get(root, "id"));
	enum fault fault = is(command, "qmp_capabilities") ? NO_FAULT : event_next();
	char out[400] = "{}";
	char id_text[40] = "";

	if (json_object_get(root, "id"))
		(void)snprintf(id_text, sizeof(id_text), ", \"id\": %" JSON_INTEGER_FORMAT, id);
	if (fault == REFUSES)
		say("{\"error\": {\"class\": \"GenericError\", \"desc\": \"QEMU refuses\"}%s}",
		    id_text);
	else if (fault == NO_FAULT && world.talk)
		say("{\"return\": %s%s}",
		    strncmp(command, "query-", 6) == 0 ? query(command, out) : "{}", id_text);
	if (does(fault))
		command_do(command);
	if (fault == FALLS_SILENT || fault == LOSES_ANSWER)
		hang_up();
	json_decref(root);
}

static void on_line(struct bufferevent *stream, void *arg)
{
	char *line;

	(void)arg;
	while (world.talk == stream && !world.is_core_to_die &&
	       (line = evbuffer_readln(bufferevent_get_input(stream), NULL, EVBUFFER_EOL_LF))) {
		command_take(line);
		free(line);
	}
}

static void on_talk_end(struct bufferevent *stream, short what, void *arg)
{
	(void)what;
	(void)arg;
	if (stream == world.talk)
		hang_up();
}

static void on_talk(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *address, int len,
		    void *arg)
{
	(void)l;
	(void)address;
	(void)len;
	(void)arg;
	hang_up();
	world.talk = bufferevent_socket_new(loop_base(world.loop), fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(world.talk, on_line, NULL, on_talk_end, NULL);
	(void)bufferevent_enable(world.talk, EV_READ | EV_WRITE);
	say("{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "
	    "\"package\": \"\"}, \"capabilities\": []}}");
}

#endif /* XVS_TEST_HV_DEPARTING_WORLD_H */
