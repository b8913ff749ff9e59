/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-extrun/run.c - loads, configures, feeds, tells. */
#include "run.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/yaml.h"
#include "places.h"
#include "verdict.h"

enum { SETTLE_MS = 1000, SNAPLEN = 65554, PROGRAM_FAILED = 1 };

struct totals {
	_Atomic uint64_t sent, dropped, consumed; /* any worker */
};

struct run {
	const struct run_options *o;
	struct module *modules[LAB_CHAIN_MAX];
	size_t module_count;
	const struct extension *chain[LAB_CHAIN_MAX];
	size_t chain_count;
	struct node *policies;
	struct places places;
	struct input *input;
	struct lab *lab, *twin; /* 'twin' went on with the state of 'lab' */
	struct verdict verdict, twin_verdict;
	struct totals totals;
	uint64_t packets, cut, moved_at; /* 0: not yet */
	uint64_t differing;
	uint64_t time_ns;
	pthread_mutex_t out_lock;
	pcap_t *out_format;
	pcap_dumper_t *out;
	uint64_t waiting; /* of a batch */
};

static int complain(const struct xvs_error *err)
{
	(void)fprintf(stderr, "xvs-extrun: %s\n", err->text);
	return err->code;
}

static int complain_all(const struct diags *d)
{
	char text[512];

	for (size_t i = 0; i < d->count && i < DIAG_MAX; i++)
		(void)fprintf(stderr, "xvs-extrun: %s\n", diag_print(d, i, text, sizeof(text)));
	return -EINVAL;
}

/* ---- what is told ---------------------------------------------------------------------------------- */

static void out_write(struct run *r, const struct lab_event *e)
{
	const struct pcap_pkthdr header = { .ts = { (time_t)(r->time_ns / 1000000000u),
						    (suseconds_t)(r->time_ns % 1000000000u) },
					    .caplen = e->len,
					    .len = e->len };

	if (!r->out)
		return;
	(void)pthread_mutex_lock(&r->out_lock);
	pcap_dump((u_char *)r->out, &header, e->bytes);
	(void)pthread_mutex_unlock(&r->out_lock);
}

static void on_ended(void *arg, const struct lab_event *e)
{
	struct run *r = arg;

	if (e->end == LAB_SENT)
		out_write(r, e);
	r->totals.sent += e->end == LAB_SENT;
	r->totals.dropped += e->end == LAB_DROPPED;
	r->totals.consumed += e->end == LAB_CONSUMED;
	if (r->o->threads == 0)
		verdict_add(&r->verdict, e);
}

static void on_twin_ended(void *arg, const struct lab_event *e)
{
	verdict_add(&((struct run *)arg)->twin_verdict, e);
}

static void print_json(json_t *j)
{
	char *line = json_dumps(j, JSON_COMPACT);

	if (line)
		(void)puts(line);
	free(line);
	json_decref(j);
}

static void tell_packet(const struct run *r, const struct question *q)
{
	if (r->o->is_quiet)
		return;
	if (r->o->is_json)
		print_json(verdict_json(&r->verdict, q, r->places.ports));
	else
		verdict_print(&r->verdict, q, r->places.ports, stdout);
}

static long long number(const json_t *j, const char *key)
{
	return (long long)json_integer_value(json_object_get(j, key));
}

static void print_extension(const json_t *e)
{
	const char *name;
	const json_t *value;

	(void)printf("%s: called for %lld packets, %lld cycles each; judged %lld flows, %lld "
		     "cycles each\n",
		     json_string_value(json_object_get(e, "extension")), number(e, "packets"),
		     number(e, "cycles_per_packet"), number(e, "judged"),
		     number(e, "cycles_per_judgement"));
	(void)printf("  dropped %lld, stolen %lld, returned %lld, made %lld\n", number(e, "drops"),
		     number(e, "stolen"), number(e, "returned"), number(e, "originated"));
	json_object_foreach((json_t *)(uintptr_t)json_object_get(e, "counters"), name, value)(void)
		printf("  %s %lld\n", name, (long long)json_integer_value(value));
}

