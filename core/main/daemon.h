/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main/daemon.h - all parts of xvsd, in the order in which they come up.  [control]
 */
#ifndef XVS_MAIN_DAEMON_H
#define XVS_MAIN_DAEMON_H

#include "control/control.h"
#include "main/extensions.h"
#include "main/options.h"
#include "rpc/server.h"

struct event;

enum { SIGNALS = 3 };

struct daemon {
	const struct options *options;
	struct loop *loop;
	struct counters *counters;
	struct network *network; /* of extensions */
	struct path *path;
	struct world *world;
	struct journal *journal;
	struct server *server;
	struct directories directories;
	struct control control;
	struct rpc_table table;
	struct event *signals[SIGNALS];
	char counters_file[4096];
	char run_dir[4096];  /* "": none; made when the first port needs it */
	char dhcp_dir[4096]; /* the same */
	char *text, *name;   /* the configuration to start with */
	size_t text_len;
	bool is_last_good;         /* it is not the file but what was in force before */
	char instead_of[SUM_TEXT]; /* then: the file whose change was taken back; "": it is broken */
	bool is_returning;         /* the last change was not confirmed: to 'past' */
	struct changelog_past past;
	char broken[PROBLEM_TEXT]; /* then: why the file could not be used */
	bool is_stopping;
	bool is_reloading, is_reload_wanted; /* by SIGHUP */
	int exit_code;
};

/* Runs until a signal ends it; the exit code. */
int daemon_run(const struct options *options);

/* ---- the parts, for --check as well ---------------------------------------------------------------- */

/*
 * Loop, RCU, counters (NULL: in memory), workers and an empty world.  What came up before an error
 * is for parts_stop().
 */
int parts_start(struct daemon *d, const struct config_spec *spec, const char *counters,
		struct xvs_error *err);
/* What there is of them; the world has been destroyed. */
void parts_stop(struct daemon *d);

/* --check: prints every error; the exit code. */
int check_run(const struct options *options);
/* addresses.c */
int addresses_return(const struct options *options);

/* ---- start.c: which configuration, and into force -------------------------------------------------- */

/*
 * Reads the file, or the last good text where it is broken: fills text, name and problems.  NULL:
 * neither can be used, which has been logged.
 */
struct config_spec *start_read(struct daemon *d);
/* Applies it; then started(d), or failed(d) if nothing could be applied. */
void start_apply(struct daemon *d, void (*started)(struct daemon *d),
		 void (*failed)(struct daemon *d));

#endif /* XVS_MAIN_DAEMON_H */
