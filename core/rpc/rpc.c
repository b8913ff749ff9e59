/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc/rpc.c - lines to calls, answers to lines.
 *
 *   line -> exchange (one, or a batch) -> call -> handler ... rpc_answer()
 *
 * An exchange is complete when all its calls have been answered; then its line is sent.  Sessions
 * and exchanges count what still refers to them, since answers come later than connections end.
 */
#include "rpc/rpc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

enum { WHY_MAX = 400 };

struct rpc_session {
	const struct rpc_table *table;
	enum rpc_role role;
	struct rpc_peer peer;
	void (*send)(void *arg, const char *line, size_t len);
	bool (*send_fd)(void *arg, const char *line, size_t len, int fd); /* NULL: cannot */
	void *arg;
	struct rpc_ending *endings;
	bool is_closed;
	size_t refs;    /* the connection and the exchanges */
	size_t pending; /* calls */
};

/* What is answered by one line. */
struct exchange {
	struct rpc_session *session;
	struct strbuf line; /* answers, in the order in which they came */
	size_t pending;     /* calls, and one while the line is being read */
	bool is_batch;
	int fd;        /* goes with the answer; -1: none */
	json_t *fd_id; /* then: of the answer */
};

struct rpc_call {
	struct exchange *exchange;
	const struct rpc_method *method;
	json_t *id; /* NULL: a notification, which is never answered */
	json_t *params;
};

static void session_put(struct rpc_session *s)
{
	if (--s->refs == 0)
		free(s);
}

struct rpc_session *rpc_session_create(const struct rpc_table *table, enum rpc_role role,
				       void (*send)(void *arg, const char *line, size_t len),
				       void *arg)
{
	struct rpc_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->table = table;
	s->role = role;
	s->send = send;
	s->arg = arg;
	s->refs = 1;
	return s;
}

void rpc_session_set_send_fd(struct rpc_session *s,
			     bool (*send_fd)(void *arg, const char *line, size_t len, int fd))
{
	s->send_fd = send_fd;
}

void rpc_session_set_peer(struct rpc_session *s, const struct rpc_peer *peer)
{
	s->peer = *peer;
}

void rpc_session_close(struct rpc_session *s)
{
	if (!s)
		return;
	s->is_closed = true;
	while (s->endings) {
		struct rpc_ending *ending = s->endings;

		s->endings = ending->next;
		ending->fn(ending);
	}
	session_put(s);
}

size_t rpc_session_pending(const struct rpc_session *s)
{
	return s->pending;
}

/* ---- answers ------------------------------------------------------------------------------------ */

/* NULL, or out of memory on the way: the line is lost, which its end will tell. */
static void line_put(struct strbuf *line, const json_t *message)
{
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;

	if (text)
		strbuf_put(line, text, strlen(text));
	else
		line->failed = true;
	free(text);
}