static void print_drop(const json_t *d)
{
	const char *by = json_string_value(json_object_get(d, "instance"));

	(void)printf("dropped at %s by %s: %s %lld\n",
		     json_string_value(json_object_get(d, "stage")), by && *by ? by : "the switch",
		     json_string_value(json_object_get(d, "reason")), number(d, "packets"));
}

static void print_summary(struct run *r, const json_t *stats)
{
	const json_t *one;
	size_t i;

	(void)printf("%llu packets: %llu sent, %llu dropped, %llu consumed, %llu held",
		     (unsigned long long)r->packets, (unsigned long long)r->totals.sent,
		     (unsigned long long)r->totals.dropped, (unsigned long long)r->totals.consumed,
		     (unsigned long long)lab_held(r->lab));
	if (r->cut)
		(void)printf("; %llu left out, which are not whole", (unsigned long long)r->cut);
	(void)putchar('\n');
	json_array_foreach(json_object_get(stats, "extensions"), i, one) print_extension(one);
	json_array_foreach(json_object_get(stats, "drops"), i, one) print_drop(one);
	if (r->twin)
		(void)printf("state moved before packet %llu: %llu verdicts differ\n",
			     (unsigned long long)r->moved_at, (unsigned long long)r->differing);
}

/* With threads nobody was told of single drops. */
static void count_drops(struct run *r, const json_t *stats)
{
	const json_t *accounts = json_object_get(stats, "accounts");

	if (r->o->threads == 0)
		return;
	r->totals.dropped = (uint64_t)number(accounts, "drops");
	r->totals.consumed = (uint64_t)number(accounts, "consumed");
}

static void summarize(struct run *r)
{
	json_t *stats = lab_stats(r->lab);

	count_drops(r, stats);
	if (!r->o->is_json) {
		print_summary(r, stats);
		json_decref(stats);
		return;
	}
	(void)json_object_update_new(
		stats,
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "packets", (json_int_t)r->packets,
			  "sent", (json_int_t)r->totals.sent, "dropped",
			  (json_int_t)r->totals.dropped, "consumed", (json_int_t)r->totals.consumed,
			  "held", (json_int_t)lab_held(r->lab), "left_out", (json_int_t)r->cut));
	if (r->twin)
		(void)json_object_set_new(stats, "moved",
					  json_pack("{s:I, s:I}", "before_packet",
						    (json_int_t)r->moved_at, "differing",
						    (json_int_t)r->differing));
	print_json(stats);
}

/* ---- the beginning --------------------------------------------------------------------------------- */

static int chain_add(struct run *r, const struct module *m, struct xvs_error *err)
{
	uint32_t count;
	const struct extension *all = module_extensions(m, &count);

	for (uint32_t i = 0; i < count; i++) {
		if (r->o->extension && strcmp(all[i].id, r->o->extension) != 0)
			continue;
		for (size_t n = 0; n < r->chain_count; n++)
			if (strcmp(r->chain[n]->id, all[i].id) == 0)
				return error_set(err, -EINVAL, "", "%s is in two modules",
						 all[i].id);
		if (r->chain_count == LAB_CHAIN_MAX)
			return error_set(err, -ENOSPC, "", "more than %d extensions",
					 LAB_CHAIN_MAX);
		r->chain[r->chain_count++] = &all[i];
	}
	return 0;
}

static int load(struct run *r, struct xvs_error *err)
{
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < r->o->module_count; i++) {
		code = lab_load(r->o->modules[i], &r->modules[i], err);
		if (code == 0)
			code = chain_add(r, r->modules[r->module_count++], err);
	}
	if (code == 0 && r->chain_count == 0)
		code = error_set(err, -ENOENT, "", "no module has the extension %s",
				 r->o->extension ? r->o->extension : "");
	return code;
}

