/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-conform/rules.c - what must hold, and how it is tried. */
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dispatch.h"
#include "memory.h"
#include "trial.h"

enum {
	REQUESTS_MOST = 120, /* for memory, that are refused one by one */
	CYCLES = 4,
	SLOW_MS = 100,
	PROMISES = 1500,
	COSTED = 4000,
	HARMLESS = 300,
	ATOMIC = 200,
	POLICY_MOST = 1 << 20,
};

static enum result conclude(void)
{
	return watch_has_found() ? RESULT_BROKEN : RESULT_HOLDS;
}

static enum result not_tried(const char *why)
{
	watch_find("%s", why);
	return RESULT_NOT_TRIED;
}

/* All of its life, with somebody looking at these things. */
static enum result live_with(struct trial *t, unsigned what)
{
	if (trial_begin(t, what) && !trial_live(t))
		(void)trial_need(t, LAB_SET);
	return conclude();
}

static enum result rule_load(struct trial *t)
{
	if (trial_begin(t, 0) && !watch_has_found())
		for (uint32_t i = 0; i < t->ext->feature_count; i++)
			if (t->ext->features[i].bytes > POLICY_MOST)
				watch_find(
					"the policy %s takes %u bytes for each port, at most %d are "
					"sensible",
					t->ext->features[i].id, t->ext->features[i].bytes,
					POLICY_MOST);
	return conclude();
}

static enum result rule_life(struct trial *t)
{
	return live_with(t, 0);
}

static enum result rule_results(struct trial *t)
{
	return live_with(t, WATCH_RESULTS);
}

static enum result rule_borrowed(struct trial *t)
{
	return live_with(t, WATCH_BORROWED);
}

static enum result rule_const(struct trial *t)
{
	return live_with(t, WATCH_CONST);
}

static enum result rule_process(struct trial *t)
{
	return live_with(t, WATCH_PROCESS);
}

static enum result rule_deadlines(struct trial *t)
{
	const char *slow;

	if (!trial_begin(t, WATCH_TIMES))
		return RESULT_BROKEN;
	for (unsigned i = 0; i < 2; i++) /* saves and the like come so often that chance is out */
		(void)trial_live(t);
	slow = watch_slow(SLOW_MS);
	if (slow)
		watch_find("%s() never took less than %d ms of the control thread", slow, SLOW_MS);
	return conclude();
}

static enum result rule_workers(struct trial *t)
{
	if (!memory_is_watched())
		return not_tried("this build of the kit has a sanitizer, which has the memory");
	if (!trial_begin(t, 0))
		return RESULT_BROKEN;
	if (!dispatch_start())
		return not_tried("this kernel does not tell of system calls");
	watch_change(WATCH_WORKERS);
	(void)trial_live(t);
	return conclude();
}

/* ---- what is not there ------------------------------------------------------------------------------ */

/*
 * Its n-th request for memory gets nothing, for each n that comes.  What it then refuses is refused; what
 * it accepted works.
 */
static enum result rule_memory(struct trial *t)
{
	if (!memory_is_watched())
		return not_tried("this build of the kit has a sanitizer, which has the memory");
	if (!trial_begin(t, 0))
		return RESULT_BROKEN;
	for (uint64_t n = 1; n <= REQUESTS_MOST; n++) {
		memory_fail(n);
		(void)trial_live(t);
		if (memory_asked() < n)
			break;
	}
	memory_fail(0);
	return conclude();
}

/* A module says what it cannot do without. */
static bool is_needed(const struct trial *t, const char *interface)
{
	void *handle = dlopen(t->path[0] == '/' || strchr(t->path, '/') ? t->path : NULL,
			      RTLD_NOW | RTLD_LOCAL);
	const struct xvs_module *m = handle ? dlsym(handle, "xvs_module_1") : NULL;
	const struct xvs_extension *e = m ? (const void *)((const char *)m->extensions.items +
							   (size_t)t->index * m->extensions.stride)
					  : NULL;

	for (uint32_t i = 0; e && XVS_HAS(e, needs) && i < e->needs.count; i++)
		if (strcmp(((const char *const *)e->needs.items)[i], interface) == 0)
			return true;
	return false;
}

