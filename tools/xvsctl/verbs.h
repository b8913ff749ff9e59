/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvsctl/verbs.h - the table of verbs: what they take, what they ask the daemon, how the answer
 * looks.  Usage, completion and the manual page's test are made from it.
 */
#ifndef XVSCTL_VERBS_H
#define XVSCTL_VERBS_H

#include <stdint.h>

#include "client.h"
#include "format.h"

enum option_flag {
	OPTION_OVERRIDE = 1u << 0,
	OPTION_EFFECTIVE = 1u << 1,
	OPTION_NO_OVERRIDES = 1u << 2,
	OPTION_PORT = 1u << 3,
	OPTION_SWITCH = 1u << 4,
	OPTION_LIMIT = 1u << 5,
	OPTION_ADDRESS = 1u << 6,
	OPTION_PROTO = 1u << 7,
	OPTION_WATCH = 1u << 8,
	OPTION_POINT = 1u << 9,
	OPTION_SNAPLEN = 1u << 10,
	OPTION_WRITE = 1u << 11,
	OPTION_COUNT = 1u << 12,
	OPTION_VERSION = 1u << 13,
	OPTION_DRY_RUN = 1u << 14,
	OPTION_CONFIRM = 1u << 15,
	OPTION_PCAP = 1u << 16,
	OPTION_L4_PORT = 1u << 17,
	OPTION_STATE = 1u << 18,
	OPTION_EXTENSION = 1u << 19,
	OPTION_FOLLOW = 1u << 20,
	OPTION_SINCE = 1u << 21,
	OPTION_SERIAL = 1u << 22,
	OPTION_TO = 1u << 23,
	OPTION_CHECK = 1u << 24,
	OPTION_MISSING = 1u << 25,
	OPTION_TAKE_OVER = 1u << 26,
	OPTION_SHARED_STORAGE = 1u << 27,
	OPTION_WITH_STORAGE = 1u << 28,
	OPTION_NEW_IDENTITY = 1u << 29,
	OPTION_FRESH_PORTS = 1u << 30,
};

/* More than an enumeration holds. */
#define OPTION_EVERY (UINT64_C(1) << 31)
#define OPTION_POINTS (UINT64_C(1) << 32)
#define OPTION_STOP (UINT64_C(1) << 33)
#define OPTION_PLANNED (UINT64_C(1) << 34)
#define OPTION_SWITCH_MAP (UINT64_C(1) << 35)
#define OPTION_COMPLETE (UINT64_C(1) << 36)
#define OPTION_CANCEL (UINT64_C(1) << 37)
#define OPTION_TEST (UINT64_C(1) << 38)
#define OPTION_WATCH_FOR (UINT64_C(1) << 40)
#define OPTION_WITHOUT_STATE (UINT64_C(1) << 41)

struct option_def {
	const char *name; /* with its dashes */
	uint64_t flag;
	const char *param; /* of the method; NULL: not for the daemon */
	const char *value; /* what to write behind it; NULL: nothing */
	const char *help;
	bool is_number;
};

extern const struct option_def option_defs[]; /* ends at a NULL name */

enum { WORDS_MAX = 256, OPTIONS_MAX = 64 };

/* The command line, taken apart. */
struct args {
	const char *socket;
	const char *hv_socket; /* of xvs-hv, for the verbs of "vm" */
	bool is_json;
	uint64_t given;                  /* enum option_flag */
	const char *values[OPTIONS_MAX]; /* by index in option_defs */
	const char *words[WORDS_MAX];    /* behind the verb */
	size_t count;
};

struct verb {
	const char *group;
	const char *name;  /* "": the group is the verb */
	const char *words; /* for the usage: "TARGET FEATURE [FIELD=VALUE...]" */
	const char *help;
	size_t min, max;       /* of words */
	uint64_t options;      /* enum option_flag */
	const char *method;    /* of the daemon */
	const char *params[3]; /* names of the words */
	void (*print)(struct strbuf *out,
		      const json_t *result); /* NULL: as a tree, if there is one */
	int (*run)(const struct verb *v, const struct args *a); /* NULL: call 'method', print */
};

extern const struct verb verbs[]; /* ends at a NULL group */

/* NULL: there is none, which has been said.  *used: the arguments that name it. */
const struct verb *verb_find(const char *const *words, size_t count, size_t *used);

/* The words and options as parameters of the method; NULL: a wrong number, which has been said. */
json_t *verb_params(const struct verb *v, const struct args *a);

/* The value of an option that was given; NULL: it was not. */
const char *verb_option(const struct args *a, uint64_t flag);

/* The daemon that a verb is for, connected to; NULL: it cannot be reached, which has been said. */
struct client *verb_client(const struct verb *v, const struct args *a);

/* Calls with 'params' (taken) and prints the answer. */
int verb_call(const struct verb *v, const struct args *a, json_t *params);
int verb_run(const struct verb *v, const struct args *a);

