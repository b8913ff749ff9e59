/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/snapshot.c - what the file does not say, as JSON for the state directory and back: UUIDs,
 * ports and values of other owners, marks.  It holds SECRET fields: for the journal, not for eyes.
 */
#include <stdio.h>

#include "switch/world.h"

enum { SNAPSHOT_VERSION = 1 };

/* ---- out -------------------------------------------------------------------------------------------- */

static void put_text(json_t *j, const char *key, const char *text)
{
	if (text[0])
		(void)json_object_set_new(j, key, json_string(text));
}

static void put_bool(json_t *j, const char *key, bool is_set, bool value)
{
	if (is_set)
		(void)json_object_set_new(j, key, json_boolean(value));
}

static json_t *backend_json(const struct backend_spec *b)
{
	json_t *j = json_pack("{s:s, s:I, s:I, s:b, s:I}", "kind", b->kind, "queues",
			      (json_int_t)b->queues, "mtu", (json_int_t)b->mtu, "offloads",
			      (int)b->offloads, "mode", (json_int_t)b->mode);

	put_text(j, "device", b->device);
	put_text(j, "netns", b->netns);
	put_text(j, "peer_name", b->peer_name);
	put_text(j, "read_file", b->read_file);
	put_text(j, "write_file", b->write_file);
	put_text(j, "socket", b->socket);
	put_bool(j, "packed", b->packed_set, b->packed);
	put_bool(j, "zero_copy", b->zero_copy_set, b->zero_copy);
	return j;
}

static json_t *port_json(const struct extra_port *extra)
{
	const struct port_spec *p = &extra->spec;
	json_t *requires = json_array();
	char text[UUID_TEXT];
	json_t *j = json_pack("{s:s, s:s, s:i, s:i, s:o}", "switch", extra->switch_name, "name",
			      p->name, "owner", (int)extra->owner, "role", (int)p->role, "backend",
			      backend_json(&p->backend));

	put_text(j, "group", p->group);
	put_text(j, "address", p->address);
	if (p->has_uuid)
		(void)json_object_set_new(j, "uuid", json_string(uuid_print(p->uuid, text)));
	if (p->has_mac)
		(void)json_object_set_new(j, "mac", json_string(mac_print(p->mac, text)));
	for (size_t i = 0; i < p->require_count; i++)
		(void)json_array_append_new(requires, json_string(p->requires[i]));
	(void)json_object_set_new(j, "requires", requires);
	if (p->said)
		(void)json_object_set(j, "policies", p->said);
	else if (p->policies)
		(void)json_object_set_new(j, "policies", node_to_json(p->policies));
	return j;
}

/* Made once: snapshots share it, so that two of them are compared, and written, in no time. */
static json_t *extra_said(struct extra_port *extra)
{
	if (!extra->said)
		extra->said = port_json(extra);
	return json_incref(extra->said);
}

static json_t *value_to_json(const struct override_value *v)
{
	json_t *j = json_pack("{s:s, s:s, s:i, s:b, s:b}", "target", v->target, "feature",
			      v->feature, "owner", (int)v->owner, "overlay", (int)v->is_overlay,
			      "removes", (int)v->removes);

	if (v->fields)
		(void)json_object_set_new(j, "fields", node_to_json(v->fields));
	return j;
}

static json_t *leases_json(const struct model *m)
{
	json_t *all = json_object();
	char uuid[UUID_TEXT];
	char mac[MAC_TEXT];

	for (size_t i = 0; i < m->lease_count; i++)
		(void)json_object_set_new(all, uuid_print(m->leases[i].uuid, uuid),
					  json_string(mac_print(m->leases[i].mac, mac)));
	return all;
}

static json_t *choices_json(const struct model *m)
{
	json_t *all = json_object();

	for (size_t i = 0; i < m->choice_count; i++)
		(void)json_object_set_new(all, m->choices[i].target,
					  json_string(m->choices[i].file));
	return all;
}

json_t *world_snapshot(struct world *w)
{
	const struct model *m = w->model;
	json_t *uuids = json_object();
	json_t *ports = json_array();
	json_t *values = json_array();
	json_t *marks = json_array();
	char text[UUID_TEXT];

	for (size_t i = 0; i < m->uuid_count; i++)
		(void)json_object_set_new(uuids, m->uuids[i].target,
					  json_string(uuid_print(m->uuids[i].uuid, text)));
	for (size_t i = 0; i < m->extra_count; i++)
		(void)json_array_append_new(ports, extra_said(m->extras[i]));
	for (size_t i = 0; i < m->value_count; i++)
		(void)json_array_append_new(values, value_to_json(&m->values[i]));
	for (size_t i = 0; i < m->mark_count; i++)
		(void)json_array_append_new(marks,
					    json_pack("{s:i, s:s}", "kind", (int)m->marks[i].kind,
						      "target", m->marks[i].target));
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "version", SNAPSHOT_VERSION,
			 "uuids", uuids, "macs", leases_json(m), "ports", ports, "values", values,
			 "marks", marks, "modules", choices_json(m));
}

