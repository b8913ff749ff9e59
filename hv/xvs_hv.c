/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/xvs_hv.c - the program: its command line, its parts up in order and down in reverse.
 *
 * When it ends, in order or not, machines go on; the next xvs-hv finds them.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arriving.h"
#include "base/log.h"
#include "base/str.h"
#include "control/protocol.h"
#include "hv.h"
#include "methods.h"
#include "rpc/listen.h"
#include "rpc/server.h"

#define CONFIG_DEFAULT "/etc/xvs/xvs-hv.yaml"

enum { EXIT_USAGE = 2, SIGNALS = 2 };

/* Of numbers that neither distributions nor containers give to anybody (systemd's UIDS-GIDS). */
#define USERS_DEFAULT "2000000000-2000065535"

struct options {
	const char *socket, *state, *switch_socket, *user, *users, *qemu;
	const char *config; /* NULL: the usual one, if it is there */
	bool is_check;
};

struct program {
	struct hv hv;
	struct rpc_table table;
	struct server *server;
	struct event *signals[SIGNALS];
};

static const char usage[] =
	"usage: xvs-hv [--config FILE] [--socket PATH] [--state DIR] [--switch PATH] [--user NAME]\n"
	"              [--users FIRST-LAST] [--qemu PROGRAM] [--check] [--probe]\n"
	"\n"
	"  --config FILE    settings (" CONFIG_DEFAULT ", if it is there)\n"
	"  --socket PATH    where \"xvsctl vm\" finds it (" XVS_HV_SOCKET_DEFAULT ")\n"
	"  --state DIR      machines and their disks; one xvs-hv each (/var/lib/xvs-hv)\n"
	"  --switch PATH    the control socket of xvsd (" XVS_SOCKET_DEFAULT ")\n"
	"  --user NAME      as whom QEMU runs (xvs-vm; ourselves where we are not root)\n"
	"  --users FIRST-LAST\n"
	"                   each machine's QEMU is a user of its own, of this range, with the groups\n"
	"                   of --user (2000000000-2000065535, where we are root and --user is not given)\n"
	"  --qemu PROGRAM   (qemu-system-x86_64)\n"
	"  --check          read the settings and leave: 0 they are right, 1 with every error\n"
	"  --probe          say whether KVM runs guests here, and leave: 0 it does, 1 it does not\n"
	"  --version, --help\n"
	"\n"
	"SIGTERM ends it; machines go on. See xvs-hv(8).\n";

