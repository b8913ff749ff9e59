/* SPDX-License-Identifier: Apache-2.0 */
/* switch/query_ext.c - what is asked about extensions and their instances. */
#include "switch/query.h"
#include "switch/upgrade.h"

/* Who signed it: a key's id, with the comment; nothing where nobody did that counts. */
static void describe_signature(const struct world *w, const struct extension *ext, json_t *out)
{
	const struct trust trust = trust_of(w->model->file->spec);
	struct minisign_proof proof;

	if (module_trusted(ext->module, &trust, &proof, NULL) || !proof.key[0])
		return;
	(void)json_object_set_new(out, "signed_by", json_string(proof.key));
	(void)json_object_set_new(out, "signature", json_string(proof.comment));
}

static json_t *description(const struct world *w, const struct extension *ext)
{
	char rights[128];
	json_t *j;

	rights_print(ext->rights, rights, sizeof(rights));
	j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "id", ext->id, "version", ext->version,
		      "vendor", ext->vendor ? ext->vendor : "", "summary",
		      ext->summary ? ext->summary : "", "class", class_name(ext->cls), "rights",
		      rights, "policy_only", (ext->flags & XVS_EXT_POLICY_ONLY) != 0);
	describe_signature(w, ext, j);
	return j;
}

static json_t *instances_of(const struct world *w, const char *id)
{
	json_t *list = json_array();

	for (size_t i = 0; i < w->switch_count; i++) {
		const struct vswitch *sw = w->switches[i];

		for (size_t n = 0; n < sw->member_count; n++)
			if (strcmp(sw->members[n]->extension, id) == 0 &&
			    query_member_is_shown(sw->members[n]))
				(void)json_array_append_new(list, query_member(sw->members[n]));
	}
	return list;
}

struct listing {
	const struct world *w;
	json_t *list;
};

static bool list_one(void *arg, const struct module *module, const struct extension *ext)
{
	const struct listing *l = arg;
	json_t *one = description(l->w, ext);

	(void)json_object_set_new(one, "file", json_string(module_path(module)));
	(void)json_object_set_new(one, "instances", instances_of(l->w, ext->id));
	(void)json_array_append_new(l->list, one);
	return false;
}

json_t *world_ext_list(struct world *w)
{
	const struct trust trust = trust_of(w->model->file->spec);
	struct listing l = { w, json_array() };

	(void)catalogue_refresh(&w->catalogue, &trust);
	(void)catalogue_each(&w->catalogue, list_one, &l);
	return l.list;
}

/* ---- one of them ----------------------------------------------------------------------------------- */

static json_t *features(const struct extension *ext)
{
	static const char *const kinds[] = { "", "setting", "status", "event" };
	json_t *list = json_array();

	for (uint32_t i = 0; i < ext->feature_count; i++) {
		const struct xvs_feature *f = &ext->features[i];

		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s}", "feature", f->id, "summary",
					f->summary ? f->summary : "", "kind",
					kinds[f->kind <= XVS_EVENT ? f->kind : 0], "scope",
					f->scope & XVS_PER_PORT ? "port" : "switch"));
	}
	return list;
}

static json_t *labels(const struct xvs_label *items, uint32_t count)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++)
		(void)json_array_append_new(list,
					    json_pack("{s:s, s:s}", "name", items[i].name, "help",
						      items[i].help ? items[i].help : ""));
	return list;
}

static json_t *whole(const struct world *w, const struct extension *ext)
{
	json_t *j = description(w, ext);

	(void)json_object_set_new(j, "features", features(ext));
	(void)json_object_set_new(j, "reasons", labels(ext->reasons, ext->reason_count));
	(void)json_object_set_new(j, "counters", labels(ext->counters, ext->counter_count));
	(void)json_object_set_new(j, "instances", instances_of(w, ext->id));
	return j;
}

static json_t *show_member(const struct world *w, const struct member *m)
{
	json_t *j = query_member(m);
	json_t *status = query_status(m, NULL);
	json_t *ports = json_array();

	for (size_t i = 0; i < m->sw->port_count; i++)
		if (port_standing(m->sw->ports[i], m))
			(void)json_array_append_new(ports, json_string(m->sw->ports[i]->spec.name));
	(void)json_object_set_new(j, "ports", ports);
	if (m->ext)
		(void)json_object_set_new(j, "of", whole(w, m->ext));
	if (status)
		(void)json_object_set_new(j, "status", status);
	if (m->upgraded)
		(void)json_object_set_new(j, "upgrade", upgrade_describe(m));
	return j;
}

