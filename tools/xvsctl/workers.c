/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvsctl/workers.c - the packet threads: what each did, and where its cycles went.
 *
 * Numbers are those since the daemon started, but for the load, which is of the last second.
 */
#include "verbs.h"

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static json_t *work_row(const json_t *worker)
{
	json_t *row = json_copy((json_t *)(uintptr_t)worker);
	json_int_t bursts = number_of(worker, "bursts");
	json_int_t load = number_of(worker, "load_permille");

	(void)json_object_set_new(row, "load",
				  json_sprintf("%" JSON_INTEGER_FORMAT ".%" JSON_INTEGER_FORMAT,
					       load / 10, load % 10));
	(void)json_object_set_new(row, "burst",
				  json_integer(bursts ? number_of(worker, "packets") / bursts : 0));
	return row;
}

static void put_work(struct strbuf *out, const json_t *workers)
{
	static const struct column columns[] = {
		{ "WORKER", "worker", true },
		{ "CORE", "core", true },
		{ "QUEUES", "queues", true },
		{ "LOAD %", "load", true },
		{ "PACKETS", "packets", true },
		{ "A BURST", "burst", true },
		{ "SLEEPS", "sleeps", true },
		{ "EXACT", "hits_exact", true },
		{ "MASKED", "hits_masked", true },
		{ "MISSES", "misses", true },
		{ "REJUDGED", "rejudged", true },
		{ "ENTRIES", "entries", true },
		{ "MASKS", "masks", true },
		{ "EVICTIONS", "evictions", true },
		{ NULL, NULL, false },
	};
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(workers); i++)
		(void)json_array_append_new(rows, work_row(json_array_get(workers, i)));
	format_table(out, rows, columns, "");
	json_decref(rows);
}

static void put_cycles(struct strbuf *out, const json_t *workers)
{
	static const struct column columns[] = {
		{ "WORKER", "worker", true }, { "RX", "rx", true },
		{ "PARSE", "parse", true },   { "LOOKUP", "lookup", true },
		{ "APPLY", "apply", true },   { "OUTPUT", "output", true },
		{ "TX", "tx", true },         { "OTHER", "other", true },
		{ "TOTAL", "total", true },   { NULL, NULL, false },
	};
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(workers); i++) {
		const json_t *worker = json_array_get(workers, i);
		json_t *row = json_copy(json_object_get(worker, "cycles_per_packet"));

		(void)json_object_set(row, "worker", json_object_get(worker, "worker"));
		(void)json_array_append_new(rows, row);
	}
	strbuf_add(out, "\ncycles a packet\n");
	format_table(out, rows, columns, "");
	json_decref(rows);
}

static void put_extensions(struct strbuf *out, const json_t *workers)
{
	static const struct column columns[] = {
		{ "WORKER", "worker", true },
		{ "SWITCH", "switch", false },
		{ "INSTANCE", "instance", false },
		{ "PACKETS", "packets", true },
		{ "CYCLES/PACKET", "cycles_per_packet", true },
		{ "JUDGED", "judged", true },
		{ "CYCLES/JUDGEMENT", "cycles_per_judgement", true },
		{ NULL, NULL, false },
	};
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(workers); i++) {
		const json_t *worker = json_array_get(workers, i);
		const json_t *list = json_object_get(worker, "extensions");

		for (size_t n = 0; n < json_array_size(list); n++) {
			json_t *row = json_copy(json_array_get(list, n));

			(void)json_object_set(row, "worker", json_object_get(worker, "worker"));
			(void)json_array_append_new(rows, row);
		}
	}
	if (json_array_size(rows) > 0) {
		strbuf_add(out, "\nextensions\n");
		format_table(out, rows, columns, "");
	}
	json_decref(rows);
}

void print_workers(struct strbuf *out, const json_t *result)
{
	put_work(out, result);
	put_cycles(out, result);
	put_extensions(out, result);
}
