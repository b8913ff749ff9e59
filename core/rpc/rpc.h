/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc/rpc.h - JSON-RPC 2.0 over lines of text, without sockets: sessions, calls, answers.
 *
 * A table describes the methods: who may call them, what they take.  Parameters have been checked
 * against it when a handler runs.  A handler answers its call exactly once, at once or later; the
 * caller may have gone away by then, which the handler need not know.  All of it is [control].
 */
#ifndef XVS_RPC_RPC_H
#define XVS_RPC_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/node.h"
#include "control/protocol.h"

enum rpc_type { RPC_TEXT, RPC_BOOL, RPC_COUNT, RPC_OBJECT };

struct rpc_param {
	const char *name;
	enum rpc_type type;
	bool is_required;
	const char *help;
};

enum { RPC_PARAMS_MAX = 8 };

struct rpc_call;

struct rpc_method {
	const char *name;
	enum rpc_role role; /* the least that may call it */
	const char *summary;
	const char *result; /* what the answer is, for the description */
	void (*handler)(struct rpc_call *call);
	struct rpc_param params[RPC_PARAMS_MAX]; /* ends at a NULL name */
};

struct rpc_table {
	const struct rpc_method *methods;
	size_t count;
	void *context; /* for handlers */
};

/* ---- sessions: one for a connection ------------------------------------------------------------ */

struct rpc_session;

/*
 * send(arg, line, len) is called for each answer: a whole line with its newline, borrowed.  Never
 * after rpc_session_close().
 */
struct rpc_session *rpc_session_create(const struct rpc_table *table, enum rpc_role role,
				       void (*send)(void *arg, const char *line, size_t len),
				       void *arg); /* NULL: out of memory */
/*
 * How an answer goes out that has a descriptor with it, which stays the session's.  False: not
 * now.  Without this such answers are refused.
 */
void rpc_session_set_send_fd(struct rpc_session *s,
			     bool (*send_fd)(void *arg, const char *line, size_t len, int fd));
/* Who is at the other end; all zero where nobody has said. */
struct rpc_peer {
	int64_t pid;
	int64_t uid;
};
void rpc_session_set_peer(struct rpc_session *s, const struct rpc_peer *peer);
/* Calls that run go on; their answers are dropped.  The memory goes with the last of them. */
void rpc_session_close(struct rpc_session *s); /* NULL is fine */

/* One line, without its newline: a request, a notification or a batch. */
void rpc_session_input(struct rpc_session *s, const char *line, size_t len);
/* Something is wrong with the connection itself: an error with id null. */
void rpc_session_complain(struct rpc_session *s, enum rpc_code code, const char *text);
/* Calls that have not been answered yet. */
size_t rpc_session_pending(const struct rpc_session *s);

/* ---- calls: for handlers ------------------------------------------------------------------------ */

void *rpc_context(const struct rpc_call *call);
enum rpc_role rpc_role(const struct rpc_call *call);
const struct rpc_peer *rpc_peer(const struct rpc_call *call);
const char *rpc_method_name(const struct rpc_call *call);
bool rpc_given(const struct rpc_call *call, const char *param);
const char *rpc_text(const struct rpc_call *call, const char *param); /* NULL: not given */
bool rpc_bool(const struct rpc_call *call, const char *param);        /* false: not given */
uint64_t rpc_count(const struct rpc_call *call, const char *param, uint64_t otherwise);
const json_t *rpc_object(const struct rpc_call *call, const char *param); /* NULL: not given */

/* Each ends the call.  'result' is taken; NULL: out of memory. */
void rpc_answer(struct rpc_call *call, json_t *result);
/* With a descriptor for the caller, which is taken.  Not to a call of a batch. */
void rpc_answer_fd(struct rpc_call *call, json_t *result, int fd);
void rpc_refuse(struct rpc_call *call, enum rpc_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The message is the first error, with how many more there are; all are in data.errors. */
void rpc_refuse_diags(struct rpc_call *call, enum rpc_code code, const struct diags *d);

/* Text that was cut, quotes a file or names one need not be UTF-8; JSON must: '?' for what is not. */
json_t *rpc_string(const char *text);

/* Something that ends with the caller's connection: the handler's memory until fn is called. */
struct rpc_ending {
	struct rpc_ending *next;
	void (*fn)(struct rpc_ending *ending);
};
/* fn(ending) once, when the connection closes; at once, if it has. */
void rpc_at_end(struct rpc_call *call, struct rpc_ending *ending,
		void (*fn)(struct rpc_ending *ending));

/* ---- descriptions ------------------------------------------------------------------------------- */

const char *rpc_role_name(enum rpc_role role);
/* Everything the table says, as api/control/xvs-rpc.json holds it (OpenRPC 1.3).  NULL: out of memory. */
json_t *rpc_describe(const struct rpc_table *table);
json_t *rpc_describe_as(const struct rpc_table *table, const char *title);
/*
 * Are these parameters what the method takes?  Positional ones are given their names: *out is a new
 * object.  False: 'why' says what is wrong.
 */
bool rpc_params_check(const struct rpc_method *method, const json_t *params, json_t **out,
		      char *why, size_t size);

#endif /* XVS_RPC_RPC_H */
