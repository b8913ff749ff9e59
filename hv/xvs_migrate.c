/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/xvs_migrate.c - the program: ports that go along with machines of somebody else's.
 *
 * "follow" keeps step with one QEMU by itself; the others are its single steps, for hooks and
 * scripts that know better.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/protocol.h"
#include "follow.h"

/* As xvsctl's. */
enum { LEAVE_DONE, LEAVE_REFUSED, LEAVE_USAGE, LEAVE_UNREACHABLE, LEAVE_NOT_FOUND };
enum { STEP_S = 600, HOUR_MS = 3600 * 1000 };

static const char usage[] =
	"usage: xvs-migrate [--socket PATH] [--json] VERB ...\n"
	"\n"
	"  follow --qmp PATH --port SWITCH/PORT... --to HOST[:PORT]...\n"
	"         [--to-switch NAME] [--lenient] [--forever]\n"
	"                          ports go where the machine of this QEMU is moved to\n"
	"  prepare SWITCH/PORT --to HOST[:PORT] [--to-switch NAME] [--tag WORD]\n"
	"                          prints the id of the move\n"
	"  freeze MOVE [--budget-ms N]\n"
	"  commit|cancel|show MOVE\n"
	"  expect UUID --to-switch NAME [--backend JSON] [--name NAME]\n"
	"                          on the other host: what the port with this UUID gets there\n"
	"\n"
	"See xvs-migrate(8).\n";

struct program {
	const char *socket, *tag, *backend, *name, *verb, *object;
	uint32_t budget_ms;
	bool is_json;
	struct follow_options following;
	struct loop *loop;
	struct switch_client *sw;
	struct follow *follow;
	int leave;
};

enum option_id {
	OPTION_SOCKET = 1,
	OPTION_JSON,
	OPTION_QMP,
	OPTION_PORT,
	OPTION_TO,
	OPTION_TO_SWITCH,
	OPTION_LENIENT,
	OPTION_FOREVER,
	OPTION_TAG,
	OPTION_BUDGET,
	OPTION_BACKEND,
	OPTION_NAME,
	OPTION_VERSION,
	OPTION_HELP,
};

static const struct option known[] = {
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "qmp", required_argument, NULL, OPTION_QMP },
	{ "port", required_argument, NULL, OPTION_PORT },
	{ "to", required_argument, NULL, OPTION_TO },
	{ "to-switch", required_argument, NULL, OPTION_TO_SWITCH },
	{ "lenient", no_argument, NULL, OPTION_LENIENT },
	{ "forever", no_argument, NULL, OPTION_FOREVER },
	{ "tag", required_argument, NULL, OPTION_TAG },
	{ "budget-ms", required_argument, NULL, OPTION_BUDGET },
	{ "backend", required_argument, NULL, OPTION_BACKEND },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

/* ---- the command line -------------------------------------------------------------------------- */

static int misused(const char *why)
{
	(void)fprintf(stderr, "xvs-migrate: %s\n%s", why, usage);
	return LEAVE_USAGE;
}

static int port_take(struct follow_options *f, const char *port)
{
	if (f->port_count == FOLLOW_PORTS)
		return misused("more than 16 ports");
	f->ports[f->port_count++] = port;
	return -1;
}

static int host_take(struct follow_options *f, const char *host)
{
	if (f->to_count == FOLLOW_HOSTS)
		return misused("more than 64 hosts");
	f->to[f->to_count++] = host;
	return -1;
}

static int budget_take(struct program *p, const char *text)
{
	char *end;
	unsigned long ms = strtoul(text, &end, 10);

	if (*end || end == text || ms > HOUR_MS)
		return misused("--budget-ms takes milliseconds, one hour at most");
	p->budget_ms = (uint32_t)ms;
	return -1;
}

static const char **text_of(struct program *p, int option)
{
	switch (option) {
	case OPTION_SOCKET:
		return &p->socket;
	case OPTION_QMP:
		return &p->following.qmp;
	case OPTION_TO_SWITCH:
		return &p->following.to_switch;
	case OPTION_TAG:
		return &p->tag;
	case OPTION_BACKEND:
		return &p->backend;
	case OPTION_NAME:
		return &p->name;
	default:
		return NULL;
	}
}