/* Ends the line and sends it.  False: it has a descriptor, which cannot be sent now. */
static bool line_send(struct rpc_session *s, struct strbuf *line, int fd)
{
	static const char lost[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32603,"
				   "\"message\":\"out of memory for the answer\"}}\n";

	if (s->is_closed)
		return true;
	strbuf_put(line, "\n", 1);
	if (!line->failed && fd >= 0)
		return s->send_fd(s->arg, line->text, line->len, fd);
	if (line->failed)
		s->send(s->arg, lost, sizeof(lost) - 1);
	else
		s->send(s->arg, line->text, line->len);
	return true;
}

json_t *rpc_string(const char *text)
{
	json_t *as_it_is = json_string(text);
	char clean[2 * WHY_MAX];

	if (as_it_is)
		return as_it_is;
	(void)str_copy(clean, sizeof(clean), text);
	for (char *c = clean; *c; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	return json_string(clean);
}

/* 'id' is borrowed; NULL: null.  'data' is taken, and may be NULL. */
static json_t *error_message(json_t *id, enum rpc_code code, const char *text, json_t *data)
{
	return json_pack("{s:s, s:O?, s:{s:i, s:o, s:o*}}", "jsonrpc", "2.0", "id", id, "error",
			 "code", (int)code, "message", rpc_string(text), "data", data);
}

/* A line of its own.  'id' is borrowed. */
static void send_error(struct rpc_session *s, json_t *id, enum rpc_code code, const char *text)
{
	json_t *message = error_message(id, code, text, NULL);
	struct strbuf line = { NULL, 0, 0, false };

	line_put(&line, message);
	(void)line_send(s, &line, -1);
	strbuf_finish(&line);
	json_decref(message);
}

void rpc_session_complain(struct rpc_session *s, enum rpc_code code, const char *text)
{
	send_error(s, NULL, code, text);
}

static struct exchange *exchange_create(struct rpc_session *s, bool is_batch)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->session = s;
	x->is_batch = is_batch;
	x->pending = 1;
	x->fd = -1;
	s->refs++;
	return x;
}

/* Notifications alone are answered by nothing, not even by an empty list. */
static void exchange_send(struct exchange *x)
{
	if (x->line.len == 0 && !x->line.failed)
		return;
	if (x->is_batch)
		strbuf_put(&x->line, "]", 1);
	if (line_send(x->session, &x->line, x->fd))
		return;
	send_error(x->session, x->fd_id, RPC_BUSY,
		   "an answer with a descriptor finds other answers not read yet: ask on a "
		   "connection of its own");
}

static void exchange_put(struct exchange *x)
{
	if (--x->pending > 0)
		return;
	exchange_send(x);
	if (x->fd >= 0)
		(void)close(x->fd);
	json_decref(x->fd_id);
	strbuf_finish(&x->line);
	session_put(x->session);
	free(x);
}

/* Takes 'message'.  It becomes text at once: a tree of it takes many times the memory. */
static void exchange_add(struct exchange *x, json_t *message)
{
	if (x->is_batch)
		strbuf_put(&x->line, x->line.len ? "," : "[", 1);
	line_put(&x->line, message);
	json_decref(message);
}

/* Takes 'message', NULL for a notification. */
static void call_end(struct rpc_call *call, json_t *message)
{
	struct exchange *x = call->exchange;

	if (call->id)
		exchange_add(x, message);
	else
		json_decref(message);
	x->session->pending--;
	json_decref(call->id);
	json_decref(call->params);
	free(call);
	exchange_put(x);
}

void rpc_answer(struct rpc_call *call, json_t *result)
{
	if (!result) {
		call_end(call, error_message(call->id, RPC_INTERNAL, "out of memory", NULL));
		return;
	}
	call_end(call,
		 json_pack("{s:s, s:O?, s:o}", "jsonrpc", "2.0", "id", call->id, "result", result));
}

void rpc_answer_fd(struct rpc_call *call, json_t *result, int fd)
{
	struct exchange *x = call->exchange;

	if (x->is_batch || !x->session->send_fd) {
		(void)close(fd);
		json_decref(result);
		rpc_refuse(call, RPC_INVALID_REQUEST,
			   "%s answers with a descriptor: ask for it alone, not in a batch",
			   call->method->name);
		return;
	}
	x->fd = fd;
	x->fd_id = json_incref(call->id);
	rpc_answer(call, result);
}

void rpc_refuse(struct rpc_call *call, enum rpc_code code, const char *format, ...)
{
	char text[2 * WHY_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	call_end(call, error_message(call->id, code, text, NULL));
}

static json_t *diag_json(const struct diags *d, const struct diag *item)
{
	json_t *one = json_pack("{s:o}", "text", rpc_string(item->text));

	if (one && d->file)
		(void)json_object_set_new(one, "file", rpc_string(d->file));
	if (one && item->line) {
		(void)json_object_set_new(one, "line", json_integer(item->line));
		(void)json_object_set_new(one, "column", json_integer(item->column));
	}
	return one;
}

static json_t *diags_json(const struct diags *d)
{
	size_t kept = d->count < DIAG_MAX ? d->count : DIAG_MAX;
	json_t *list = json_array();

	for (size_t i = 0; i < kept; i++)
		(void)json_array_append_new(list, diag_json(d, &d->items[i]));
	return json_pack("{s:o, s:I}", "errors", list, "count", (json_int_t)d->count);
}

void rpc_refuse_diags(struct rpc_call *call, enum rpc_code code, const struct diags *d)
{
	char first[WHY_MAX];
	char text[2 * WHY_MAX];

	if (d->count == 0) {
		rpc_refuse(call, code, "refused");
		return;
	}
	(void)diag_print(d, 0, first, sizeof(first));
	if (d->count == 1)
		(void)snprintf(text, sizeof(text), "%s", first);
	else
		(void)snprintf(text, sizeof(text), "%s (and %zu more)", first, d->count - 1);
	call_end(call, error_message(call->id, code, text, diags_json(d)));
}

/* ---- requests ------------------------------------------------------------------------------------ */

static const struct rpc_method *method_find(const struct rpc_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->methods[i].name, name) == 0)
			return &table->methods[i];
	}
	return NULL;
}

