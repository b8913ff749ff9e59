/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/offer.c - bodies that are JSON (api/migration.md, section 4): the offer of a port, and the
 * answer to it.  What a peer wrote is taken field by field; texts of it are made fit to be shown.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "state/move.h"

enum { DEPTH_MAX = 32, FINDING_TEXT = 400, FINDINGS_MAX = 1000, FORMAT_MAX = 1 << 30 };

/* ---- texts ------------------------------------------------------------------------------------------- */

/* NOLINTNEXTLINE(misc-no-recursion): as deep as it looks, at most. */
static bool is_deeper(const json_t *j, int depth)
{
	const char *key;
	json_t *value;
	size_t i;

	if (!json_is_object(j) && !json_is_array(j))
		return false;
	if (depth == 0)
		return true;
	json_array_foreach(j, i, value) if (is_deeper(value, depth - 1)) return true;
	/* NOLINTNEXTLINE: the macro of jansson takes no const */
	json_object_foreach((json_t *)(uintptr_t)j, key,
			    value) if (is_deeper(value, depth - 1)) return true;
	return false;
}

json_t *body_json(const uint8_t *body, size_t len, struct xvs_error *err)
{
	json_t *j = json_loadb((const char *)body, len, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(j) && !is_deeper(j, DEPTH_MAX) &&
	    json_array_size(json_object_get(j, "critical")) == 0)
		return j;
	if (json_array_size(json_object_get(j, "critical")) > 0)
		(void)error_set(err, -EPROTO, "",
				"the other side insists on something that is not known here");
	else
		(void)error_set(err, -EPROTO, "", "a body that is no JSON object within bounds");
	json_decref(j);
	return NULL;
}

void body_text(const json_t *j, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(j, key));

	(void)snprintf(out, size, "%s", text ? text : "");
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

int finding_add(json_t *list, const char *what, const char *format, ...)
{
	char why[FINDING_TEXT];
	json_t *text;
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	if (json_array_size(list) >= FINDINGS_MAX)
		return 0;
	/* cut in the middle of a character, it would be no text */
	text = json_string(why);
	if (!text)
		text = json_string("the reason is not printable");
	return json_array_append_new(list, json_pack("{s:s, s:o}", "what", what, "why", text))
		       ? -ENOMEM
		       : 0;
}

/* ---- the offer --------------------------------------------------------------------------------------- */

static const char *const missing_words[] = { "fail", "warn", "hold" };

static json_t *owner_offer(const struct content_owner *o)
{
	return json_pack("{s:s, s:I, s:I, s:b, s:I}", "owner", o->id, "oldest",
			 (json_int_t)o->oldest, "newest", (json_int_t)o->newest, "critical",
			 (int)o->is_critical, "bytes", (json_int_t)o->limit);
}

json_t *offer_write(const struct move *v, const char *switch_name, const json_t *backend)
{
	json_t *offer = v->m->ops->source->describe(v->s.content);
	json_t *state = json_array();
	const char *slash = strchr(v->target, '/');
	json_t *here = json_stringn(v->target, slash ? (size_t)(slash - v->target) : 0);
	bool is_good = offer && state && here;

	for (size_t i = 0; is_good && i < v->owner_count; i++)
		is_good = json_array_append_new(state, owner_offer(&v->owners[i])) == 0;
	is_good = is_good && json_object_set(offer, "switch", here) == 0 &&
		  json_object_set(offer, "state", state) == 0 &&
		  json_object_set_new(offer, "check", json_boolean(v->s.is_check)) == 0 &&
		  json_object_set_new(offer, "on_missing",
				      json_string(missing_words[v->s.on_missing])) == 0 &&
		  json_object_set_new(offer, "epoch",
				      json_integer((json_int_t)moves_epoch(v->m, v->port))) == 0;
	if (is_good && switch_name)
		is_good = json_object_set_new(offer, "switch", json_string(switch_name)) == 0;
	if (is_good && backend)
		is_good = json_object_set_new(json_object_get(offer, "port"), "backend",
					      json_deep_copy(backend)) == 0;
	json_decref(here);
	json_decref(state);
	if (is_good)
		return offer;
	json_decref(offer);
	return NULL;
}

/* Names as the configuration has them. */
static bool take_name(const json_t *j, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text && text[0] && str_copy(out, size, text) &&
	       strcspn(text, "/ \t\n") == strlen(text);
}

static bool take_number(const json_t *j, const char *key, json_int_t max, uint64_t *out)
{
	const json_t *number = json_object_get(j, key);
	json_int_t n = json_integer_value(number);

	if (!json_is_integer(number) || n < 0 || n > max)
		return false;
	*out = (uint64_t)n;
	return true;
}

static bool take_owner(const json_t *j, struct arrival *a)
{
	struct content_owner *o = &a->owners[a->owner_count];
	uint64_t oldest;
	uint64_t newest;

	if (a->owner_count == CONTENT_OWNERS || !take_name(j, "owner", o->id, sizeof(o->id)) ||
	    !take_number(j, "oldest", FORMAT_MAX, &oldest) ||
	    !take_number(j, "newest", FORMAT_MAX, &newest) || newest < oldest || newest == 0 ||
	    !take_number(j, "bytes", INT64_MAX, &o->limit))
		return false;
	for (size_t i = 0; i < a->owner_count; i++)
		if (strcmp(a->owners[i].id, o->id) == 0)
			return false;
	o->oldest = (uint32_t)oldest;
	o->newest = (uint32_t)newest;
	o->is_critical = json_is_true(json_object_get(j, "critical"));
	a->owner_count++;
	return true;
}

