/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvsctl/vm_move.c - a machine moves to another host: started, watched, taken back, reported.
 *
 * The move is xvs-hv's: whoever watches it may leave, it goes on.  Ctrl-C asks to take it back; once
 * more, and we leave it to itself.
 */
#include "verbs.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 24, LOOK_MS = 200, MIB = 1 << 20 };

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* ---- the report ------------------------------------------------------------------------------- */

static void put_clean(struct strbuf *out, const char *before, const char *text)
{
	strbuf_add(out, "%s", before);
	format_clean(out, text);
}

static void put_findings(struct strbuf *out, const json_t *report)
{
	const json_t *findings = json_object_get(report, "findings");

	for (size_t i = 0; i < json_array_size(findings); i++) {
		const json_t *one = json_array_get(findings, i);

		put_clean(out, "  ", text_of(one, "severity"));
		put_clean(out, "  ", text_of(one, "what"));
		put_clean(out, ": ", text_of(one, "why"));
		strbuf_add(out, "\n");
	}
}

static void put_head(struct strbuf *out, const json_t *report)
{
	const char *outcome = text_of(report, "outcome");

	put_clean(out, "vm ", text_of(report, "name"));
	if (strcmp(outcome, "moved") == 0)
		put_clean(out, " has moved to ", text_of(report, "to"));
	else if (strcmp(outcome, "checked") == 0)
		put_clean(out, " can move to ", text_of(report, "to"));
	else if (json_is_true(json_object_get(report, "check")))
		put_clean(out, " cannot move to ", text_of(report, "to"));
	else if (outcome[0])
		put_clean(out, " does not move to ", text_of(report, "to"));
	else
		put_clean(out, " moves to ", text_of(report, "to"));
	if (json_is_true(json_object_get(report, "in_doubt")))
		strbuf_add(out, ": in doubt; the decision cannot be told now and is tried again");
	else if (!outcome[0])
		put_clean(out, ": ", text_of(report, "phase"));
	else if (strcmp(outcome, "taken over") == 0 || strcmp(outcome, "given up") == 0)
		put_clean(out, ": ", outcome);
	strbuf_add(out, "\n");
}

static void put_amounts(struct strbuf *out, const json_t *report)
{
	const json_t *memory = json_object_get(report, "memory");
	const json_t *disks = json_object_get(report, "disks");

	if (json_object_get(report, "downtime_ms"))
		strbuf_add(out, "  downtime   %.1f ms\n",
			   json_real_value(json_object_get(report, "downtime_ms")));
	if (number_of(memory, "total"))
		strbuf_add(out,
			   "  memory     %" JSON_INTEGER_FORMAT
			   " passes, %.1f MiB sent of a machine "
			   "of %.0f MiB\n",
			   number_of(memory, "passes"), (double)number_of(memory, "sent") / MIB,
			   (double)number_of(memory, "total") / MIB);
	if (number_of(disks, "total"))
		strbuf_add(out, "  disks      %.1f MiB\n", (double)number_of(disks, "done") / MIB);
}

static void put_phases(struct strbuf *out, const json_t *report)
{
	const json_t *phases = json_object_get(report, "phases_ms");
	const char *separator = "  time       ";
	const char *phase;
	json_t *ms;

	json_object_foreach((json_t *)(uintptr_t)phases, phase, ms)
	{
		put_clean(out, separator, phase);
		strbuf_add(out, " %.3f s", (double)json_integer_value(ms) / 1000);
		separator = ", ";
	}
	if (json_object_size(phases))
		strbuf_add(out, "\n");
}

static void put_port(struct strbuf *out, const json_t *one)
{
	const json_t *report = json_object_get(one, "report");

	put_clean(out, "  port ", text_of(report, "port"));
	put_clean(out, "  ",
		  text_of(report, "outcome")[0] ? text_of(report, "outcome")
						: text_of(report, "phase"));
	strbuf_add(out,
		   ", %" JSON_INTEGER_FORMAT " records, %" JSON_INTEGER_FORMAT
		   " bytes in %" JSON_INTEGER_FORMAT " rounds",
		   number_of(report, "records"), number_of(report, "bytes"),
		   number_of(report, "rounds"));
	if (number_of(report, "blackout_us"))
		strbuf_add(out, ", closed for %.1f ms",
			   (double)number_of(report, "blackout_us") / 1000);
	strbuf_add(out, "\n");
}

static void put_left(struct strbuf *out, const json_t *report)
{
	const json_t *files = json_object_get(report, "left_files");

	for (size_t i = 0; i < json_array_size(files); i++) {
		put_clean(out, "  left here  ", text_of(json_array_get(files, i), "file"));
		put_clean(out, ": ", text_of(json_array_get(files, i), "why"));
		strbuf_add(out, "\n");
	}
}