static void refuse_unknown(struct rpc_call *call, const char *name)
{
	const struct rpc_table *table = call->exchange->session->table;
	const char *nearest = NULL;
	const char **names = calloc(table->count + 1, sizeof(*names));

	for (size_t i = 0; names && i < table->count; i++)
		names[i] = table->methods[i].name;
	if (names)
		nearest = str_nearest(name, names, table->count);
	if (nearest)
		rpc_refuse(call, RPC_NO_METHOD, "unknown method \"%.64s\", did you mean \"%s\"",
			   name, nearest);
	else
		rpc_refuse(call, RPC_NO_METHOD, "unknown method \"%.64s\"", name);
	free(names);
}

/* A well-formed request: find, check, run. */
static void call_run(struct rpc_call *call, const char *name, const json_t *params)
{
	enum rpc_role role = call->exchange->session->role;
	char why[WHY_MAX];

	call->method = method_find(call->exchange->session->table, name);
	if (!call->method) {
		refuse_unknown(call, name);
		return;
	}
	if (role < call->method->role) {
		rpc_refuse(call, RPC_FORBIDDEN, "%s is for the role %s, and you are %s: %s", name,
			   rpc_role_name(call->method->role), rpc_role_name(role),
			   call->method->role == RPC_ADMIN ? "use root"
							   : "join the group xvs, or use root");
		return;
	}
	if (!rpc_params_check(call->method, params, &call->params, why, sizeof(why))) {
		rpc_refuse(call, RPC_BAD_PARAMS, "%s", why);
		return;
	}
	/* A question that wants no answer would only be work. */
	if (!call->id && call->method->role == RPC_READ_ONLY)
		call_end(call, NULL);
	else
		call->method->handler(call);
}

/* NULL: it is well formed.  Else what is wrong with it. */
static const char *request_fault(const json_t *request)
{
	const json_t *version = json_object_get(request, "jsonrpc");
	const json_t *id = json_object_get(request, "id");
	const json_t *params = json_object_get(request, "params");
	const json_t *method = json_object_get(request, "method");

	if (!json_is_object(request))
		return "a request is an object";
	if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
		return "\"jsonrpc\" must be \"2.0\"";
	if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return "\"id\" must be text, a number or null";
	if (!json_is_string(method))
		return "\"method\" must be text";
	if (params && !json_is_object(params) && !json_is_array(params))
		return "\"params\" must be an object or a list";
	return NULL;
}

/* The id of a request that is not well formed, where it has a usable one. */
static json_t *fault_id(const json_t *request)
{
	json_t *id = json_object_get(request, "id");

	return json_is_string(id) || json_is_number(id) ? id : NULL;
}