static enum result rule_services(struct trial *t)
{
	const char *asked[ASKED_MAX];
	size_t count;

	if (!trial_begin(t, 0))
		return RESULT_BROKEN;
	(void)trial_live(t);
	count = watch_asked(asked);
	for (size_t i = 0; i < count; i++) {
		if (is_needed(t, asked[i]))
			continue;
		watch_refuse(asked[i]);
		(void)trial_live(t);
	}
	watch_refuse(NULL);
	return conclude();
}

/* ---- what is left over ------------------------------------------------------------------------------ */

static size_t entries(const char *path)
{
	DIR *folder = opendir(path);
	size_t count = 0;

	while (folder && readdir(folder))
		count++;
	if (folder)
		(void)closedir(folder);
	return count;
}

struct holdings {
	size_t memory, descriptors, threads;
	const char *call;
};

static struct holdings holdings(void)
{
	struct holdings h = { .descriptors = entries("/proc/self/fd"),
			      .threads = entries("/proc/self/task") };

	h.memory = memory_held(&h.call);
	return h;
}

/* The first life may warm up what then stays; each further one must leave nothing. */
static enum result rule_leaks(struct trial *t)
{
	struct holdings before, after;

	if (!trial_begin(t, 0))
		return RESULT_BROKEN;
	(void)trial_live(t);
	before = holdings();
	for (unsigned i = 0; i < CYCLES; i++)
		(void)trial_live(t);
	after = holdings();
	if (after.threads > before.threads)
		watch_find("%zu lives left %zu threads", (size_t)CYCLES,
			   after.threads - before.threads);
	if (after.descriptors > before.descriptors)
		watch_find("%zu lives left %zu descriptors", (size_t)CYCLES,
			   after.descriptors - before.descriptors);
	if (after.memory >= before.memory + CYCLES)
		watch_find("%zu lives left %zu pieces of memory, the last of %s()", (size_t)CYCLES,
			   after.memory - before.memory, after.call);
	return conclude();
}

/* A port that is frozen holds nothing; its other state may go elsewhere or not. */
static enum result rule_drain(struct trial *t)
{
	struct lab *lab = trial_begin(t, 0) ? trial_need(t, LAB_SET) : NULL;
	struct lab *other = lab ? trial_lab(t, LAB_HELD) : NULL;
	struct xvs_error err = ERROR_INIT;
	json_int_t held;
	json_t *stats;

	if (!other) {
		lab_destroy(lab);
		return conclude();
	}
	trial_traffic(t, lab, 128, false);
	(void)lab_move(lab, other, &err);
	stats = lab_stats(lab);
	held = json_integer_value(
		json_object_get(json_array_get(json_object_get(stats, "extensions"), 0), "held"));
	json_decref(stats);
	if (held)
		watch_find("%lld packets were not given back by drain()", (long long)held);
	lab_destroy(other);
	lab_destroy(lab);
	return conclude();
}

/* ---- what is promised ------------------------------------------------------------------------------- */

static enum result rule_flows(struct trial *t)
{
	for (enum lab_kind kind = LAB_BARE; kind <= LAB_SET; kind++) {
		struct lab *lab;

		if (!t->module && !trial_begin(t, WATCH_FLOWS))
			return RESULT_BROKEN;
		lab = trial_need(t, kind);
		if (!lab)
			return RESULT_BROKEN;
		trial_traffic(t, lab, PROMISES, false);
		lab_destroy(lab);
	}
	return conclude();
}

/* The same frames again: what became of them, as one number. */
static uint64_t traffic_again(struct trial *t, struct lab *lab, uint32_t count)
{
	t->random = 7;
	trial_forget_seen();
	trial_traffic(t, lab, count, false);
	return trial_seen();
}

