/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/arriving_offer.c - what another host says of its machine, taken apart.
 *
 * It was sent by a host that our CA vouches for and that may have been broken into: it is a document
 * like one that a person writes, and complete, since what we chose ourselves would make another
 * machine.
 */
#include "arriving_offer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/yaml.h"
#include "definition.h"
#include "rpc/rpc.h"

/* ---- the definition --------------------------------------------------------------------------- */

static bool refuse(char *why, size_t size, const char *text)
{
	(void)snprintf(why, size, "%s", text);
	return false;
}

static bool is_complete(const struct vm_spec *s)
{
	bool is_whole = s->has_uuid && s->machine[0];

	for (uint32_t i = 0; i < s->adapter_count; i++) {
		const struct adapter_spec *a = &s->adapters[i];

		is_whole = is_whole && a->has_mac && a->has_uuid && a->has_link && a->port[0];
	}
	return is_whole;
}

/* JSON is YAML. */
static bool spec_read(const json_t *definition, struct vm_spec *out, char *why, size_t size)
{
	char *text = json_is_object(definition) ? json_dumps(definition, JSON_COMPACT) : NULL;
	struct diags *d = calloc(1, sizeof(*d));
	struct node *root = text && d ? yaml_read(text, strlen(text), d) : NULL;
	bool is_read = root && definition_read(root, out, d);

	if (!is_read)
		(void)snprintf(why, size, "its definition: %s",
			       d && d->count ? d->items[0].text : "there is none");
	node_destroy(root);
	free(d);
	free(text);
	if (!is_read || is_complete(out))
		return is_read;
	spec_finish(out);
	return refuse(why, size, "its definition leaves open what makes it the same machine");
}

/* ---- what was chosen -------------------------------------------------------------------------- */

static bool text_take(const json_t *machine, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(machine, key));

	if (!text || !str_copy(out, size, text))
		return false;
	for (; *out; out++) {
		if ((unsigned char)*out < ' ' || *out == 0x7f)
			*out = '?';
	}
	return true;
}

static uint64_t size_of(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

static void owner_take(const json_t *disk, struct ownership *out)
{
	json_int_t owner = json_integer_value(json_object_get(disk, "owner"));
	json_int_t user = json_integer_value(json_object_get(disk, "user"));

	if (owner < 0 || owner >= UINT32_MAX || user <= 0 || user >= UINT32_MAX)
		return;
	*out = (struct ownership){ .owner = (uid_t)owner, .user = (uid_t)user };
}

/* In any order; each disk once, with its size. */
static bool disks_take(const json_t *list, struct offer *o)
{
	const json_t *item;
	size_t i;

	if (json_array_size(list) != o->spec.disk_count)
		return false;
	json_array_foreach(list, i, item)
	{
		const char *name = json_string_value(json_object_get(item, "name"));
		uint32_t n = 0;

		while (n < o->spec.disk_count &&
		       (!name || strcmp(o->spec.disks[n].name, name) != 0))
			n++;
		if (n == o->spec.disk_count || o->sizes[n])
			return false;
		o->sizes[n] = size_of(item, "size");
		o->allocated[n] = size_of(item, "allocated");
		owner_take(item, &o->owners[n]);
		if (!o->sizes[n])
			return false;
	}
	return true;
}

static bool checkpoints_take(const json_t *list, struct offer *o)
{
	const json_t *item;
	size_t i;

	if (json_array_size(list) > OFFER_CHECKPOINTS)
		return false;
	o->checkpoints = json_is_array(list) ? json_deep_copy(list) : json_array();
	json_array_foreach(o->checkpoints, i, item)
	{
		if (!json_is_string(json_object_get(item, "name")))
			return false;
	}
	return o->checkpoints != NULL;
}

static bool choices_take(const json_t *machine, struct offer *o)
{
	const json_t *wanted = json_object_get(machine, "wanted");
	char accel[8];

	if (!text_take(machine, "accel", accel, sizeof(accel)) ||
	    (strcmp(accel, "kvm") != 0 && strcmp(accel, "tcg") != 0))
		return false;
	o->is_kvm = accel[0] == 'k';
	o->is_wanted = !json_is_false(wanted);
	return text_take(machine, "cpu", o->cpu, sizeof(o->cpu)) &&
	       text_take(machine, "qemu", o->qemu, sizeof(o->qemu)) &&
	       text_take(machine, "processor", o->processor, sizeof(o->processor)) &&
	       disks_take(json_object_get(machine, "disks"), o) &&
	       checkpoints_take(json_object_get(machine, "checkpoints"), o);
}

bool offer_read(const json_t *machine, struct offer *out, char *why, size_t size)
{
	memset(out, 0, sizeof(*out));
	if (!spec_read(json_object_get(machine, "definition"), &out->spec, why, size))
		return false;
	if (choices_take(machine, out))
		return true;
	offer_finish(out);
	return refuse(why, size,
		      "what was chosen for it is not said as api/vm-migration.md has it");
}

void offer_finish(struct offer *o)
{
	spec_finish(&o->spec);
	json_decref(o->checkpoints);
	memset(o, 0, sizeof(*o));
}

/* ---- findings --------------------------------------------------------------------------------- */

void finding_put(json_t *findings, const char *what, bool is_refusal, const char *format, ...)
{
	char why[FINDING_WHY]; /* may be cut within a character */
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (json_array_append_new(findings, json_pack("{s:o, s:o, s:s}", "what", rpc_string(what),
						      "why", rpc_string(why), "severity",
						      is_refusal ? "refuse" : "warn")) == 0 ||
	    !is_refusal)
		return;
	/* No memory to say it, but it must count: an emptied list has room for what takes none. */
	(void)json_array_clear(findings);
	(void)json_array_append_new(findings, json_null());
}

bool findings_have_refusal(const json_t *findings)
{
	const json_t *item;
	size_t i;

	json_array_foreach(findings, i, item)
	{
		const char *severity = json_string_value(json_object_get(item, "severity"));

		if (!severity || strcmp(severity, "refuse") == 0)
			return true;
	}
	return false;
}