void print_vm_move(struct strbuf *out, const json_t *result)
{
	const json_t *ports = json_object_get(result, "ports");

	put_head(out, result);
	if (text_of(result, "problem")[0]) {
		put_clean(out, "  ", text_of(result, "problem"));
		strbuf_add(out, "\n");
	}
	if (json_is_true(json_object_get(result, "untold")))
		strbuf_add(out,
			   "  the other host has not heard of it, and is told when it is there\n");
	put_findings(out, result);
	if (json_is_true(json_object_get(result, "check")))
		return;
	put_amounts(out, result);
	put_phases(out, result);
	for (size_t i = 0; i < json_array_size(ports); i++)
		put_port(out, json_array_get(ports, i));
	put_left(out, result);
}

/* ---- progress --------------------------------------------------------------------------------- */

struct watch {
	const struct verb *verb;
	const struct args *args;
	struct client *client;
	bool is_terminal;
	char phase[32]; /* that was shown last */
	double disks_before, disks_rate;
	struct timespec looked;
};

static volatile sig_atomic_t interrupts;

static void on_interrupt(int number)
{
	(void)number;
	interrupts++;
}

static void put_bar(struct strbuf *out, double part)
{
	int full = (int)(part * BAR);

	strbuf_add(out, " [");
	for (int i = 0; i < BAR; i++)
		strbuf_add(out, "%s", i < full ? "=" : i == full ? ">" : " ");
	strbuf_add(out, "] %3.0f %%", part * 100);
}

static void put_left_time(struct strbuf *out, double left, double per_second)
{
	if (per_second > 1 && left > 0 && left / per_second < 360000)
		strbuf_add(out, ", %.0f s left", left / per_second + 0.5);
}

static void put_disks(struct strbuf *out, struct watch *w, const json_t *disks)
{
	double done = (double)number_of(disks, "done");
	double total = (double)number_of(disks, "total");
	struct timespec now;
	double seconds;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	seconds = (double)(now.tv_sec - w->looked.tv_sec) +
		  (double)(now.tv_nsec - w->looked.tv_nsec) / 1e9;
	if (w->looked.tv_sec && seconds > 0 && done >= w->disks_before)
		w->disks_rate = w->disks_rate * 0.7 + 0.3 * (done - w->disks_before) / seconds;
	w->disks_before = done;
	w->looked = now;
	put_bar(out, total > 0 ? done / total : 0);
	strbuf_add(out, " %.0f of %.0f MiB, %.1f MiB/s", done / MIB, total / MIB,
		   w->disks_rate / MIB);
	put_left_time(out, total - done, w->disks_rate);
}

static void put_memory(struct strbuf *out, const json_t *memory)
{
	double left = (double)number_of(memory, "left");
	double total = (double)number_of(memory, "total");
	double rate = (double)number_of(memory, "bits_per_second");

	put_bar(out, total > 0 ? (total - left) / total : 0);
	strbuf_add(out, " pass %" JSON_INTEGER_FORMAT ", %.0f MiB left, %.0f Mbit/s",
		   number_of(memory, "passes"), left / MIB, rate / 1e6);
	put_left_time(out, left, rate / 8);
}

/* A line that is written anew on a terminal, one for each phase elsewhere. */
static void show(struct watch *w, const json_t *report)
{
	struct strbuf line = { NULL, 0, 0, false };
	const char *phase = text_of(report, "phase");
	bool is_new = strcmp(phase, w->phase) != 0;

	if (w->args->is_json || (!w->is_terminal && !is_new))
		return;
	(void)snprintf(w->phase, sizeof(w->phase), "%s", phase);
	put_clean(&line, "", text_of(report, "name"));
	put_clean(&line, " to ", text_of(report, "to"));
	put_clean(&line, ": ", phase);
	if (w->is_terminal && strcmp(phase, "disks") == 0)
		put_disks(&line, w, json_object_get(report, "disks"));
	else if (w->is_terminal && strcmp(phase, "memory") == 0)
		put_memory(&line, json_object_get(report, "memory"));
	if (json_is_true(json_object_get(report, "in_doubt")))
		strbuf_add(&line, ", in doubt: the other host cannot be told");
	(void)fprintf(stderr, w->is_terminal ? "\r\033[K%s" : "%s\n", line.text ? line.text : "");
	(void)fflush(stderr);
	strbuf_finish(&line);
}

static void pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* False: we leave. */
static bool heed_interrupts(struct watch *w, int *heeded)
{
	json_t *result = NULL;

	if (interrupts == *heeded)
		return true;
	*heeded = (int)interrupts;
	if (*heeded > 1) {
		(void)fprintf(stderr, "\nit goes on by itself; see \"xvsctl vm move show %s\"\n",
			      w->args->words[0]);
		return false;
	}
	(void)fputs("\nasking to take it back\n", stderr);
	(void)client_call(w->client, "vm.move.cancel",
			  json_pack("{s:s}", "name", w->args->words[0]), &result);
	json_decref(result);
	return true;
}

