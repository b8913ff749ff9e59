/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main/daemon.c - up in order, down in reverse.
 *
 *   state directory -> configuration read -> loop, RCU, counters, workers, world
 *   -> state restored -> configuration applied -> control socket -> ready
 *
 * The control socket comes last: whoever is answered is answered by a switch that does what its
 * configuration says.
 */
#include "main/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/rcu.h"
#include "control/mover.h"
#include "control/origin.h"
#include "ext/network.h"
#include "main/background.h"
#include "main/builtins.h"
#include "main/host_id.h"
#include "main/notify.h"
#include "rpc/listen.h"

enum { CORES_A_WORKER = 4 };

/* ---- parts ------------------------------------------------------------------------------------------ */

static uint32_t workers_of(const struct daemon_spec *spec)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t workers = spec->workers;

	if (workers == 0)
		workers = cores > CORES_A_WORKER ? (uint32_t)(cores / CORES_A_WORKER) : 1;
	return workers < WORKERS_MAX ? workers : WORKERS_MAX;
}

static enum path_polling polling_of(const struct daemon_spec *spec)
{
	static const enum path_polling all[] = { PATH_ADAPTIVE, PATH_BUSY, PATH_INTERRUPT };

	return all[spec->polling];
}

static int world_start(struct daemon *d, struct xvs_error *err)
{
	struct world_config config = {
		.loop = d->loop,
		.path = d->path,
		.counters = d->counters,
		.extension_dirs = (const char *const *)d->directories.items,
		.extension_dir_count = d->directories.count,
		.builtins = builtin_modules,
		.host_id = host_id(d->options->state),
		.run_dir = d->run_dir[0] ? d->run_dir : NULL,
		.dhcp_dir = d->dhcp_dir[0] ? d->dhcp_dir : NULL,
		.state_dir = d->journal ? d->options->state : NULL,
		.admit = d->journal ? control_admit : NULL,
		.changed = d->journal ? control_changed : NULL,
		.changed_arg = &d->control,
	};

	return world_create(&config, &d->world, err);
}

/*
 * Signals are for the control thread: none interrupts a worker.  But SIGBUS is the worker's own,
 * where a guest's memory was cut under it; blocked, it would end the process.
 */
static int threads_start(struct daemon *d, const struct path_config *config, struct xvs_error *err)
{
	sigset_t all;
	sigset_t before;
	int code;

	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGBUS);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	code = rcu_start(d->loop, err);
	if (code == 0)
		code = path_create(config, &d->path, err);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

int parts_start(struct daemon *d, const struct config_spec *spec, const char *counters,
		struct xvs_error *err)
{
	struct path_config config = {
		.polling = polling_of(&spec->daemon),
		.workers = workers_of(&spec->daemon),
		.flows = spec->daemon.flows,
		.cores = spec->daemon.cores,
		.conn = { .connections = spec->daemon.connections,
			  .midstream_ms = CONN_MIDSTREAM_MS },
	};
	int code = loop_create(&d->loop, err);

	hash_start();
	if (code == 0 && directories_of(d->options->extensions, spec, &d->directories))
		code = error_set(err, -ENOMEM, "", "out of memory");
	if (code == 0)
		code = counters_create(&d->counters, counters, config.workers, err);
	d->network = network_create();
	if (code == 0 && !d->network)
		code = error_set(err, -ENOMEM, "", "out of memory");
	config.loop = d->loop;
	config.network = d->network;
	config.keep_dir = d->options->state;
	config.counters = d->counters;
	if (code == 0)
		code = threads_start(d, &config, err);
	return code ? code : world_start(d, err);
}

void parts_stop(struct daemon *d)
{
	if (d->path)
		path_destroy(d->path);
	network_destroy(d->network);
	d->network = NULL;
	if (d->loop) {
		rcu_stop();
		loop_drain(d->loop);
	}
	counters_destroy(d->counters);
	directories_finish(&d->directories);
	loop_destroy(d->loop);
}