static int place(struct run *r, struct xvs_error *err)
{
	if (r->o->ports) {
		int code = places_parse(r->o->ports, &r->places, err);

		if (code)
			return code;
	}
	for (uint32_t i = 0; !r->o->ports && i < r->o->capture_count; i++) {
		uint8_t mac[6] = { 0 };

		(void)input_source(r->input, i, mac);
		if (places_add_file(&r->places, r->o->captures[i], mac) < 0)
			return error_set(err, -ENOSPC, "", "too many captures");
	}
	places_close(&r->places);
	return 0;
}

static int out_open(struct run *r, struct xvs_error *err)
{
	if (!r->o->out_file)
		return 0;
	r->out_format = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, SNAPLEN,
							     PCAP_TSTAMP_PRECISION_NANO);
	if (r->out_format)
		r->out = pcap_dump_open(r->out_format, r->o->out_file);
	if (r->out)
		return 0;
	return error_set(err, -EIO, "", "%.170s",
			 r->out_format ? pcap_geterr(r->out_format) : "out of memory");
}

static int prepare(struct run *r)
{
	struct xvs_error err = ERROR_INIT;
	int code = load(r, &err);

	if (code == 0)
		code = input_open(r->o->captures, r->o->capture_count, &r->input, &err);
	if (code == 0)
		code = place(r, &err);
	if (code == 0)
		code = out_open(r, &err);
	return code ? complain(&err) : 0;
}

static int read_policies(struct run *r, struct diags *d)
{
	if (!r->o->policy_file)
		return 0;
	r->policies = yaml_read_file(r->o->policy_file, d);
	if (!r->policies)
		return -EINVAL;
	if (r->policies->kind == NODE_NULL)
		r->policies->kind = NODE_MAP; /* an empty file */
	if (r->policies->kind == NODE_MAP)
		return 0;
	diag_add(d, r->policies, "must be a map of policies, as in \"com.example.guard/1: {..}\"");
	return -EINVAL;
}

static int lab_start(struct run *r, bool is_twin, struct lab **out)
{
	struct diags *d = calloc(1, sizeof(*d));
	const struct lab_config c = { .chain = r->chain,
				      .chain_count = r->chain_count,
				      .ports = r->places.ports,
				      .port_count = r->places.count,
				      .policies = r->policies,
				      .policy_file = r->o->policy_file,
				      .threads = r->o->threads,
				      .is_held = is_twin,
				      .ended = is_twin ? on_twin_ended : on_ended,
				      .arg = r };
	int code;

	if (!d)
		return -ENOMEM;
	lab_seed(r->o->seed);
	d->file = r->o->policy_file;
	code = lab_create(&c, out, d);
	if (code)
		(void)complain_all(d);
	free(d);
	return code;
}

static int start(struct run *r)
{
	struct diags *d = calloc(1, sizeof(*d));
	int code = d ? read_policies(r, d) : -ENOMEM;

	if (code && d)
		(void)complain_all(d);
	free(d);
	return code ? code : lab_start(r, false, &r->lab);
}

/* ---- packets --------------------------------------------------------------------------------------- */

/* One capture has both directions of its adapter; of several, each is what one port sent. */
static uint32_t entry_of(const struct run *r, const struct frame *f)
{
	const bool is_by_file = !r->o->ports && r->o->capture_count > 1;

	return is_by_file ? f->file : places_of(&r->places, f->bytes + 6);
}

static void judge(struct lab *lab, struct verdict *v, const struct question *q)
{
	const uint64_t before = lab_held(lab);

	v->count = 0;
	(void)lab_send(lab, q->port, q->bytes, q->len);
	lab_run(lab);
	lab_turn(lab); /* what was injected or resumed goes on in the next burst */
	v->held = (int64_t)lab_held(lab) - (int64_t)before;
}