/* ---- back in ---------------------------------------------------------------------------------------- */

/* Absent is fine and leaves "". */
static bool get_text(const json_t *j, const char *key, char *out, size_t size)
{
	const json_t *text = json_object_get(j, key);

	out[0] = '\0';
	return !text || (json_is_string(text) && str_copy(out, size, json_string_value(text)));
}

/* A number from 0 to 'max'. */
static bool get_number(const json_t *j, const char *key, uint32_t max, uint32_t *out)
{
	const json_t *number = json_object_get(j, key);
	json_int_t n = json_integer_value(number);

	if (!json_is_integer(number) || n < 0 || n > (json_int_t)max)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool get_owner(const json_t *j, enum owner *out)
{
	uint32_t owner;

	if (!get_number(j, "owner", OWNER_EXTENSION, &owner))
		return false;
	*out = (enum owner)owner;
	return true;
}

/* Absent: false, and true is what counts. */
static void get_bool(const json_t *j, const char *key, bool *is_set, bool *value)
{
	const json_t *boolean = json_object_get(j, key);

	*is_set = json_is_boolean(boolean);
	*value = !*is_set || json_is_true(boolean);
}

/* What an earlier version wrote has no mode. */
static bool get_mode(const json_t *j, enum vhost_mode *out)
{
	uint32_t mode = VHOST_MODE_DEFAULT;

	if (json_object_get(j, "mode") && !get_number(j, "mode", VHOST_MODE_CLIENT, &mode))
		return false;
	*out = (enum vhost_mode)mode;
	return true;
}

static bool read_backend(const json_t *j, struct backend_spec *b)
{
	get_bool(j, "packed", &b->packed_set, &b->packed);
	get_bool(j, "zero_copy", &b->zero_copy_set, &b->zero_copy);
	b->offloads = json_is_true(json_object_get(j, "offloads"));
	return get_text(j, "kind", b->kind, sizeof(b->kind)) && b->kind[0] &&
	       get_number(j, "queues", BACKEND_QUEUES_MAX, &b->queues) &&
	       get_number(j, "mtu", 65535, &b->mtu) &&
	       get_text(j, "device", b->device, sizeof(b->device)) &&
	       get_text(j, "netns", b->netns, sizeof(b->netns)) &&
	       get_text(j, "peer_name", b->peer_name, sizeof(b->peer_name)) &&
	       get_text(j, "read_file", b->read_file, sizeof(b->read_file)) &&
	       get_text(j, "write_file", b->write_file, sizeof(b->write_file)) &&
	       get_text(j, "socket", b->socket, sizeof(b->socket)) && get_mode(j, &b->mode);
}

static bool read_addresses(const json_t *j, struct port_spec *p)
{
	char text[64];

	if (!get_text(j, "uuid", text, sizeof(text)))
		return false;
	p->has_uuid = text[0] != '\0';
	if (p->has_uuid && !uuid_parse(text, p->uuid))
		return false;
	if (!get_text(j, "mac", text, sizeof(text)))
		return false;
	p->has_mac = text[0] != '\0';
	return !p->has_mac || mac_parse(text, p->mac);
}

static bool read_requires(const json_t *j, struct port_spec *p)
{
	const json_t *list = json_object_get(j, "requires");
	size_t count = json_array_size(list);

	p->requires = count ? calloc(count, sizeof(p->requires[0])) : NULL;
	for (size_t i = 0; p->requires && i < count; i++) {
		const char *id = json_string_value(json_array_get(list, i));

		if (!id || !str_copy(p->requires[i], sizeof(p->requires[i]), id))
			return false;
		p->require_count++;
	}
	return p->require_count == count;
}

static bool read_policies(const json_t *j, struct port_spec *p, struct diags *d)
{
	const json_t *policies = json_object_get(j, "policies");

	if (!policies)
		return true;
	p->policies = json_is_object(policies) ? node_from_json(policies, d) : NULL;
	return p->policies != NULL;
}

static bool restore_port(struct model *m, const json_t *j, struct diags *d)
{
	struct port_spec p = { 0 };
	char switch_name[64];
	enum owner owner = OWNER_API;
	uint32_t role = 0;
	bool is_good = get_text(j, "switch", switch_name, sizeof(switch_name)) &&
		       get_text(j, "name", p.name, sizeof(p.name)) && switch_name[0] && p.name[0] &&
		       get_owner(j, &owner) && get_number(j, "role", PORT_HOST, &role) &&
		       get_text(j, "group", p.group, sizeof(p.group)) &&
		       get_text(j, "address", p.address, sizeof(p.address)) &&
		       read_backend(json_object_get(j, "backend"), &p.backend) &&
		       read_addresses(j, &p) && read_requires(j, &p) && read_policies(j, &p, d);

	p.role = (enum port_role)role;
	if (is_good && model_add_port(m, switch_name, &p, owner) == 0)
		return true;
	port_spec_finish(&p);
	return false;
}

static bool restore_value(struct model *m, const json_t *j, struct diags *d)
{
	const json_t *fields = json_object_get(j, "fields");
	struct override_value v = { .is_overlay = json_is_true(json_object_get(j, "overlay")),
				    .removes = json_is_true(json_object_get(j, "removes")) };
	bool is_good = get_text(j, "target", v.target, sizeof(v.target)) &&
		       get_text(j, "feature", v.feature, sizeof(v.feature)) && v.target[0] &&
		       v.feature[0] && get_owner(j, &v.owner) &&
		       (json_is_object(fields) || (!fields && v.removes));

	if (!is_good)
		return false;
	v.fields = fields ? node_from_json(fields, d) : NULL;
	is_good = (v.fields || !fields) && model_set_value(m, &v) == 0;
	node_destroy(v.fields);
	return is_good;
}

static bool restore_mark(struct model *m, const json_t *j, struct diags *d)
{
	char target[TARGET_MAX];
	uint32_t kind;

	(void)d;
	return get_text(j, "target", target, sizeof(target)) && target[0] &&
	       get_number(j, "kind", MARK_GONE, &kind) && kind >= MARK_BLOCKED &&
	       model_mark(m, (enum mark_kind)kind, target, true) == 0;
}

static void restore_list(struct model *m, const json_t *snapshot, const char *key,
			 bool (*fn)(struct model *m, const json_t *j, struct diags *d),
			 struct diags *d)
{
	const json_t *list = json_object_get(snapshot, key);

	for (size_t i = 0; i < json_array_size(list); i++)
		if (!fn(m, json_array_get(list, i), d))
			diag_add(d, NULL, "state: entry %zu of %s is damaged", i, key);
}

static void restore_uuids(struct model *m, const json_t *snapshot, struct diags *d)
{
	json_t *all = json_object_get(snapshot, "uuids");
	const char *target;
	json_t *text;

	json_object_foreach(all, target, text)
	{
		uint8_t uuid[16];
		uint8_t out[16];

		if (strlen(target) >= TARGET_MAX || !json_is_string(text) ||
		    !uuid_parse(json_string_value(text), uuid) ||
		    model_uuid(m, target, uuid, out) < 0)
			diag_add(d, NULL, "state: the UUID of %.64s is damaged", target);
	}
}

/* None: an earlier version wrote it. */
static void restore_leases(struct model *m, const json_t *snapshot, struct diags *d)
{
	json_t *all = json_object_get(snapshot, "macs");
	const char *port;
	json_t *text;

	json_object_foreach(all, port, text)
	{
		uint8_t uuid[16];
		uint8_t mac[6];

		if (!json_is_string(text) || !uuid_parse(port, uuid) ||
		    !mac_parse(json_string_value(text), mac) || (mac[0] & 1) ||
		    model_lease(m, uuid) || model_add_lease(m, uuid, mac) < 0)
			diag_add(d, NULL, "state: the address of port %.64s is damaged", port);
	}
}

/* None: an earlier version wrote it. */
static void restore_choices(struct model *m, const json_t *snapshot, struct diags *d)
{
	json_t *all = json_object_get(snapshot, "modules");
	const char *target;
	json_t *text;

	json_object_foreach(all, target, text)
	{
		const char *file = json_string_value(text);

		if (strlen(target) >= TARGET_MAX || !file || file[0] != '/' ||
		    strlen(file) >= MODULE_PATH_MAX || model_choose(m, target, file) < 0)
			diag_add(d, NULL, "state: the module of %.64s is damaged", target);
	}
}

int model_restore(struct model *m, const json_t *snapshot, struct diags *d)
{
	const json_t *version = json_object_get(snapshot, "version");

	if (json_integer_value(version) != SNAPSHOT_VERSION) {
		diag_add(d, NULL, "state: its version is not %d; it was written by another xvsd",
			 SNAPSHOT_VERSION);
		return -EINVAL;
	}
	restore_uuids(m, snapshot, d);
	restore_leases(m, snapshot, d);
	restore_list(m, snapshot, "ports", restore_port, d);
	restore_list(m, snapshot, "values", restore_value, d);
	restore_list(m, snapshot, "marks", restore_mark, d);
	restore_choices(m, snapshot, d);
	return d->count > 0 ? -EINVAL : 0;
}

int world_restore(struct world *w, const json_t *snapshot, struct diags *d)
{
	struct model *m = model_copy(w->model);
	int result = m ? model_restore(m, snapshot, d) : -ENOMEM;

	if (result < 0) {
		model_destroy(m);
		return result;
	}
	model_destroy(w->model);
	w->model = m;
	return 0;
}
