/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/migrate.c - moves between hosts, as lines and as reports. */
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static const struct column move_columns[] = {
	{ "MOVE", "move", false },  { "PORT", "port", false },   { "AS", "role", false },
	{ "PEER", "peer", false },  { "PHASE", "shown", false }, { "ROUNDS", "rounds", true },
	{ "BYTES", "bytes", true }, { NULL, NULL, false },
};

static const struct column owner_columns[] = {
	{ "STATE OF", "owner", false }, { "FORMAT", "format", true },
	{ "RECORDS", "records", true }, { "BYTES", "bytes", true },
	{ NULL, NULL, false },
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* The outcome where there is one, else the phase. */
static void show_phase(json_t *move)
{
	const char *outcome = text_of(move, "outcome");
	const char *phase = text_of(move, "phase");
	bool has_ended = strcmp(phase, "ended") == 0;
	bool is_in_doubt = json_is_true(json_object_get(move, "in_doubt"));

	(void)json_object_set_new(move, "shown",
				  json_string(is_in_doubt ? "in doubt"
					      : has_ended ? outcome
							  : phase));
}

static void put_problem(struct strbuf *out, const json_t *move, const char *indent)
{
	if (text_of(move, "problem")[0] == '\0')
		return;
	strbuf_add(out, "%s", indent);
	format_clean(out, text_of(move, "problem"));
	strbuf_add(out, "\n");
}

void print_moves(struct strbuf *out, const json_t *result)
{
	json_t *moves = json_deep_copy(result);

	for (size_t i = 0; i < json_array_size(moves); i++)
		show_phase(json_array_get(moves, i));
	format_table(out, moves, move_columns, "");
	for (size_t i = 0; i < json_array_size(moves); i++) {
		const json_t *move = json_array_get(moves, i);

		if (text_of(move, "problem")[0] == '\0')
			continue;
		strbuf_add(out, "  ! %.8s: ", text_of(move, "move"));
		put_problem(out, move, "");
	}
	json_decref(moves);
}

/* What was converted, left or found: a line each. */
static void put_list(struct strbuf *out, const json_t *move, const char *key, const char *title)
{
	const json_t *list = json_object_get(move, key);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		strbuf_add(out, "  %s ", title);
		format_clean(out, text_of(one, "what"));
		strbuf_add(out, ": ");
		format_clean(out, text_of(one, "why"));
		strbuf_add(out, "\n");
	}
}

static void put_head(struct strbuf *out, const json_t *move)
{
	bool is_source = strcmp(text_of(move, "role"), "source") == 0;

	strbuf_add(out, "move %s: port ", text_of(move, "move"));
	format_clean(out, text_of(move, "port"));
	strbuf_add(out, " %s ", is_source ? "to" : "from");
	format_clean(out, text_of(move, "peer")[0] ? text_of(move, "peer") : text_of(move, "to"));
	strbuf_add(out, ": %s\n", text_of(move, "shown"));
}

void print_move(struct strbuf *out, const json_t *result)
{
	json_t *move = json_deep_copy(result);
	const json_t *blackout = json_object_get(move, "blackout_us");

	show_phase(move);
	put_head(out, move);
	put_problem(out, move, "  ");
	if (json_integer_value(json_object_get(move, "rounds")) > 0)
		strbuf_add(out,
			   "  %" JSON_INTEGER_FORMAT " rounds, %" JSON_INTEGER_FORMAT
			   " records, %" JSON_INTEGER_FORMAT " bytes\n",
			   json_integer_value(json_object_get(move, "rounds")),
			   json_integer_value(json_object_get(move, "records")),
			   json_integer_value(json_object_get(move, "bytes")));
	if (blackout)
		strbuf_add(out, "  silent for %" JSON_INTEGER_FORMAT " microseconds\n",
			   json_integer_value(blackout));
	put_list(out, move, "findings", "against it:");
	put_list(out, move, "converted", "converted:");
	put_list(out, move, "left", "left behind:");
	put_list(out, json_object_get(move, "target"), "untaken", "left out there:");
	if (json_array_size(json_object_get(move, "state")) > 0)
		format_table(out, json_object_get(move, "state"), owner_columns, "  ");
	json_decref(move);
}

int run_migrate_port(const struct verb *v, const struct args *a)
{
	json_t *params;

	if (!(a->given & OPTION_TO)) {
		(void)fprintf(stderr, "xvsctl: migrate port needs --to HOST[:PORT]\n");
		return EXIT_WRONG_USE;
	}
	params = verb_params(v, a);
	return params ? verb_call(v, a, params) : EXIT_WRONG_USE;
}
