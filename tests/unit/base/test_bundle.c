/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles: what is written is read, and nothing else is. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

#include "base/bundle.h"

#define BYTES(text) \
	{ \
		(text), sizeof(text) - 1 \
	}

static const struct bundle_bytes whole[BUNDLE_PARTS] = {
	[BUNDLE_MANIFEST] = BYTES("{}"),         [BUNDLE_MODULE] = BYTES("module"),
	[BUNDLE_LICENCE] = BYTES("free"),        [BUNDLE_CONFORMANCE] = BYTES("{\"passed\": true}"),
	[BUNDLE_SIGNATURE] = BYTES("signature"),
};

struct made {
	void *bytes;
	size_t size;
};

static struct made make(const struct bundle_bytes parts[BUNDLE_PARTS])
{
	struct xvs_error err = ERROR_INIT;
	struct made m = { NULL, 0 };

	assert_int_equal(bundle_make(parts, &m.bytes, &m.size, &err), 0);
	return m;
}

static void is_refused(const void *bytes, size_t size, const char *text)
{
	struct xvs_error err = ERROR_INIT;
	struct bundle_view b;

	assert_int_equal(bundle_parse(bytes, size, &b, &err), -EINVAL);
	assert_non_null(strstr(err.text, text));
}

static void what_was_written_is_read(void **state)
{
	struct made m = make(whole);
	struct bundle_view b;

	(void)state;
	assert_int_equal(bundle_parse(m.bytes, m.size, &b, NULL), 0);
	for (int n = 0; n < BUNDLE_PARTS; n++) {
		assert_int_equal(b.parts[n].len, whole[n].len);
		assert_memory_equal(b.parts[n].at, whole[n].at, whole[n].len);
	}
	free(m.bytes);
}

static void a_signature_is_of_all_in_front_of_it(void **state)
{
	struct bundle_bytes parts[BUNDLE_PARTS];
	struct bundle_view without, with;
	struct made m, s;

	(void)state;
	memcpy(parts, whole, sizeof(parts));
	parts[BUNDLE_SIGNATURE] = (struct bundle_bytes){ NULL, 0 };
	m = make(parts);
	s = make(whole);
	assert_int_equal(bundle_parse(m.bytes, m.size, &without, NULL), 0);
	assert_int_equal(bundle_parse(s.bytes, s.size, &with, NULL), 0);
	assert_int_equal(without.signed_size, m.size - 1024);
	assert_int_equal(with.signed_size, without.signed_size);
	assert_memory_equal(m.bytes, s.bytes, without.signed_size);
	free(m.bytes);
	free(s.bytes);
}

static void what_may_be_left_out_may_be(void **state)
{
	struct bundle_bytes parts[BUNDLE_PARTS] = {
		[BUNDLE_MANIFEST] = BYTES("{}"), [BUNDLE_MODULE] = BYTES("module")
	};
	struct xvs_error err = ERROR_INIT;
	struct made m = make(parts);
	struct bundle_view b;

	(void)state;
	assert_int_equal(bundle_parse(m.bytes, m.size, &b, NULL), 0);
	assert_null(b.parts[BUNDLE_LICENCE].at);
	free(m.bytes);
	parts[BUNDLE_MODULE].at = NULL;
	assert_int_equal(bundle_make(parts, &m.bytes, &m.size, &err), -EINVAL);
	assert_string_equal(err.text, "a bundle wants a module.so");
}

/* Whatever a bit stands for: the contents alone are free. */
static void a_changed_frame_is_refused(void **state)
{
	struct made m = make(whole);
	uint8_t *bytes = m.bytes;
	struct bundle_view b;
	size_t contents = 0;

	(void)state;
	for (size_t at = 0; at < m.size; at++) {
		bytes[at] ^= 1;
		contents += bundle_parse(bytes, m.size, &b, NULL) == 0;
		bytes[at] ^= 1;
	}
	for (int n = 0; n < BUNDLE_PARTS; n++)
		contents -= whole[n].len;
	assert_int_equal(contents, 0);
	free(m.bytes);
}

static void every_shorter_or_longer_file_is_refused(void **state)
{
	struct made m = make(whole);
	uint8_t *longer = calloc(1, m.size + 512);
	struct bundle_view b;

	(void)state;
	for (size_t size = 0; size < m.size; size++) {
		void *exact = malloc(size + 1);

		memcpy(exact, m.bytes, size);
		assert_int_not_equal(bundle_parse(exact, size, &b, NULL), 0);
		free(exact);
	}
	memcpy(longer, m.bytes, m.size);
	is_refused(longer, m.size + 1, "is not what xvs-sign writes");
	is_refused(longer, m.size + 512, "is not what xvs-sign writes");
	free(longer);
	free(m.bytes);
}

static void parts_come_once_and_in_order(void **state)
{
	struct made m = make(whole);
	uint8_t *bytes = m.bytes;
	uint8_t manifest[1024];

	(void)state;
	memcpy(manifest, bytes, sizeof(manifest));
	memcpy(bytes + 1024, manifest, sizeof(manifest)); /* in the place of the module */
	is_refused(bytes, m.size, "byte 1024 is not");
	memcpy(bytes, bytes + 2048, 1024); /* LICENSE first */
	is_refused(bytes, m.size, "is not what xvs-sign writes");
	is_refused(bytes + 2048, m.size - 2048, "without manifest.json");
	free(m.bytes);
}

static void a_length_beyond_its_limit_is_refused(void **state)
{
	struct made m = make(whole);

	(void)state;
	memcpy((char *)m.bytes + 124, "77777777777", 11);
	is_refused(m.bytes, m.size, "has a manifest.json of 8589934591 bytes, at most 65536");
	free(m.bytes);
}

static void a_bundle_is_known_by_its_name(void **state)
{
	(void)state;
	assert_true(bundle_is_name("guard.xvsx"));
	assert_false(bundle_is_name(".xvsx"));
	assert_false(bundle_is_name("guard.xvsx.so"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_signature_is_of_all_in_front_of_it),
		cmocka_unit_test(what_may_be_left_out_may_be),
		cmocka_unit_test(a_changed_frame_is_refused),
		cmocka_unit_test(every_shorter_or_longer_file_is_refused),
		cmocka_unit_test(parts_come_once_and_in_order),
		cmocka_unit_test(a_length_beyond_its_limit_is_refused),
		cmocka_unit_test(a_bundle_is_known_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