static void run_one(struct run *r, const struct frame *f)
{
	const struct question q = { .nr = r->packets,
				    .bytes = f->bytes,
				    .len = f->len,
				    .port = entry_of(r, f),
				    .time_ns = r->time_ns };

	judge(r->lab, &r->verdict, &q);
	tell_packet(r, &q);
	if (!r->twin)
		return;
	judge(r->twin, &r->twin_verdict, &q);
	if (verdict_equal(&r->verdict, &r->twin_verdict))
		return;
	if (!r->o->is_json && r->differing == 0) {
		(void)printf("packet %llu differs where the state was moved to:\n",
			     (unsigned long long)q.nr);
		verdict_print(&r->twin_verdict, &q, r->places.ports, stdout);
	}
	r->differing++;
}

static void run_batched(struct run *r, const struct frame *f)
{
	(void)lab_send(r->lab, entry_of(r, f), f->bytes, f->len);
	if (r->o->threads || ++r->waiting % r->o->batch)
		return;
	lab_run(r->lab);
	r->verdict.count = 0;
}

static int move(struct run *r)
{
	struct xvs_error err = ERROR_INIT;
	int code = lab_start(r, true, &r->twin);

	if (code)
		return code;
	code = lab_move(r->lab, r->twin, &err);
	return code ? complain(&err) : 0;
}

static int feed_one(struct run *r, const struct frame *f)
{
	r->packets++;
	if (r->o->is_moved && r->packets == r->moved_at && move(r))
		return -EINVAL;
	lab_time(r->time_ns);
	if (r->o->batch > 1 || r->o->threads)
		run_batched(r, f);
	else
		run_one(r, f);
	return 0;
}

/* Each lap begins where the last one ended. */
static int lap(struct run *r)
{
	const uint64_t start_ns = r->time_ns;
	struct xvs_error err = ERROR_INIT;
	struct frame f;
	int code;

	while ((code = input_next(r->input, &f, &err)) > 0) {
		r->time_ns = start_ns + f.time_ns;
		code = feed_one(r, &f);
		if (code)
			return code;
	}
	r->cut = input_cut(r->input);
	return code ? complain(&err) : 0;
}

static int reopen(struct run *r)
{
	struct xvs_error err = ERROR_INIT;
	int code;

	input_close(r->input);
	r->input = NULL;
	code = input_open(r->o->captures, r->o->capture_count, &r->input, &err);
	return code ? complain(&err) : 0;
}

/* Half way is known when all have been counted. */
static int find_half(struct run *r)
{
	struct xvs_error err = ERROR_INIT;
	uint64_t count = 0;
	struct frame f;
	int code;

	while ((code = input_next(r->input, &f, &err)) > 0)
		count++;
	r->moved_at = count * r->o->repeat / 2 + 1;
	return code ? complain(&err) : reopen(r);
}

static int feed(struct run *r)
{
	int code = r->o->is_moved ? find_half(r) : 0;

	for (uint32_t i = 0; code == 0 && i < r->o->repeat; i++) {
		if (i > 0)
			code = reopen(r);
		if (code == 0)
			code = lap(r);
	}
	if (code)
		return code;
	lab_run(r->lab);
	lab_settle(r->lab, SETTLE_MS);
	return 0;
}

static void finish(struct run *r)
{
	lab_destroy(r->twin);
	lab_destroy(r->lab);
	for (size_t i = 0; i < r->module_count; i++)
		module_put(r->modules[i]);
	node_destroy(r->policies);
	input_close(r->input);
	if (r->out)
		pcap_dump_close(r->out);
	if (r->out_format)
		pcap_close(r->out_format);
}

int run(const struct run_options *o)
{
	struct run *r = calloc(1, sizeof(*r));
	int status = PROGRAM_FAILED;

	if (!r)
		return PROGRAM_FAILED;
	r->o = o;
	(void)pthread_mutex_init(&r->out_lock, NULL);
	if (prepare(r) == 0 && start(r) == 0 && feed(r) == 0) {
		summarize(r);
		status = r->differing ? PROGRAM_FAILED : 0;
	}
	finish(r);
	free(r);
	return status;
}