static enum result rule_atomic(struct trial *t)
{
	struct lab *lab = trial_begin(t, 0) ? trial_need(t, LAB_SET) : NULL;
	uint64_t before;

	if (!lab)
		return conclude();
	(void)traffic_again(t, lab, ATOMIC); /* connections are there, addresses are learned */
	before = traffic_again(t, lab, ATOMIC);
	if (traffic_again(t, lab, ATOMIC) != before) {
		lab_destroy(lab);
		return not_tried("its verdicts on the same packets differ from time to time");
	}
	trial_change(t, lab, true);
	if (traffic_again(t, lab, ATOMIC) != before)
		watch_find("a change of policies that was only checked has changed verdicts");
	lab_destroy(lab);
	return conclude();
}

/* What becomes of one frame, answers to it that come in the next burst included. */
static uint64_t fate(struct lab *lab, const struct frame *f)
{
	trial_forget_seen();
	(void)lab_send(lab, f->port, f->bytes, f->len);
	lab_run(lab);
	lab_turn(lab);
	lab_turn(lab);
	return trial_seen();
}

/*
 * An inspector changes nothing.  Others may refuse what they are for, as a firewall does that denies what
 * nobody has allowed; that is told.  But no port is cut off from its network.
 */
static void compare_fates(const struct trial *t, struct lab *without, struct lab *with)
{
	static struct frame f;
	uint64_t state = 7;
	unsigned differing = 0;

	for (unsigned i = 0; i < HARMLESS && !watch_has_found(); i++) {
		frame_make(&state, &f);
		if (frame_is_fragment(&f) || fate(without, &f) == fate(with, &f))
			continue;
		differing++;
		if (frame_is_vital(&f) || t->ext->cls == XVS_INSPECT)
			watch_find("without policies, %s does not pass as it does without it (%s)",
				   frame_is_vital(&f) ? "ARP or neighbour discovery" : "a packet",
				   trial_dropped());
	}
	if (watch_has_found() || differing == 0)
		return;
	watch_find("without policies, %u of %d packets do not pass as they do without it (%s)",
		   differing, HARMLESS, trial_dropped());
	watch_record->is_remark = true;
}

static enum result rule_harmless(struct trial *t)
{
	struct lab *without, *with;

	if (!trial_begin(t, 0))
		return RESULT_BROKEN;
	if (t->ext->cls == XVS_FORWARD)
		return not_tried("who forwards may know no way without being told");
	without = trial_need(t, LAB_EMPTY);
	if (!without)
		return RESULT_BROKEN;
	with = trial_lab(t, LAB_BARE);
	if (with)
		compare_fates(t, without, with);
	lab_destroy(without);
	lab_destroy(with);
	if (!with)
		return not_tried("it does not start without policies");
	return watch_record->is_remark ? RESULT_HOLDS : conclude();
}

/* ---- packets by chance ------------------------------------------------------------------------------ */

static enum result rule_mutants(struct trial *t)
{
	struct lab *lab = trial_begin(t, WATCH_RESULTS) ? trial_need(t, LAB_SET) : NULL;
	const json_t *accounts;
	json_t *stats;

	if (!lab)
		return conclude();
	for (uint64_t sent = 0; sent < t->packets && !watch_has_found(); sent += 1000)
		trial_traffic(t, lab,
			      t->packets - sent < 1000 ? (uint32_t)(t->packets - sent) : 1000,
			      true);
	stats = lab_stats(lab);
	accounts = json_object_get(stats, "accounts");
#define ACCOUNT(name) json_integer_value(json_object_get(accounts, name))
	if (ACCOUNT("received") + ACCOUNT("originated") + ACCOUNT("copied") +
		    ACCOUNT("segmented") !=
	    ACCOUNT("sent") + ACCOUNT("drops") + ACCOUNT("consumed") + ACCOUNT("held"))
		watch_find("the accounts of packets do not balance");
#undef ACCOUNT
	json_decref(stats);
	lab_destroy(lab);
	return conclude();
}