/* ---- the end ---------------------------------------------------------------------------------------- */

static void on_world_gone(void *arg)
{
	struct daemon *d = arg;

	d->world = NULL;
	d->control.world = NULL;
	loop_stop(d->loop);
}

static void stop(struct daemon *d)
{
	if (d->is_stopping)
		return;
	d->is_stopping = true;
	notify_send("STOPPING=1");
	notify_watch_stop();
	events_stop();
	server_destroy(d->server);
	d->server = NULL;
	pending_end(&d->control);
	mover_destroy(d->control.mover);
	d->control.mover = NULL;
	world_destroy(d->world, on_world_gone, d);
}

static void on_start_failed(struct daemon *d)
{
	d->exit_code = EXIT_FAILURE;
	stop(d);
}

/* ---- signals ---------------------------------------------------------------------------------------- */

static void reload_now(struct daemon *d);

static void on_reloaded(void *arg, const struct outcome *o)
{
	struct daemon *d = arg;
	bool is_again = d->is_reload_wanted && !d->is_stopping;
	char text[512];

	d->is_reloading = is_again;
	d->is_reload_wanted = false;
	if (o->code == 0)
		log_message(MSG_RELOADED, "configuration reloaded%s%s", o->note ? ": " : "",
			    o->note ? o->note : "");
	else
		log_message(MSG_NOT_RELOADED,
			    "configuration not reloaded, the switch goes on as it is");
	for (size_t i = 0; o->code && o->d && i < o->d->count && i < DIAG_MAX; i++)
		log_message(MSG_CONFIGURATION, "%s", diag_print(o->d, i, text, sizeof(text)));
	if (is_again)
		reload_now(d);
}

static void reload_now(struct daemon *d)
{
	struct origin *o = origin_create(&d->control, "signal", "reload", on_reloaded, d);

	if (o)
		control_reload(&d->control, false, o);
}

/* However many signals come while one runs, one more is enough. */
static void reload(struct daemon *d)
{
	if (d->is_reloading) {
		d->is_reload_wanted = true;
		return;
	}
	d->is_reloading = true;
	reload_now(d);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct daemon *d = arg;

	(void)what;
	if (number != SIGHUP)
		stop(d);
	else if (!d->is_stopping)
		reload(d);
}

static int signals_start(struct daemon *d, struct xvs_error *err)
{
	static const int numbers[SIGNALS] = { SIGTERM, SIGINT, SIGHUP };

	(void)signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < SIGNALS; i++) {
		d->signals[i] = evsignal_new(loop_base(d->loop), numbers[i], on_signal, d);
		if (!d->signals[i] || event_add(d->signals[i], NULL))
			return error_set(err, -ENOMEM, "", "signals: out of memory");
	}
	return 0;
}

static void signals_stop(struct daemon *d)
{
	for (int i = 0; i < SIGNALS; i++) {
		if (d->signals[i])
			event_free(d->signals[i]);
	}
}

/* ---- the beginning ---------------------------------------------------------------------------------- */

/* Said once, at the start: each port that is refused for it says so, too. */
static void capabilities_check(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	const uint32_t needed = 1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW;

	if (syscall(SYS_capget, &head, data) == 0 && (data[0].effective & needed) != needed)
		log_message(
			MSG_PRIVILEGES,
			"xvsd needs CAP_NET_ADMIN and CAP_NET_RAW for tap, af_packet and af_xdp "
			"ports: run it as root or by the systemd unit");
}

/* Beside the socket, in memory: a file on disk would be written back all the time. */
static void run_names_make(struct daemon *d)
{
	size_t len = strlen(d->options->socket);

	if (len > 5 && strcmp(d->options->socket + len - 5, ".sock") == 0)
		len -= 5;
	(void)snprintf(d->counters_file, sizeof(d->counters_file), "%.*s.counters", (int)len,
		       d->options->socket);
	(void)snprintf(d->run_dir, sizeof(d->run_dir), "%.*s.ports", (int)len, d->options->socket);
	(void)snprintf(d->dhcp_dir, sizeof(d->dhcp_dir), "%.*s.dhcp", (int)len, d->options->socket);
}

