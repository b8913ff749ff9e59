/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/control.h - what the daemon's methods work on, and changes of the configuration file.
 *
 * All of it is [control].  main fills the structure, which outlives the server.
 */
#ifndef XVS_CONTROL_CONTROL_H
#define XVS_CONTROL_CONTROL_H

#include "base/loop.h"
#include "control/changelog.h"
#include "rpc/rpc.h"
#include "switch/switch.h"

enum { PROBLEM_TEXT = 512 };

/* Things that are wrong with the daemon itself, as sentences; "": all is well. */
struct problems {
	char config[PROBLEM_TEXT];    /* the file is broken, the last good one is in force */
	char state[PROBLEM_TEXT];     /* the journal was damaged or torn when the daemon started */
	char journal[PROBLEM_TEXT];   /* the journal cannot be written now */
	char migration[PROBLEM_TEXT]; /* what "migration:" says cannot be used */
	char network[PROBLEM_TEXT];   /* ... and what "extensions: network:" says */
	char file[PROBLEM_TEXT]; /* the file is not in force, since its change was taken back */
};

struct origin;
struct mover;
struct network;
struct saver;

/* A change that goes back by itself unless it is confirmed in time. */
struct pending {
	uint64_t number;  /* of the change; 0: none waits */
	uint64_t back_to; /* of the state before it */
	uint64_t seconds;
	uint64_t until_ns;
	struct loop_timer *timer;
};

struct control {
	struct loop *loop;
	struct world *world;
	struct path *path;
	struct counters *counters;
	struct changelog *log;
	struct journal *journal;
	struct network *network; /* of extensions */
	struct network_spec network_now;
	struct mover *mover;     /* NULL: not while it only checks, nor at the end */
	struct saver *savers;    /* ports that are being saved or restored */
	const char *socket;      /* --socket */
	const char *config_file; /* --config; NULL: none */
	const char *state_dir;
	const char *counters_file;
	uint64_t start_ns;
	struct daemon_spec wanted; /* as the file said at the start; without cores */
	struct problems problems;
	struct pending pending;
};

/* Answers those who wait for events, before the server and the loop end. */
void events_stop(void);

/* The methods, for server_create(). */
void control_table(struct control *c, struct rpc_table *out);

/* ---- change.c: before and after each change; for world_config ------------------------------------ */

/* Is the configuration still at the number that was asked for, and does nothing wait? */
int control_admit(void *control, void *origin, struct diags *d);
/* Gives it a number and keeps it. */
void control_changed(void *control, const struct change *c);
/* The daemon's own file, as it is read at the start: was its change taken back? */
bool control_is_taken_back(const struct control *c, const char *text, size_t len);

/* ---- network.c: extensions' sockets --------------------------------------------------------------- */

/* Keys and targets; for --check the error alone counts. */
int control_network_set(struct network *network, const struct network_spec *spec,
			struct xvs_error *err);
/* The same for the daemon, where it has changed; what cannot be used is a problem in "status". */
void control_network(struct control *c, const struct network_spec *wanted);

/* ---- the file ------------------------------------------------------------------------------------- */

/* A configuration as it is written, and the name of its file. */
struct config_text {
	const char *text;
	size_t len;
	const char *name;
};

/*
 * NULL: errors in 'd', whose file is set to the name.  With 'w' also those of policies, by the
 * extensions that it finds.
 */
struct config_spec *control_read(const struct config_text *t, struct world *w, struct diags *d);
/* As far as it can be read, with errors in 'd': for control_check_rest().  NULL: not at all. */
struct config_spec *control_read_partly(const struct config_text *t, struct diags *d);
void control_check_rest(struct world *w, const struct config_spec *spec, struct diags *d);

/* A whole file, for free(), with a NUL behind it; bounded.  NULL: one error in 'd'. */
char *control_load(const char *path, size_t *len, struct diags *d);

/*
 * Checks and applies a text; once it is in force, it is the last good one.  'o' is taken; its
 * answer comes in any case, perhaps before this returns.
 */
void control_apply(struct control *c, const struct config_text *t, bool drop_overlays,
		   struct origin *o);
/* The same for --config. */
void control_reload(struct control *c, bool drop_overlays, struct origin *o);

/* The last good text and its name, for free(); false: there is none. */
bool control_last_good(const struct control *c, char **text, char **name);

/* ---- rollback.c ----------------------------------------------------------------------------------- */

/*
 * What the daemon begins with after it ended before a change was confirmed: the state before that.
 * False: none waited, or the state cannot be had any more.  'instead_of' as in struct origin.
 */
bool control_unconfirmed(const struct control *c, struct changelog_past *out,
			 char instead_of[SUM_TEXT]);

/* Back to the state after a change; 'o' is taken. */
void control_return(struct control *c, uint64_t number, bool is_tolerant, struct origin *o);

/* ---- confirm.c ------------------------------------------------------------------------------------ */

/* The change that has just been numbered goes back unless it is confirmed within so many seconds. */
void pending_begin(struct control *c, uint64_t back_to, uint64_t seconds);
/* Nothing waits any more; for the end of the daemon, too. */
void pending_end(struct control *c);
uint64_t pending_seconds(const struct control *c); /* that are left */
/* The change stays.  False: none waits. */
bool control_confirm(struct control *c, const json_t *who, struct xvs_error *err);

#endif /* XVS_CONTROL_CONTROL_H */