static bool take_missing(const json_t *offer, struct arrival *a)
{
	const char *word = json_string_value(json_object_get(offer, "on_missing"));

	for (int i = 0; word && i < 3; i++) {
		if (strcmp(word, missing_words[i]) == 0) {
			a->on_missing = (enum on_missing)i;
			return true;
		}
	}
	return !word;
}

int offer_read(json_t *offer, struct arrival *a, struct xvs_error *err)
{
	const json_t *port = json_object_get(offer, "port");
	const json_t *state = json_object_get(offer, "state");
	const json_t *policies = json_object_get(offer, "policies");
	char name[64];
	json_t *owner;
	size_t i;

	if (!take_name(offer, "switch", a->switch_name, sizeof(a->switch_name)) ||
	    !take_name(port, "name", name, sizeof(name)))
		return error_set(err, -EPROTO, "", "an offer without switch or name");
	if (!json_is_object(policies) || !json_is_array(state) || !take_missing(offer, a))
		return error_set(err, -EPROTO, "", "an offer without policies or state");
	json_array_foreach(state, i, owner) if (!take_owner(owner, a)) return error_set(
		err, -EPROTO, "", "an offer of state that makes no sense");
	a->is_check = json_is_true(json_object_get(offer, "check"));
	(void)snprintf(a->target, sizeof(a->target), "%s/%s", a->switch_name, name);
	a->left = json_array();
	a->converted = json_array();
	a->findings = json_array();
	if (!a->left || !a->converted || !a->findings)
		return error_set(err, -ENOMEM, "", "out of memory");
	a->offer = json_incref(offer);
	return 0;
}

void offer_finish(struct arrival *a)
{
	json_decref(a->offer);
	json_decref(a->left);
	json_decref(a->converted);
	json_decref(a->findings);
	memset(a, 0, sizeof(*a));
}

/* ---- the answer -------------------------------------------------------------------------------------- */

void offer_judge(struct arrival *a)
{
	for (size_t i = 0; i < a->owner_count; i++) {
		struct content_owner *o = &a->owners[i];
		bool is_left = !o->is_critical && a->on_missing == ON_MISSING_WARN;
		char what[WIRE_OWNER + 16];

		(void)snprintf(what, sizeof(what), "state of %s", o->id);
		if (o->format == 0)
			(void)finding_add(
				is_left ? a->left : a->findings, what,
				"nothing on the target's switch reads its formats %u to %u",
				o->oldest, o->newest);
		else if (o->format < o->newest)
			(void)finding_add(a->converted, what, "format %u instead of %u", o->format,
					  o->newest);
	}
}

json_t *admitted_write(const struct arrival *a, uint64_t epoch)
{
	json_t *state = json_array();

	for (size_t i = 0; state && i < a->owner_count; i++)
		(void)json_array_append_new(state,
					    json_pack("{s:s, s:I}", "owner", a->owners[i].id,
						      "format", (json_int_t)a->owners[i].format));
	return json_pack("{s:I, s:o, s:O, s:O}", "epoch", (json_int_t)epoch, "state", state, "left",
			 a->left, "converted", a->converted);
}

/* Lists of the other side, for the report. */
static json_t *copy_list(const json_t *answer, const char *key)
{
	const json_t *list = json_object_get(answer, key);

	return json_is_array(list) && json_array_size(list) <= FINDINGS_MAX ? json_deep_copy(list)
									    : json_array();
}

static bool take_format(const json_t *j, struct move *v)
{
	const char *id = json_string_value(json_object_get(j, "owner"));
	uint64_t format;

	if (!id || !take_number(j, "format", FORMAT_MAX, &format))
		return false;
	for (size_t i = 0; i < v->owner_count; i++) {
		struct content_owner *o = &v->owners[i];

		if (strcmp(o->id, id) != 0)
			continue;
		o->format = (uint32_t)format;
		return format == 0 ? !o->is_critical : format >= o->oldest && format <= o->newest;
	}
	return false;
}

int admitted_read(const json_t *answer, struct move *v, uint64_t *epoch, struct xvs_error *err)
{
	const json_t *state = json_object_get(answer, "state");
	json_t *one;
	size_t i;

	for (i = 0; i < v->owner_count; i++)
		v->owners[i].format = 0;
	if (!take_number(answer, "epoch", INT64_MAX / 2, epoch) || !json_is_array(state))
		return error_set(err, -EPROTO, "", "the target's answer makes no sense");
	json_array_foreach(state, i, one) if (!take_format(one, v)) return error_set(
		err, -EPROTO, "", "the target wants state in a format that was not offered");
	for (i = 0; i < v->owner_count; i++)
		if (v->owners[i].is_critical && v->owners[i].format == 0)
			return error_set(err, -EPROTO, "", "the target does not take %s",
					 v->owners[i].id);
	json_decref(v->left);
	json_decref(v->converted);
	v->left = copy_list(answer, "left");
	v->converted = copy_list(answer, "converted");
	return 0;
}
