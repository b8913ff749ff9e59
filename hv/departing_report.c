/* SPDX-License-Identifier: Apache-2.0 */
/* hv/departing_report.c - what people and programs see of a move, under way and at its end. */
#include <string.h>

#include "base/clock.h"
#include "departing_part.h"

enum { FINDINGS_MAX = 512 };

void findings_add(struct departing *d, const char *what, const char *why, bool is_refusal)
{
	if (json_array_size(d->findings) < FINDINGS_MAX)
		(void)json_array_append_new(d->findings,
					    json_pack("{s:o, s:o, s:s}", "what", rpc_string(what),
						      "why", rpc_string(why), "severity",
						      is_refusal ? "refuse" : "warn"));
}

static const json_t *first_refusal(const struct departing *d)
{
	for (size_t i = 0; i < json_array_size(d->findings); i++) {
		const json_t *one = json_array_get(d->findings, i);
		const char *severity = json_string_value(json_object_get(one, "severity"));

		if (severity && strcmp(severity, "refuse") == 0)
			return one;
	}
	return NULL;
}

bool findings_refuse(const struct departing *d)
{
	return first_refusal(d) != NULL;
}

const char *findings_first(const struct departing *d)
{
	const char *why = json_string_value(json_object_get(first_refusal(d), "why"));

	return why ? why : "";
}

/* ---- the report ------------------------------------------------------------------------------- */

static const char *outcome_of(const struct departing *d)
{
	/* it runs here again, and the other host has not heard of it */
	if (!d->has_ended)
		return d->is_free && !d->is_taken_over ? "undone" : NULL;
	if (d->has_moved)
		return d->is_target_given_up ? "given up" : "moved";
	if (d->is_taken_over)
		return "taken over";
	if (d->options.is_check && !move_problem(d->move)[0])
		return "checked";
	return findings_refuse(d) ? "refused" : "undone";
}

static json_t *phases_print(const struct departing *d)
{
	json_t *phases = json_object();
	uint64_t now = clock_ns();

	for (int p = 0; p < MOVE_ENDED; p++) {
		uint64_t ms = d->phase_ms[p];

		if (d->entered_ns[p])
			ms += (now - d->entered_ns[p]) / NS_PER_MS;
		if (d->phase_ms[p] || d->entered_ns[p])
			(void)json_object_set_new(phases, move_phase_name((enum move_phase)p),
						  json_integer((json_int_t)ms));
	}
	return phases;
}

static json_t *ports_print(const struct departing *d)
{
	const struct vm_spec *s = &d->vm->spec;
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->adapter_count; i++) {
		if (d->ports[i].report)
			(void)json_array_append_new(list, json_pack("{s:s, s:O}", "adapter",
								    s->adapters[i].name, "report",
								    d->ports[i].report));
	}
	return list;
}

/* From the guest's stop here until it ran there, and was heard to. */
static void downtime_add(const struct departing *d, json_t *report)
{
	if (d->stopped_ns && d->resumed_ns)
		(void)json_object_set_new(
			report, "downtime_ms",
			json_real((double)(d->resumed_ns - d->stopped_ns) / NS_PER_MS));
	if (d->resume_us)
		(void)json_object_set_new(report, "resume_us",
					  json_integer((json_int_t)d->resume_us));
}

static void progress_add(const struct departing *d, json_t *report)
{
	json_t *progress = d->transfer ? transfer_progress(d->transfer) : json_incref(d->last);

	if (progress)
		(void)json_object_update(report, progress);
	json_decref(progress);
}

json_t *departing_report(const struct departing *d)
{
	const char *outcome = outcome_of(d);
	enum move_phase phase = move_phase(d->move);
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:b, s:b, s:O, s:o, s:o}",
			      "name", d->vm->spec.name, "move", d->id, "role", "source", "to",
			      d->peer, "kind", d->options.has_disks ? "storage" : "shared", "epoch",
			      (json_int_t)d->epoch, "phase",
			      phase < MOVE_PHASES ? move_phase_name(phase) : "adopt", "decided",
			      (int)move_is_decided(d->move), "in_doubt",
			      (int)(d->is_in_doubt && !d->has_ended), "check", d->options.is_check,
			      "findings", d->findings, "phases_ms", phases_print(d), "ports",
			      ports_print(d));

	if (!j)
		return NULL;
	if (outcome)
		(void)json_object_set_new(j, "outcome", json_string(outcome));
	if (move_problem(d->move)[0] && !d->has_moved)
		(void)json_object_set_new(j, "problem", rpc_string(move_problem(d->move)));
	if (d->is_free && !d->has_ended)
		(void)json_object_set_new(j, "untold", json_true());
	if (json_array_size(d->left_files))
		(void)json_object_set(j, "left_files", d->left_files);
	if (d->marked)
		(void)json_object_set_new(j, "dscp_sockets", json_integer(d->marked));
	downtime_add(d, j);
	progress_add(d, j);
	return j;
}