/* -1: go on; else leave with this. */
static int option_take(struct program *p, int option)
{
	const char **text = text_of(p, option);

	if (text) {
		*text = optarg;
		return -1;
	}
	switch (option) {
	case OPTION_JSON:
		p->is_json = true;
		return -1;
	case OPTION_LENIENT:
		p->following.is_lenient = true;
		return -1;
	case OPTION_FOREVER:
		p->following.is_forever = true;
		return -1;
	case OPTION_PORT:
		return port_take(&p->following, optarg);
	case OPTION_TO:
		return host_take(&p->following, optarg);
	case OPTION_BUDGET:
		return budget_take(p, optarg);
	case OPTION_VERSION:
		(void)puts("xvs-migrate " XVS_VERSION);
		return LEAVE_DONE;
	case OPTION_HELP:
		(void)fputs(usage, stdout);
		return LEAVE_DONE;
	default:
		(void)fputs(usage, stderr);
		return LEAVE_USAGE;
	}
}

static int options_read(int argc, char **argv, struct program *p)
{
	int leave = -1;
	int option;

	while (leave < 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1)
		leave = option_take(p, option);
	if (leave >= 0)
		return leave;
	if (optind < argc)
		p->verb = argv[optind++];
	if (optind < argc)
		p->object = argv[optind++];
	if (!p->verb)
		return misused("a verb is missing");
	return optind < argc ? misused("too many words") : -1;
}

/* ---- follow ------------------------------------------------------------------------------------ */

static void json_show(const json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2));

	if (text)
		(void)puts(text);
	free(text);
	(void)fflush(stdout);
}

static void leave_with(struct program *p, int code)
{
	p->leave = code;
	loop_stop(p->loop);
}

static void on_tell(void *arg, const char *text)
{
	const struct program *p = arg;

	(void)fprintf(p->is_json ? stderr : stdout, "%s\n", text);
	(void)fflush(stdout);
}

/* A port that is open there has moved, though it is still being removed here. */
static const char *became(const json_t *move)
{
	const char *outcome = json_string_value(json_object_get(move, "outcome"));
	const char *phase = json_string_value(json_object_get(move, "phase"));

	if (outcome)
		return outcome;
	if (!phase)
		return "not known";
	return strcmp(phase, "opened") == 0 || strcmp(phase, "removing") == 0 ? "moved" : phase;
}

static void move_show(const json_t *move)
{
	const json_t *blackout = json_object_get(move, "blackout_us");

	(void)printf("%s: %s", json_string_value(json_object_get(move, "port")), became(move));
	if (json_is_integer(blackout))
		(void)printf(", %lld microseconds closed", (long long)json_integer_value(blackout));
	(void)putchar('\n');
}

static void on_ended(void *arg, bool has_moved, const json_t *report)
{
	struct program *p = arg;
	const json_t *move;
	size_t i;

	if (p->is_json)
		json_show(report);
	json_array_foreach((json_t *)(uintptr_t)report, i, move)
	{
		if (!p->is_json)
			move_show(move);
	}
	(void)fflush(stdout);
	if (!p->following.is_forever)
		leave_with(p, has_moved ? LEAVE_DONE : LEAVE_REFUSED);
}

static void on_lost(void *arg, const char *why)
{
	struct program *p = arg;

	(void)fprintf(stderr, "xvs-migrate: QEMU at %s: %s\n", p->following.qmp, why);
	leave_with(p, p->following.is_forever ? LEAVE_DONE : LEAVE_UNREACHABLE);
}

static int follow_begin(struct program *p)
{
	const struct follow_ops ops = { on_tell, on_ended, on_lost, p };
	struct xvs_error err = ERROR_INIT;

	if (p->object)
		return misused("follow takes ports by --port");
	if (!p->following.qmp || p->following.to_count == 0 || p->following.port_count == 0)
		return misused("follow needs --qmp, --to and a --port at least");
	if (follow_create(p->loop, p->sw, &p->following, &ops, &p->follow, &err) == 0)
		return -1;
	(void)fprintf(stderr, "xvs-migrate: %s\n", err.text);
	return LEAVE_UNREACHABLE;
}

