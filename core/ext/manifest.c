/* SPDX-License-Identifier: Apache-2.0 */
/* ext/manifest.c - what a bundle says of its extension, checked against what its module says. */
#include "ext/manifest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "ext/names.h"

enum { FORMAT = 1, PAYLOAD_MOST = 65535, SYSTEM_CALLS_MOST = 64 };

static json_t *classes_json(uint32_t classes)
{
	json_t *list = json_array();

	for (uint32_t cls = XVS_INSPECT; cls <= XVS_FORWARD; cls++) {
		if (classes & 1u << cls)
			(void)json_array_append_new(list, json_string(class_name(cls)));
	}
	return list;
}

json_t *manifest_of_note(const struct module_note *note)
{
	char rights[256];
	char needs[32];

	rights_print(note->rights, rights, sizeof(rights));
	(void)snprintf(needs, sizeof(needs), "%u.%u", note->abi_major, note->needs_minor);
	return json_pack("{s:s, s:s, s:s, s:o, s:s}", "id", note->id, "version", note->version,
			 "needs_abi", needs, "classes", classes_json(note->classes), "rights",
			 rights);
}

/* ---- its own keys ---------------------------------------------------------------------------------- */

static int refuse(struct xvs_error *err, const char *key, const char *why)
{
	return error_set(err, -EINVAL, key, "manifest.json: %.64s %s", key, why);
}

static int check_text(const char *key, const json_t *value, struct xvs_error *err)
{
	if (!json_is_string(value))
		return refuse(err, key, "is not a text");
	return text_check(key, json_string_value(value), 120, err);
}

static int check_format(const char *key, const json_t *value, struct xvs_error *err)
{
	if (json_is_integer(value) && json_integer_value(value) == FORMAT)
		return 0;
	return refuse(err, key, "is not 1, the only one that is known");
}

static int check_payload(const char *key, const json_t *value, struct xvs_error *err)
{
	json_int_t bytes = json_integer_value(value);

	if (json_is_integer(value) && bytes >= 0 && bytes <= PAYLOAD_MOST)
		return 0;
	return refuse(err, key, "is not a number of 0 to 65535");
}

static int check_calls(const char *key, const json_t *value, struct xvs_error *err)
{
	size_t n;
	json_t *name;

	if (!json_is_array(value) || json_array_size(value) > SYSTEM_CALLS_MOST)
		return refuse(err, key, "is not a list of at most 64 names");
	json_array_foreach(value, n, name)
	{
		if (!json_is_string(name) || !word_is_valid(json_string_value(name)))
			return refuse(err, key, "has what is no name of a system call");
	}
	return 0;
}

struct key {
	const char *name;
	int (*check)(const char *key, const json_t *value, struct xvs_error *err);
};

static int check_object(const json_t *object, const struct key *keys, struct xvs_error *err)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		const struct key *key = keys;
		int code;

		while (key->name && strcmp(key->name, name) != 0)
			key++;
		if (!key->name)
			return refuse(err, name, "is not known");
		code = key->check(name, value, err);
		if (code)
			return code;
	}
	return 0;
}

static int check_isolation(const char *key, const json_t *value, struct xvs_error *err)
{
	static const struct key keys[] = {
		{ "payload_bytes", check_payload },
		{ "system_calls", check_calls },
		{ NULL, NULL },
	};

	return json_is_object(value) ? check_object(value, keys, err)
				     : refuse(err, key, "is not an object");
}

static int check_any(const char *key, const json_t *value, struct xvs_error *err)
{
	(void)key;
	(void)value;
	(void)err;
	return 0;
}

static const struct key keys[] = {
	{ "format", check_format },
	{ "vendor", check_text },
	{ "summary", check_text },
	{ "licence", check_text },
	{ "isolation", check_isolation },
	/* compared with the note */
	{ "id", check_any },
	{ "version", check_any },
	{ "needs_abi", check_any },
	{ "classes", check_any },
	{ "rights", check_any },
	{ NULL, NULL },
};

/* ---- the whole ------------------------------------------------------------------------------------- */

static json_t *load(const char *name, const void *text, size_t len, struct xvs_error *err)
{
	json_error_t why;
	json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);

	if (object && json_is_object(object))
		return object;
	(void)error_set(err, -EINVAL, "", "%s: %s", name, object ? "is not an object" : why.text);
	json_decref(object);
	return NULL;
}

/* What both say is equal; with 'is_whole', all of it is said. */
static int compare(const json_t *manifest, const struct module_note *note, bool is_whole,
		   struct xvs_error *err)
{
	json_t *own = manifest_of_note(note);
	const char *name;
	json_t *value;
	int code = own ? 0 : error_set(err, -ENOMEM, "", "out of memory");

	json_object_foreach(own, name, value)
	{
		const json_t *said = json_object_get(manifest, name);

		if (code || (!said && !is_whole) || (said && json_equal(said, value)))
			continue;
		code = refuse(err, name,
			      said ? "is not what the module's note says" : "is missing");
	}
	json_decref(own);
	return code;
}

static int check(const json_t *manifest, const struct module_note *note, bool is_whole,
		 struct xvs_error *err)
{
	int code = check_object(manifest, keys, err);

	if (code == 0 && is_whole && !json_object_get(manifest, "format"))
		code = refuse(err, "format", "is missing");
	return code ? code : compare(manifest, note, is_whole, err);
}

json_t *manifest_parse(const void *text, size_t len, const struct module_note *note,
		       struct xvs_error *err)
{
	json_t *manifest = load("manifest.json", text, len, err);

	if (manifest && check(manifest, note, true, err)) {
		json_decref(manifest);
		return NULL;
	}
	return manifest;
}

char *manifest_complete(const void *text, size_t len, const struct module_note *note,
			struct xvs_error *err)
{
	json_t *own = manifest_of_note(note);
	json_t *manifest = text ? load("manifest.json", text, len, err) : json_object();
	char *out = NULL;

	if (manifest && check(manifest, note, false, err) == 0) {
		(void)json_object_set_new(manifest, "format", json_integer(FORMAT));
		(void)json_object_update(manifest, own);
		out = json_dumps(manifest, JSON_INDENT(2) | JSON_SORT_KEYS);
		if (!out)
			(void)error_set(err, -ENOMEM, "", "out of memory");
	}
	json_decref(manifest);
	json_decref(own);
	return out;
}

/* ---- the report of the conformance kit -------------------------------------------------------------- */

static bool digest_is(const void *module, size_t size, const char *said)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char text[2 * EVP_MAX_MD_SIZE + 1] = "";
	unsigned len = 0;

	if (EVP_Digest(module, size, sum, &len, EVP_sha256(), NULL) != 1)
		return false;
	for (unsigned i = 0; i < len; i++)
		(void)snprintf(text + (size_t)2 * i, 3, "%02x", sum[i]);
	return strcmp(text, said) == 0;
}

json_t *conformance_parse(const void *text, size_t len, const void *module, size_t size,
			  struct xvs_error *err)
{
	json_t *report = load("conformance.json", text, len, err);
	const char *said = json_string_value(json_object_get(report, "sha256"));

	if (!report || (said && digest_is(module, size, said)))
		return report;
	(void)error_set(err, -EINVAL, "sha256",
			"conformance.json: sha256 is not that of the module: have xvs-conform "
			"try this one");
	json_decref(report);
	return NULL;
}
