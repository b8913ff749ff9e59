/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests of bundles: known keys, and nothing that the module's note says otherwise. */
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

#include "ext/manifest.h"

static const struct module_note note = {
	.abi_major = 1,
	.classes = 1u << XVS_FILTER | 1u << XVS_FIREWALL,
	.rights = XVS_RIGHT_ORIGINATE | XVS_RIGHT_NETWORK,
	.id = "com.example.demo",
	.version = "1.2.3",
};

#define SAID \
	"\"format\": 1, \"id\": \"com.example.demo\", \"version\": \"1.2.3\", \"needs_abi\": \"1.0\", " \
	"\"classes\": [\"filter\", \"firewall\"], \"rights\": \"originate,network\""

static void is_taken(const char *text)
{
	struct xvs_error err = ERROR_INIT;
	json_t *manifest = manifest_parse(text, strlen(text), &note, &err);

	assert_string_equal(err.text, "");
	assert_non_null(manifest);
	json_decref(manifest);
}

static void is_refused(const char *text, const char *why)
{
	struct xvs_error err = ERROR_INIT;

	assert_null(manifest_parse(text, strlen(text), &note, &err));
	if (!strstr(err.text, why))
		fail_msg("\"%s\", not \"%s\"", err.text, why);
}

static void what_the_note_says_is_enough(void **state)
{
	(void)state;
	is_taken("{" SAID "}");
	is_taken("{" SAID
		 ", \"vendor\": \"Acme\", \"summary\": \"A demo\", \"licence\": \"Apache-2.0\", "
		 "\"isolation\": {\"payload_bytes\": 64, \"system_calls\": [\"getrandom\"]}}");
}

static void another_word_than_the_notes_is_refused(void **state)
{
	(void)state;
	is_refused("{\"format\": 1}", "is missing");
	is_refused("{\"format\": 1, \"id\": \"com.example.other\"}",
		   "id is not what the module's note says");
	is_refused("{\"id\": \"com.example.demo\"}", "format is missing");
}

static void what_is_not_known_is_refused(void **state)
{
	(void)state;
	is_refused("{" SAID ", \"colour\": 1}", "colour is not known");
	is_refused("{" SAID ", \"isolation\": {\"files\": []}}", "files is not known");
	is_refused("{" SAID ", \"format\": 1}", "duplicate");
	is_refused("[]", "is not an object");
	is_refused("{", "manifest.json");
}

static void values_have_their_type_and_limits(void **state)
{
	(void)state;
	is_refused("{\"format\": 2}", "format is not 1");
	is_refused("{" SAID ", \"vendor\": 1}", "vendor is not a text");
	is_refused("{" SAID ", \"vendor\": \"\\u001b[2J\"}", "is not printable");
	is_refused("{" SAID ", \"isolation\": {\"payload_bytes\": 65536}}", "0 to 65535");
	is_refused("{" SAID ", \"isolation\": {\"payload_bytes\": \"1\"}}", "0 to 65535");
	is_refused("{" SAID ", \"isolation\": {\"system_calls\": [\"a b\"]}}", "no name");
	is_refused("{" SAID ", \"isolation\": []}", "is not an object");
}

static void a_vendors_manifest_is_completed(void **state)
{
	static const char given[] = "{\"vendor\": \"Acme\"}";
	struct xvs_error err = ERROR_INIT;
	char *text = manifest_complete(given, sizeof(given) - 1, &note, &err);

	(void)state;
	assert_non_null(text);
	is_taken(text);
	assert_non_null(strstr(text, "Acme"));
	free(text);
	text = manifest_complete(NULL, 0, &note, &err);
	is_taken(text);
	free(text);
	assert_null(manifest_complete("{\"version\": \"2\"}", 16, &note, &err));
	assert_non_null(strstr(err.text, "version is not what the module's note says"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_note_says_is_enough),
		cmocka_unit_test(another_word_than_the_notes_is_refused),
		cmocka_unit_test(what_is_not_known_is_refused),
		cmocka_unit_test(values_have_their_type_and_limits),
		cmocka_unit_test(a_vendors_manifest_is_completed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
