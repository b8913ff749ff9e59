/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_ext xvs_packet xvs_base
 *
 * A bundle as anybody may send one: what is taken is the very file that would be written of its
 * parts, and its manifest says of a module what the module does.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bundle.h"
#include "ext/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_manifest(const struct bundle_bytes *text)
{
	static const struct module_note note = { .abi_major = 1,
						 .classes = 1u << XVS_FILTER,
						 .id = "com.example.demo",
						 .version = "1.0.0" };
	struct xvs_error err = ERROR_INIT;
	json_t *manifest = manifest_parse(text->at, text->len, &note, &err);

	assert(manifest || err.text[0]);
	assert(!manifest ||
	       strcmp(json_string_value(json_object_get(manifest, "id")), note.id) == 0);
	json_decref(manifest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xvs_error err = ERROR_INIT;
	struct bundle_view b;
	void *again;
	size_t len;

	if (bundle_parse(data, size, &b, &err)) {
		assert(err.text[0]);
		return 0;
	}
	assert(bundle_make(b.parts, &again, &len, &err) == 0);
	assert(len == size && memcmp(again, data, size) == 0);
	free(again);
	check_manifest(&b.parts[BUNDLE_MANIFEST]);
	return 0;
}
