/* SPDX-License-Identifier: Apache-2.0 */
/* switch/query_trace.c - what each one said of a traced packet, by name. */
#include "path/trace.h"
#include "switch/query.h"

static const char *name_in(const char *const *names, size_t count, uint32_t nr)
{
	return nr < count && names[nr] ? names[nr] : "-";
}

#define NAME_IN(names, nr) name_in(names, sizeof(names) / sizeof((names)[0]), nr)

static const char *verdict_of(const struct trace_event *e)
{
	static const char *const judged[] = { "pass", "drop", "watch" };
	static const char *const authorised[] = { "allow", "deny", "reject" };
	static const char *const called[] = { "pass", "drop", "change", "settle" };
	static const char *const tracked[] = {
		[CONN_PASS] = "pass",     [CONN_LOOSE] = "untracked", [CONN_INSIDE] = "pass",
		[CONN_DENIED] = "denied", [CONN_DROP] = "drop",
	};

	switch (e->kind) {
	case TRACE_JUDGED:
		return NAME_IN(judged, e->action);
	case TRACE_AUTHORISED:
		return NAME_IN(authorised, e->action);
	case TRACE_CONNECTION:
		if (e->action == CONN_PASS && e->count)
			return "new";
		return e->action == CONN_PASS ? "known" : NAME_IN(tracked, e->action);
	case TRACE_CALLED:
		return NAME_IN(called, e->action);
	default:
		return NULL;
	}
}

/* Does its reason count? */
static bool has_reason(const struct trace_event *e)
{
	switch (e->kind) {
	case TRACE_JUDGED:
		return e->action == XVS_FLOW_DROP;
	case TRACE_AUTHORISED:
		return e->action != XVS_CONN_ALLOW;
	case TRACE_CONNECTION:
		return e->action == CONN_DENIED || e->action == CONN_DROP;
	case TRACE_CALLED:
		return e->action == TRACE_REFUSED;
	default:
		return e->kind == TRACE_DROPPED;
	}
}

/* An extension's bytes: JSON and terminals take less than it may write. */
static json_t *clean_line(const char *text, size_t len)
{
	char clean[TRACE_TEXT];

	while (len > 0 && text[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < len; i++)
		clean[i] = (char)(text[i] < ' ' || text[i] > '~' ? '?' : text[i]);
	return json_stringn(clean, len);
}

/* The first line says what decided, the others how it came to that. */
static void put_text(json_t *out, const char *text)
{
	size_t len = strcspn(text, "\n");
	json_t *more = text[len] ? json_array() : NULL;

	(void)json_object_set_new(out, "rule", clean_line(text, len));
	while (more && text[len]) {
		text += len + 1;
		len = strcspn(text, "\n");
		(void)json_array_append_new(more, clean_line(text, len));
	}
	if (more)
		(void)json_object_set_new(out, "way", more);
}

static void put_reason(const struct world *w, const struct trace_event *e, json_t *out)
{
	/* the tracker's own reasons are the switch's; a denial's are the firewall's */
	bool is_own = e->kind == TRACE_CONNECTION && e->action == CONN_DROP;
	const char *help;
	const char *name = query_reason(w, is_own ? 0 : e->instance, e->reason, &help);

	(void)json_object_set_new(out, "reason", json_string(name));
	if (help[0])
		(void)json_object_set_new(out, "help", json_string(help));
}

static const char *destination(struct world *w, uint32_t dest)
{
	switch (dest) {
	case XVS_DEST_NORMAL:
		return "normal";
	case XVS_DEST_FLOOD:
		return "flood";
	case XVS_DEST_NONE:
		return "none";
	case XVS_DEST_IN_PORT:
		return "in-port";
	default:
		return dest < XVS_DEST_SET ? world_port_name(w, dest) : "set";
	}
}

static json_t *event_json(struct world *w, const struct trace_event *e)
{
	static const char *const kinds[] = {
		[TRACE_ENTERED] = "entered",
		[TRACE_JUDGED] = "judged",
		[TRACE_AUTHORISED] = "authorised",
		[TRACE_CONNECTION] = "connection",
		[TRACE_CALLED] = "called",
		[TRACE_FORWARDED] = "forwarded",
		[TRACE_LEFT] = "left",
		[TRACE_DROPPED] = "dropped",
	};
	const struct member *m = e->instance < INSTANCES_MAX ? w->by_nr[e->instance] : NULL;
	const char *verdict = verdict_of(e);
	json_t *out = json_pack("{s:s, s:s, s:s}", "what", NAME_IN(kinds, e->kind), "stage",
				query_stage(e->stage), "port", world_port_name(w, e->port));

	if (!out)
		return NULL;
	if (e->instance)
		(void)json_object_set_new(out, "by", json_string(m ? m->name : "-"));
	if (verdict)
		(void)json_object_set_new(out, "verdict", json_string(verdict));
	if (has_reason(e))
		put_reason(w, e, out);
	if (e->text)
		put_text(out, e->text);
	if (e->kind == TRACE_JUDGED && e->sample > 1)
		(void)json_object_set_new(out, "sample", json_integer(e->sample));
	if (e->kind == TRACE_FORWARDED) {
		(void)json_object_set_new(out, "destination", json_string(destination(w, e->dest)));
		(void)json_object_set_new(out, "ports", json_integer(e->count));
	}
	if (e->kind == TRACE_ENTERED || e->kind == TRACE_LEFT) {
		(void)json_object_set_new(out, "segment", json_integer(e->segment));
		(void)json_object_set_new(out, "bytes", json_integer(e->len));
		if (e->is_tagged)
			(void)json_object_set_new(out, "tci", json_integer(e->tci));
	}
	return out;
}

json_t *world_trace(struct world *w, const struct trace_event *events, uint32_t count)
{
	json_t *list = json_array();

	for (uint32_t i = 0; list && i < count; i++)
		(void)json_array_append_new(list, event_json(w, &events[i]));
	return list;
}