static void request_run(struct exchange *x, const json_t *request)
{
	const char *fault = request_fault(request);
	struct rpc_call *call;

	if (fault) {
		exchange_add(x, error_message(fault_id(request), RPC_INVALID_REQUEST, fault, NULL));
		return;
	}
	call = calloc(1, sizeof(*call));
	if (!call) {
		exchange_add(x,
			     error_message(fault_id(request), RPC_INTERNAL, "out of memory", NULL));
		return;
	}
	call->exchange = x;
	call->id = json_incref(json_object_get(request, "id"));
	x->pending++;
	x->session->pending++;
	call_run(call, json_string_value(json_object_get(request, "method")),
		 json_object_get(request, "params"));
}

/* One line must not make the daemon hold a hundred long answers. */
static void batch_run(struct exchange *x, const json_t *batch)
{
	size_t max = x->session->role == RPC_READ_ONLY ? (size_t)RPC_BATCH_ANSWERS_READ_ONLY
						       : (size_t)RPC_BATCH_ANSWERS_MAX;

	for (size_t i = 0; i < json_array_size(batch); i++) {
		json_t *request = json_array_get(batch, i);

		if (x->line.len < max)
			request_run(x, request);
		else if (!json_is_object(request) || json_object_get(request, "id"))
			exchange_add(x, error_message(fault_id(request), RPC_BUSY,
						      "the answers of this batch are long "
						      "enough: ask again for the rest",
						      NULL));
	}
}

static void message_run(struct rpc_session *s, const json_t *message)
{
	struct exchange *x;

	if (json_is_array(message) && json_array_size(message) == 0) {
		rpc_session_complain(s, RPC_INVALID_REQUEST, "an empty batch asks for nothing");
		return;
	}
	if (json_array_size(message) > RPC_BATCH_MAX) {
		rpc_session_complain(s, RPC_INVALID_REQUEST, "a batch holds 100 requests at most");
		return;
	}
	x = exchange_create(s, json_is_array(message));
	if (!x) {
		rpc_session_complain(s, RPC_INTERNAL, "out of memory");
		return;
	}
	if (x->is_batch)
		batch_run(x, message);
	else
		request_run(x, message);
	exchange_put(x);
}

void rpc_session_input(struct rpc_session *s, const char *line, size_t len)
{
	char why[WHY_MAX];
	json_error_t error;
	json_t *message = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

	if (!message) {
		(void)snprintf(why, sizeof(why), "not JSON: %s at byte %d", error.text,
			       error.position);
		rpc_session_complain(s, RPC_PARSE_ERROR, why);
		return;
	}
	message_run(s, message);
	json_decref(message);
}

void rpc_at_end(struct rpc_call *call, struct rpc_ending *ending,
		void (*fn)(struct rpc_ending *ending))
{
	struct rpc_session *s = call->exchange->session;

	ending->fn = fn;
	if (s->is_closed) {
		fn(ending);
		return;
	}
	ending->next = s->endings;
	s->endings = ending;
}

/* ---- for handlers --------------------------------------------------------------------------------- */

void *rpc_context(const struct rpc_call *call)
{
	return call->exchange->session->table->context;
}

enum rpc_role rpc_role(const struct rpc_call *call)
{
	return call->exchange->session->role;
}

const struct rpc_peer *rpc_peer(const struct rpc_call *call)
{
	return &call->exchange->session->peer;
}

const char *rpc_method_name(const struct rpc_call *call)
{
	return call->method->name;
}

bool rpc_given(const struct rpc_call *call, const char *param)
{
	return json_object_get(call->params, param) != NULL;
}

const char *rpc_text(const struct rpc_call *call, const char *param)
{
	return json_string_value(json_object_get(call->params, param));
}

bool rpc_bool(const struct rpc_call *call, const char *param)
{
	return json_is_true(json_object_get(call->params, param));
}

uint64_t rpc_count(const struct rpc_call *call, const char *param, uint64_t otherwise)
{
	const json_t *value = json_object_get(call->params, param);

	return value ? (uint64_t)json_integer_value(value) : otherwise;
}

const json_t *rpc_object(const struct rpc_call *call, const char *param)
{
	return json_object_get(call->params, param);
}