/* ---- single steps ------------------------------------------------------------------------------ */

static void on_step(void *arg, const struct switch_answer *answer)
{
	struct program *p = arg;
	const char *move = json_string_value(json_object_get(answer->result, "move"));

	if (!answer->result) {
		(void)fprintf(stderr, "xvs-migrate: %s\n", answer->error);
		leave_with(p, answer->code == 0               ? LEAVE_UNREACHABLE
			      : answer->code == RPC_NOT_FOUND ? LEAVE_NOT_FOUND
							      : LEAVE_REFUSED);
		return;
	}
	if (p->is_json || strcmp(p->verb, "show") == 0)
		json_show(answer->result);
	else if (move && strcmp(p->verb, "prepare") == 0)
		(void)puts(move);
	leave_with(p, LEAVE_DONE);
}

static void put_text(json_t *params, const char *key, const char *value)
{
	if (value)
		(void)json_object_set_new(params, key, json_string(value));
}

/* NULL: it was misused. */
static json_t *step_params(const struct program *p)
{
	bool is_prepare = strcmp(p->verb, "prepare") == 0;
	bool is_expect = strcmp(p->verb, "expect") == 0;
	json_t *params = json_object();

	put_text(params, is_prepare ? "port" : is_expect ? "uuid" : "move", p->object);
	if (is_prepare || is_expect)
		put_text(params, "switch", p->following.to_switch);
	if (is_prepare) {
		put_text(params, "to", p->following.to[0]);
		put_text(params, "tag", p->tag);
	}
	if (is_expect) {
		put_text(params, "name", p->name);
		if (p->backend)
			(void)json_object_set_new(params, "backend",
						  json_loads(p->backend, JSON_REJECT_DUPLICATES,
							     NULL));
	}
	if (strcmp(p->verb, "freeze") == 0)
		(void)json_object_set_new(params, "budget_ms", json_integer(p->budget_ms));
	return params;
}

static int step_begin(struct program *p)
{
	static const char *const verbs[] = { "prepare", "freeze", "commit",
					     "cancel",  "show",   "expect" };
	char method[32];
	size_t i = 0;
	json_t *params;

	while (i < sizeof(verbs) / sizeof(*verbs) && strcmp(verbs[i], p->verb) != 0)
		i++;
	if (i == sizeof(verbs) / sizeof(*verbs))
		return misused("there is no such verb");
	if (!p->object)
		return misused("the verb needs an object");
	if (strcmp(p->verb, "prepare") == 0 && p->following.to_count != 1)
		return misused("prepare needs one --to");
	params = step_params(p);
	if (p->backend && !json_object_get(params, "backend")) {
		json_decref(params);
		return misused("--backend takes a JSON object");
	}
	(void)snprintf(method, sizeof(method), "migrate.%s", p->verb);
	switch_call_within(p->sw, STEP_S, method, params, on_step, p);
	return -1;
}

/* ---- both -------------------------------------------------------------------------------------- */

static int run(struct program *p)
{
	int leave = strcmp(p->verb, "follow") == 0 ? follow_begin(p) : step_begin(p);

	if (leave >= 0)
		return leave;
	loop_run(p->loop);
	return p->leave;
}

int main(int argc, char **argv)
{
	const char *socket = getenv("XVS_SOCKET");
	struct program p = { .socket = socket ? socket : XVS_SOCKET_DEFAULT };
	struct xvs_error err = ERROR_INIT;
	int leave = options_read(argc, argv, &p);

	if (leave >= 0)
		return leave;
	(void)signal(SIGPIPE, SIG_IGN);
	if (loop_create(&p.loop, &err) != 0 || !(p.sw = switch_create(p.loop, p.socket))) {
		(void)fprintf(stderr, "xvs-migrate: out of memory\n");
		return LEAVE_UNREACHABLE;
	}
	leave = run(&p);
	switch_destroy(p.sw);
	follow_destroy(p.follow);
	loop_destroy(p.loop);
	return leave;
}