void verb_usage(struct strbuf *out, const char *group); /* NULL: all */
void completion_bash(struct strbuf *out);

/* ---- show.c: answers with a form of their own ----------------------------------------------------- */

void print_status(struct strbuf *out, const json_t *result);
void print_switches(struct strbuf *out, const json_t *result);
void print_switch(struct strbuf *out, const json_t *result);
void print_order(struct strbuf *out, const json_t *result);
void print_ports(struct strbuf *out, const json_t *result);
void print_policies(struct strbuf *out, const json_t *result);
void print_policy(struct strbuf *out, const json_t *result);
void print_help(struct strbuf *out, const json_t *result);
void print_extensions(struct strbuf *out, const json_t *result);
void print_rows(struct strbuf *out, const json_t *result);
void print_instance_stats(struct strbuf *out, const json_t *result);
/* The number of a protocol by its name; false: none that is known. */
bool proto_number(const char *name, long long *out);
void print_connections(struct strbuf *out, const json_t *result);
void print_flows(struct strbuf *out, const json_t *result);
void print_addresses(struct strbuf *out, const json_t *result);
void print_mirrors(struct strbuf *out, const json_t *result);
void print_dhcp(struct strbuf *out, const json_t *result);
void print_dhcp_leases(struct strbuf *out, const json_t *result);
void print_nats(struct strbuf *out, const json_t *result);
void print_nat_sessions(struct strbuf *out, const json_t *result);
void print_drops(struct strbuf *out, const json_t *result);
void print_accounts(struct strbuf *out, const json_t *result);
void print_workers(struct strbuf *out, const json_t *result);
void print_events(struct strbuf *out, const json_t *result); /* events.c */
void print_trace(struct strbuf *out, const json_t *result);  /* trace.c */
void print_teams(struct strbuf *out, const json_t *result);
void print_moves(struct strbuf *out, const json_t *result); /* migrate.c */
void print_move(struct strbuf *out, const json_t *result);
int run_migrate_port(const struct verb *v, const struct args *a);

/* ---- changes.c: the configuration and its changes ------------------------------------------------- */

void print_changes(struct strbuf *out, const json_t *result);
void print_export(struct strbuf *out, const json_t *result);
void print_done(struct strbuf *out, const json_t *result);
void print_log(struct strbuf *out, const json_t *result);
/* "uid 0, pid 4711, admin" */
void put_who(struct strbuf *out, const json_t *who);
int run_rollback(const struct verb *v, const struct args *a);

/* ---- run.c: verbs that do more than ask ------------------------------------------------------------ */

int run_drops(const struct verb *v, const struct args *a);
int run_policy_set(const struct verb *v, const struct args *a);
int run_port_add(const struct verb *v, const struct args *a);
int run_ext_show(const struct verb *v, const struct args *a);
int run_ext_upgrade(const struct verb *v, const struct args *a);
int run_ext_rows(const struct verb *v, const struct args *a);
int run_config_text(const struct verb *v, const struct args *a);
int run_completion(const struct verb *v, const struct args *a);
int run_capture(const struct verb *v, const struct args *a); /* capture.c */
int run_events(const struct verb *v, const struct args *a);  /* events.c */
int run_trace(const struct verb *v, const struct args *a);   /* trace.c */

/*
 * FIELD=VALUE words as an object: a dot goes one level deeper, a value that begins with [ or { is
 * JSON.  NULL: one of them is none, which has been said.
 */
json_t *assignments(const char *const *words, size_t count);

/* All of a file, with a NUL behind; NULL: it cannot be read, which has been said. */
char *text_load(const char *path);

/* ---- vm.c, vm_move.c, console.c: machines, which are xvs-hv's -------------------------------------------------- */

void print_vms(struct strbuf *out, const json_t *result);
void print_vm(struct strbuf *out, const json_t *result);
void print_replication(struct strbuf *out, const json_t *result); /* vm_replica.c */
void print_vm_host(struct strbuf *out, const json_t *result);
int run_vm_define(const struct verb *v, const struct args *a);
void print_vm_move(struct strbuf *out, const json_t *result); /* vm_move.c */
int run_vm_migrate(const struct verb *v, const struct args *a);
int run_vm_move(const struct verb *v, const struct args *a);
int run_vm_move_storage(const struct verb *v, const struct args *a);
int run_vm_console(const struct verb *v, const struct args *a);

/* ---- describe.c ------------------------------------------------------------------------------------- */

/* Is this the name of a file, not of an extension or instance? */
bool is_file_name(const char *word);
/* What a module's note says; nothing of it runs.  The exit code. */
int describe_file(const char *path, bool is_json);
int run_ext_verify(const struct verb *v, const struct args *a);

#endif /* XVSCTL_VERBS_H */