static const struct option known[] = {
	{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, 'k' },
	{ "socket", required_argument, NULL, 's' }, { "state", required_argument, NULL, 'd' },
	{ "switch", required_argument, NULL, 'w' }, { "user", required_argument, NULL, 'u' },
	{ "users", required_argument, NULL, 'r' },  { "qemu", required_argument, NULL, 'q' },
	{ "probe", no_argument, NULL, 'p' },        { "version", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
};

/* ---- the command line ------------------------------------------------------------------------- */

static int probe(void)
{
	struct accel_verdict v;

	accel_probe(ACCEL_DEVICE, ACCEL_DEADLINE_MS, &v);
	if (v.is_usable)
		(void)printf("kvm works: %u ns into user mode and back, found out in %u ms\n",
			     v.trip_ns, v.ms);
	else
		(void)printf("kvm does not work: stage %s: %s\n", accel_stage_name(v.stage),
			     v.reason);
	return v.is_usable ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* -1: go on; else leave with this. */
static int option_take(int option, struct options *o)
{
	switch (option) {
	case 's':
		o->socket = optarg;
		return -1;
	case 'd':
		o->state = optarg;
		return -1;
	case 'w':
		o->switch_socket = optarg;
		return -1;
	case 'u':
		o->user = optarg;
		return -1;
	case 'r':
		o->users = optarg;
		return -1;
	case 'q':
		o->qemu = optarg;
		return -1;
	case 'c':
		o->config = optarg;
		return -1;
	case 'k':
		o->is_check = true;
		return -1;
	case 'p':
		return probe();
	case 'v':
		(void)puts("xvs-hv " XVS_VERSION);
		return EXIT_SUCCESS;
	case 'h':
		(void)fputs(usage, stdout);
		return EXIT_SUCCESS;
	default:
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
}

static int options_read(int argc, char **argv, struct options *o)
{
	int leave = -1;
	int option;

	while (leave < 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1)
		leave = option_take(option, o);
	if (leave < 0 && optind < argc) {
		(void)fprintf(stderr, "xvs-hv: unexpected argument \"%s\"\n%s", argv[optind],
			      usage);
		leave = EXIT_USAGE;
	}
	return leave;
}

/* ---- settings ---------------------------------------------------------------------------------- */

/* False: every error was told. */
static bool settings_load(const struct options *o, struct host_settings *out)
{
	const char *path = o->config ? o->config : CONFIG_DEFAULT;
	struct diags d = { .count = 0 };
	char text[700];

	if (!o->config && access(path, F_OK))
		return true;
	if (settings_read_file(path, out, &d))
		return true;
	for (size_t i = 0; i < d.count && i < DIAG_MAX; i++)
		(void)fprintf(stderr, "%s\n", diag_print(&d, i, text, sizeof(text)));
	return false;
}

/* ---- parts ------------------------------------------------------------------------------------ */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct program *p = arg;

	(void)number;
	(void)what;
	loop_stop(p->hv.loop);
}

static int signals_start(struct program *p, struct xvs_error *err)
{
	static const int numbers[SIGNALS] = { SIGTERM, SIGINT };

	(void)signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < SIGNALS; i++) {
		p->signals[i] = evsignal_new(loop_base(p->hv.loop), numbers[i], on_signal, p);
		if (!p->signals[i] || event_add(p->signals[i], NULL))
			return error_set(err, -ENOMEM, "", "signals: out of memory");
	}
	return 0;
}

/* "/run/xvs/hv.sock": machines' sockets are in /run/xvs/hv/NAME. */
static int run_make(const char *socket, char out[RUN_FOLDER], struct xvs_error *err)
{
	size_t len = strlen(socket);
	bool is_usual = len > 5 && strcmp(socket + len - 5, ".sock") == 0;

	if (snprintf(out, RUN_FOLDER, "%.*s%s", (int)(is_usual ? len - 5 : len), socket,
		     is_usual ? "" : ".vms") >= RUN_FOLDER)
		return error_set(err, -ENAMETOOLONG, "",
				 "control socket %s: the name is longer than %d bytes", socket,
				 RUN_FOLDER - 6);
	if (strchr(out, ','))
		return error_set(err, -EINVAL, "",
				 "control socket %s: a comma in its name is not for QEMU", socket);
	if (mkdir(out, 0711) && errno != EEXIST)
		return error_set(err, -errno, "", "folder %s: %s", out, strerror(errno));
	return 0;
}

static void accel_tell(const struct facts *f)
{
	if (!f->accel.is_usable)
		log_message(MSG_ACCEL,
			    "KVM does not work here: %s (stage %s); machines of accel: "
			    "auto are emulated",
			    f->accel.reason, accel_stage_name(f->accel.stage));
	if (!f->version[0])
		log_message(MSG_VM_PROBLEM, "QEMU cannot be run: %s", f->problem);
}

static bool number_read(const char **at, char end, uid_t *out)
{
	char *behind;
	unsigned long long number;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	number = strtoull(*at, &behind, 10);
	if (errno || number == 0 || number >= UINT32_MAX || *behind != end)
		return false;
	*at = behind + 1;
	*out = (uid_t)number;
	return true;
}

/* "2000000000-2000065535" */
static int users_read(const char *text, uid_t out[2], struct xvs_error *err)
{
	const char *at = text;

	if (!text)
		return 0;
	if (!number_read(&at, '-', &out[0]) || !number_read(&at, '\0', &out[1]) || out[1] < out[0])
		return error_set(err, -EINVAL, "",
				 "--users %s: two numbers of users are expected, as %s", text,
				 USERS_DEFAULT);
	if (geteuid() != 0)
		return error_set(err, -EPERM, "",
				 "--users %s: only root can run programs as somebody else", text);
	return 0;
}

static int parts_start(struct program *p, const struct options *o, struct xvs_error *err)
{
	struct hv *hv = &p->hv;
	const char *user = o->user ? o->user : geteuid() == 0 ? "xvs-vm" : NULL;
	const char *users = o->users || o->user || geteuid() != 0 ? o->users : USERS_DEFAULT;
	int code = user_find(user, &hv->user, err);

	if (code == 0)
		code = users_read(users, hv->users, err);
	if (code == 0)
		code = store_open(o->state, &hv->store, err);
	if (code == 0)
		code = loop_create(&hv->loop, err);
	if (code == 0)
		code = signals_start(p, err);
	if (code == 0)
		hv->sw = switch_create(hv->loop, o->switch_socket);
	if (code == 0 && !hv->sw)
		code = error_set(err, -ENOMEM, "", "out of memory");
	if (code)
		return code;
	code = listen_prepare(o->socket, err);
	if (code == 0)
		code = run_make(o->socket, hv->run, err);
	if (code)
		return code;
	facts_read(&hv->facts, o->qemu, &hv->user, hv->loop);
	accel_tell(&hv->facts);
	hv_open_to_hosts(hv);
	hv->arrivals = arrivals_create(hv);
	code = hv->arrivals ? hv_restore(hv, err) : error_set(err, -ENOMEM, "", "out of memory");
	if (code)
		return code;
	arrivals_listen(hv->arrivals);
	/* Last, so that whoever is answered is answered by one that knows its machines. */
	methods_table(hv, &p->table);
	return server_create(hv->loop, o->socket, &p->table, &p->server, err);
}

static void parts_stop(struct program *p)
{
	server_destroy(p->server);
	hv_finish(&p->hv);
	for (int i = 0; i < SIGNALS; i++) {
		if (p->signals[i])
			event_free(p->signals[i]);
	}
	loop_destroy(p->hv.loop);
}

int main(int argc, char **argv)
{
	struct options o = { .socket = XVS_HV_SOCKET_DEFAULT,
			     .state = "/var/lib/xvs-hv",
			     .switch_socket = XVS_SOCKET_DEFAULT,
			     .qemu = "qemu-system-x86_64" };
	static struct program p; /* settings take some room */
	struct xvs_error err = ERROR_INIT;
	int leave = options_read(argc, argv, &o);
	int code;

	if (leave < 0 && !settings_load(&o, &p.hv.settings))
		leave = EXIT_FAILURE;
	else if (leave < 0 && o.is_check)
		leave = EXIT_SUCCESS;
	if (leave >= 0)
		return leave;
	log_open(getenv("XVS_DEBUG") ? XVS_LOG_DEBUG : XVS_LOG_INFO,
		 getenv("JOURNAL_STREAM") != NULL);
	code = parts_start(&p, &o, &err);
	if (code == 0) {
		log_message(MSG_READY, "xvs-hv " XVS_VERSION " is ready at %s", o.socket);
		loop_run(p.hv.loop);
	} else {
		log_message(MSG_ENDING, "%s", err.text);
	}
	parts_stop(&p);
	return code ? EXIT_FAILURE : EXIT_SUCCESS;
}