static enum result rule_cost(struct trial *t)
{
	struct lab *lab = trial_begin(t, 0) ? trial_need(t, LAB_SET) : NULL;
	const json_t *one;
	json_t *stats;

	if (!lab)
		return conclude();
	trial_traffic(t, lab, COSTED, false);
	stats = lab_stats(lab);
	one = json_array_get(json_object_get(stats, "extensions"), 0);
	watch_record->cycles_per_packet =
		(uint64_t)json_integer_value(json_object_get(one, "cycles_per_packet"));
	watch_record->cycles_per_judgement =
		(uint64_t)json_integer_value(json_object_get(one, "cycles_per_judgement"));
	json_decref(stats);
	lab_destroy(lab);
	return conclude();
}

/* ---- all of them ------------------------------------------------------------------------------------ */

const struct rule rules[] = {
	{ "symbols", "everything it calls is the C library's or a named library's",
	  "xvs/extension.h: an extension is a shared object; features A15", true, rule_symbols },
	{ "constructors", "nothing of it runs at load", "xvs/extension.h: constructors run at load",
	  true, rule_constructors },
	{ "load", "the host loads it: note, rights, sizes, tables",
	  "xvs/abi.h: rule 2; "
	  "xvs/extension.h: struct xvs_note",
	  true, rule_load },
	{ "life", "it lives through every order of ports, policies, packets, moves and its own end",
	  "xvs/extension.h: Order", false, rule_life },
	{ "results",
	  "calls return 0 or a negative errno and say why; verdicts are within tables and class",
	  "xvs/abi.h: RESULTS; xvs/packet.h: Verdicts", false, rule_results },
	{ "borrowed", "what was lent is not used after the call", "xvs/abi.h: OWNERSHIP", false,
	  rule_borrowed },
	{ "const", "what is const stays as it was: packets of an inspector, values, facts, tables",
	  "xvs/extension.h: enum xvs_class; xvs/host.h", false, rule_const },
	{ "process", "descriptors, signals and processes are the host's", "xvs/abi.h: THREADS",
	  false, rule_process },
	{ "workers", "on a worker: no memory, no system calls, no [control] functions",
	  "xvs/abi.h: [worker]", false, rule_workers },
	{ "memory", "any request for memory may fail; policy_apply() cannot",
	  "xvs/abi.h: RESULTS; "
	  "xvs/extension.h: policy_check",
	  false, rule_memory },
	{ "services", "any interface that it does not need may be missing", "xvs/abi.h: rule 4",
	  false, rule_services },
	{ "leaks", "a life leaves no memory, descriptors or threads behind",
	  "xvs/abi.h: OWNERSHIP, "
	  "THREADS",
	  false, rule_leaks },
	{ "drain", "packets that it holds are given back when asked for", "xvs/extension.h: drain",
	  false, rule_drain },
	{ "deadlines", "[control] calls are brief", "xvs/abi.h: [control]", false, rule_deadlines },
	{ "flows", "packets equal in the bits examined get equal verdicts",
	  "xvs/flow.h: 'examined' is a promise", false, rule_flows },
	{ "atomic", "a change that is only checked has no effect", "xvs/extension.h: policy_check",
	  false, rule_atomic },
	{ "harmless", "without policies it cuts no port off from its network", "features B17",
	  false, rule_harmless },
	{ "state-round", "state that was restored is saved as it was, and an end comes",
	  "xvs/state.h: struct xvs_state", false, rule_state_round },
	{ "state-formats", "every format from format_min to format_max is written and read",
	  "xvs/state.h: format_min", false, rule_state_formats },
	{ "state-hostile", "cut, changed and senseless records do no harm",
	  "xvs/state.h: restore() treats it as hostile input", false, rule_state_hostile },
	{ "mutants", "no packet, however made, breaks it or the accounts", "xvs/packet.h", false,
	  rule_mutants },
	{ "cost", "what a packet costs is told", "features O3", false, rule_cost },
};
const size_t rule_count = sizeof(rules) / sizeof(rules[0]);