struct search {
	const char *id;
	const struct extension *found;
};

static bool is_it(void *arg, const struct module *module, const struct extension *ext)
{
	struct search *s = arg;

	(void)module;
	if (strcmp(ext->id, s->id) == 0)
		s->found = ext;
	return s->found != NULL;
}

json_t *world_ext_show(struct world *w, const char *id_or_instance)
{
	const struct member *m = world_member(w, id_or_instance);
	const struct trust trust = trust_of(w->model->file->spec);
	struct search s = { id_or_instance, NULL };

	if (m)
		return show_member(w, m);
	(void)catalogue_refresh(&w->catalogue, &trust);
	(void)catalogue_each(&w->catalogue, is_it, &s);
	return s.found ? whole(w, s.found) : NULL;
}

json_t *world_ext_trust(const struct world *w)
{
	const struct trust trust = trust_of(w->model->file->spec);
	json_t *keys = json_array();

	for (size_t i = 0; i < trust.key_count; i++) {
		char text[MINISIGN_KEY_TEXT + 1];

		minisign_key_print(&trust.keys[i], text);
		(void)json_array_append_new(keys, json_string(text));
	}
	return json_pack("{s:b, s:I, s:o}", "required", trust.is_required, "until",
			 (json_int_t)trust.until, "keys", keys);
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

static json_t *counters(const struct member *m)
{
	json_t *j = json_object();

	for (uint32_t i = 0; i < m->ext->counter_count; i++)
		(void)json_object_set_new(
			j, m->ext->counters[i].name,
			json_integer((json_int_t)instance_counter_sum(m->instance, i)));
	return j;
}

static uint64_t share(uint64_t cycles, uint64_t count)
{
	return count ? cycles / count : 0;
}

static json_t *stats(const struct member *m)
{
	struct instance_cost c = { 0 };
	json_t *j;

	instance_cost_sum(m->instance, &c);
	j = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		      "instance", m->name, "switch", m->sw->name, "extension", m->extension,
		      "calls", (json_int_t)c.calls, "packets", (json_int_t)c.packets,
		      "cycles_per_packet", (json_int_t)share(c.cycles, c.packets), "judged",
		      (json_int_t)c.judged, "cycles_per_judgement",
		      (json_int_t)share(c.judge_cycles, c.judged), "drops", (json_int_t)c.drops,
		      "stolen", (json_int_t)c.stolen, "returned", (json_int_t)c.returned,
		      "originated", (json_int_t)c.originated, "held",
		      (json_int_t)instance_held(m->instance));
	(void)json_object_set_new(j, "counters", counters(m));
	return j;
}

json_t *world_ext_stats(struct world *w, const char *target)
{
	const struct member *only = target ? world_member(w, target) : NULL;
	json_t *list;

	if (target && !only)
		return NULL;
	list = json_array();
	for (uint32_t nr = 1; nr < INSTANCES_MAX; nr++) {
		const struct member *m = w->by_nr[nr];

		if (m && m->instance && (only ? m == only : query_member_is_shown(m)))
			(void)json_array_append_new(list, stats(m));
	}
	return list;
}

/* ---- by worker -------------------------------------------------------------------------------------- */

static json_t *worker_cost(const struct member *m, uint32_t worker)
{
	struct instance_cost c = { 0 };
	uint64_t cycles;

	instance_cost_of(m->instance, worker, &c);
	cycles = c.cycles + c.judge_cycles;
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "instance", m->name, "switch",
			 m->sw->name, "packets", (json_int_t)c.packets, "cycles",
			 (json_int_t)cycles, "cycles_per_packet",
			 (json_int_t)share(c.cycles, c.packets), "judged", (json_int_t)c.judged,
			 "cycles_per_judgement", (json_int_t)share(c.judge_cycles, c.judged));
}

json_t *world_worker_costs(struct world *w, uint32_t worker)
{
	json_t *list = json_array();

	for (uint32_t nr = 1; nr < INSTANCES_MAX; nr++) {
		const struct member *m = w->by_nr[nr];

		if (m && m->instance && query_member_is_shown(m))
			(void)json_array_append_new(list, worker_cost(m, worker));
	}
	return list;
}