/* Until it has ended: its report, new.  NULL: we left, or xvs-hv did. */
static json_t *follow(struct watch *w)
{
	int heeded = 0;

	while (heed_interrupts(w, &heeded)) {
		json_t *report = NULL;

		if (client_call(w->client, "vm.move.show",
				json_pack("{s:s}", "name", w->args->words[0]), &report))
			return NULL;
		show(w, report);
		if (text_of(report, "outcome")[0])
			return report;
		json_decref(report);
		pause_ms(LOOK_MS);
	}
	return NULL;
}

static int report_end(const struct watch *w, const json_t *report)
{
	struct strbuf out = { NULL, 0, 0, false };
	const char *outcome = text_of(report, "outcome");

	if (w->is_terminal && !w->args->is_json)
		(void)fputs("\r\033[K", stderr);
	if (w->args->is_json) {
		(void)json_dumpf(report, stdout, JSON_INDENT(2));
		(void)putchar('\n');
	} else {
		print_vm_move(&out, report);
		(void)fputs(out.text ? out.text : "", stdout);
	}
	strbuf_finish(&out);
	return strcmp(outcome, "moved") == 0 || strcmp(outcome, "checked") == 0 ? EXIT_DONE
										: EXIT_REFUSED;
}

static int watch(struct watch *w, json_t *params)
{
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART };
	json_t *begun = NULL;
	json_t *report;
	int code;

	(void)sigaction(SIGINT, &action, NULL);
	code = client_call(w->client, w->verb->method, params, &begun);
	json_decref(begun);
	if (code)
		return code;
	report = follow(w);
	if (!report)
		return EXIT_NO_DAEMON;
	code = report_end(w, report);
	json_decref(report);
	return code;
}

/* ---- verbs ------------------------------------------------------------------------------------ */

int run_vm_migrate(const struct verb *v, const struct args *a)
{
	struct watch w = { .verb = v, .args = a, .is_terminal = isatty(STDERR_FILENO) };
	json_t *options;
	json_t *params;
	int code;

	if (!(a->given & OPTION_TO)) {
		(void)fprintf(stderr, "xvsctl: vm migrate needs --to HOST\n");
		return EXIT_WRONG_USE;
	}
	options = assignments(a->words + 1, a->count - 1);
	params = options ? verb_params(v, a) : NULL;
	if (!params) {
		json_decref(options);
		return EXIT_WRONG_USE;
	}
	(void)json_object_set_new(params, "options", options);
	(void)json_object_set_new(params, "background", json_true());
	w.client = verb_client(v, a);
	if (!w.client) {
		json_decref(params);
		return EXIT_NO_DAEMON;
	}
	code = watch(&w, params);
	client_close(w.client);
	return code;
}

/* "format=raw", "bandwidth=100M" */
static bool assignment_take(const char *word, json_t *params)
{
	static const char units[] = "KMG";
	unsigned long long n;
	const char *unit;
	char *end = NULL;

	if (strncmp(word, "format=", 7) == 0)
		return json_object_set_new(params, "format", json_string(word + 7)) == 0;
	if (strncmp(word, "bandwidth=", 10) != 0 || word[10] < '0' || word[10] > '9')
		return false;
	n = strtoull(word + 10, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if ((*end && (!unit || end[1])) || n > INT64_MAX >> 30)
		return false;
	n <<= unit ? 10 * (unit - units + 1) : 0;
	return json_object_set_new(params, "bandwidth", json_integer((json_int_t)n)) == 0;
}

int run_vm_move_storage(const struct verb *v, const struct args *a)
{
	struct watch w = { .verb = v, .args = a, .is_terminal = isatty(STDERR_FILENO) };
	json_t *params = json_pack("{s:s, s:s, s:s, s:b}", "name", a->words[0], "disk", a->words[1],
				   "path", a->words[2], "background", 1);
	int code;

	for (size_t i = 3; i < a->count; i++) {
		if (assignment_take(a->words[i], params))
			continue;
		(void)fprintf(stderr,
			      "xvsctl: vm move-storage: not \"%s\", but format=qcow2|raw or "
			      "bandwidth=NUMBER with K, M or G\n",
			      a->words[i]);
		json_decref(params);
		return EXIT_WRONG_USE;
	}
	w.client = verb_client(v, a);
	if (!w.client) {
		json_decref(params);
		return EXIT_NO_DAEMON;
	}
	code = watch(&w, params);
	client_close(w.client);
	return code;
}

/* "show NAME", "cancel NAME" */
int run_vm_move(const struct verb *v, const struct args *a)
{
	bool is_show = strcmp(a->words[0], "show") == 0;
	struct verb of = *v;

	if (!is_show && strcmp(a->words[0], "cancel") != 0) {
		(void)fprintf(stderr, "usage: xvsctl vm move %s\n", v->words);
		return EXIT_WRONG_USE;
	}
	of.method = is_show ? "vm.move.show" : "vm.move.cancel";
	of.print = is_show ? print_vm_move : print_done;
	return verb_call(&of, a, json_pack("{s:s}", "name", a->words[1]));
}