static void on_started(struct daemon *d)
{
	struct xvs_error err = ERROR_INIT;
	char log[4096];

	if (d->is_stopping)
		return;
	mover_start(d->control.mover);
	control_table(&d->control, &d->table);
	if (server_create(d->loop, d->options->socket, &d->table, &d->server, &err)) {
		log_message(MSG_ENDING, "%s", err.text);
		on_start_failed(d);
		return;
	}
	log_message(MSG_READY, "xvsd " XVS_VERSION " is ready at %s, %u worker%s",
		    d->options->socket, path_workers(d->path),
		    path_workers(d->path) == 1 ? "" : "s");
	notify_watch_start(d->loop);
	notify_send("READY=1");
	(void)snprintf(log, sizeof(log), "%s/xvsd.log", d->options->state);
	if (!d->options->is_foreground)
		background_ready(log);
}

static int state_open(struct daemon *d, struct xvs_error *err)
{
	int code = journal_open(d->options->state, &d->journal, d->control.problems.state,
				sizeof(d->control.problems.state), err);

	if (code == 0 && d->control.problems.state[0])
		log_message(MSG_STATE, "%s", d->control.problems.state);
	if (code == 0 && changelog_open(d->journal, &d->control.log))
		code = error_set(err, -ENOMEM, "", "out of memory");
	return code;
}

static void control_fill(struct daemon *d, const struct config_spec *spec)
{
	d->control.loop = d->loop;
	d->control.world = d->world;
	d->control.journal = d->journal;
	d->control.socket = d->options->socket;
	d->control.path = d->path;
	d->control.network = d->network;
	d->control.counters = d->counters;
	d->control.state_dir = d->options->state;
	d->control.counters_file = d->counters_file;
	d->control.start_ns = clock_ns();
	d->control.wanted = spec->daemon;
	d->control.wanted.cores = NULL;
	control_network(&d->control, &spec->extensions.network);
}

static int daemon_start(struct daemon *d, struct xvs_error *err)
{
	struct config_spec *spec;
	int code = state_open(d, err);

	if (code)
		return code;
	d->control.config_file = d->options->config;
	spec = start_read(d);
	if (!spec)
		return error_set(err, -EINVAL, "", "xvsd does not start: no usable configuration");
	run_names_make(d);
	code = listen_prepare(d->options->socket, err);
	if (code == 0)
		code = parts_start(d, spec, d->counters_file, err);
	if (code == 0)
		code = signals_start(d, err);
	if (code == 0)
		control_fill(d, spec);
	config_spec_destroy(spec);
	return code;
}

static void daemon_finish(struct daemon *d)
{
	signals_stop(d);
	/* Something behind the world was not to be had. */
	if (d->world) {
		world_destroy(d->world, on_world_gone, d);
		loop_run(d->loop);
	}
	parts_stop(d);
	network_spec_finish(&d->control.network_now);
	changelog_past_finish(&d->past);
	changelog_close(d->control.log);
	journal_close(d->journal);
	free(d->text);
	free(d->name);
}

int daemon_run(const struct options *options)
{
	struct daemon d = { .options = options, .exit_code = EXIT_SUCCESS };
	struct xvs_error err = ERROR_INIT;

	capabilities_check();
	if ((options->is_foreground || background_start(&err) == 0) &&
	    daemon_start(&d, &err) == 0) {
		start_apply(&d, on_started, on_start_failed);
		loop_run(d.loop);
	} else {
		log_message(MSG_ENDING, "%s", err.text);
		d.exit_code = EXIT_FAILURE;
	}
	daemon_finish(&d);
	return d.exit_code;
}
