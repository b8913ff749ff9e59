/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_minisign
 *
 * Signatures that minisign 0.11 made, and what is wrong with others.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support/test.h"

#include "base/minisign.h"

static const char public_key[] = "untrusted comment: minisign public key AA1E753EE0345D6A\n"
				 "RWRqXTTgPnUeqjh76BQc2jG/79BdNTjynRL+6NOUz++q81s5RnbGnzON\n";
static const char id[] = "AA1E753EE0345D6A";
static const char file[] = "hello module\n";
static const char of_digest[] =
	"untrusted comment: signature from minisign secret key\n"
	"RURqXTTgPnUeqrToYhJUDsBBJvcFFKkEv6vWms5D6A0ilk0XAGCfrKCCUMZirIP8i87FMADjs9qvV3CKG0H7WtFO5l"
	"QV0VjmDwU=\n"
	"trusted comment: vendor 1.0\n"
	"y/4TLHIMlQP92p/oL+iEGmlXjd6re6Av/zgCb2F+qXqX0fWSePyGY6iqRH9sFxCXd40KDjoVBtqiT2te7s0JBA==\n";
static const char of_bytes[] =
	"untrusted comment: signature from minisign secret key\n"
	"RWRqXTTgPnUeqini/9ZKK7rVpoXVNSGgdltHQnkG7hWsxF0qrM4EJpieBXJBUDAgckAxX0YohEpIs6iG38cDImgeYX"
	"99eQ120QU=\n"
	"trusted comment: old kind\n"
	"6LkxOjMkBkydFZqQbCK8m4hi+q8GdruHuSeIHzJeJfTDneNMWxmjwjpcuple3xQXFmkBpO3H3/w9MiAEOEzSBg==\n";

static struct minisign_key key;
static struct minisign_proof proof;
static char text[MINISIGN_FILE_MOST + 64];
static struct xvs_error err;

static int set_up(void **state)
{
	(void)state;
	err = (struct xvs_error)ERROR_INIT;
	memset(&proof, 0, sizeof(proof));
	return minisign_key_parse(public_key, sizeof(public_key) - 1, &key, &err);
}

static int verify(const char *signature)
{
	return minisign_verify(&key, 1, signature, strlen(signature), file, sizeof(file) - 1,
			       &proof, &err);
}

/* 'of_digest' with the first 'before' in it replaced. */
static const char *changed(const char *before, const char *after)
{
	const char *at = strstr(of_digest, before);

	assert_non_null(at);
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - of_digest), of_digest, after,
		       at + strlen(before));
	return text;
}

static void test_both_kinds_are_verified(void **state)
{
	(void)state;
	assert_int_equal(verify(of_digest), 0);
	assert_string_equal(proof.key, id);
	assert_string_equal(proof.comment, "vendor 1.0");
	assert_int_equal(verify(of_bytes), 0);
	assert_string_equal(proof.comment, "old kind");
}

static void test_a_key_may_be_its_line_alone(void **state)
{
	const char *line = strchr(public_key, '\n') + 1;
	struct minisign_key again;

	(void)state;
	assert_int_equal(minisign_key_parse(line, strlen(line) - 1, &again, &err), 0);
	assert_memory_equal(&again, &key, sizeof(key));
	assert_int_equal(minisign_key_parse(line, strlen(line) - 2, &again, &err), -EINVAL);
	assert_int_equal(minisign_key_parse("", 0, &again, &err), -EINVAL);
	(void)snprintf(text, sizeof(text), "%smore\n", public_key);
	assert_int_equal(minisign_key_parse(text, strlen(text), &again, &err), -EINVAL);
}

static void test_what_was_changed_is_refused(void **state)
{
	(void)state;
	assert_int_equal(verify(changed("vendor 1.0", "vendor 2.0")), -EBADMSG);
	assert_int_equal(verify(changed("rToYhJ", "rToYhK")), -EBADMSG);
	assert_int_equal(verify(changed("y/4TLH", "y/4TLI")), -EBADMSG);
	assert_int_equal(verify(changed("RURq", "RWRq")),
			 -EBADMSG); /* as if it were of the bytes */
	assert_int_equal(minisign_verify(&key, 1, of_digest, strlen(of_digest), "hello modulo\n",
					 sizeof(file) - 1, &proof, &err),
			 -EBADMSG);
	assert_int_equal(minisign_verify(&key, 1, of_digest, strlen(of_digest), file, 0, &proof,
					 &err),
			 -EBADMSG);
}

static void test_a_key_that_is_not_trusted_is_named(void **state)
{
	(void)state;
	assert_int_equal(minisign_verify(NULL, 0, of_digest, strlen(of_digest), file,
					 sizeof(file) - 1, &proof, &err),
			 -ENOKEY);
	assert_non_null(strstr(err.text, id));
	key.id[0] ^= 1;
	assert_int_equal(verify(of_digest), -ENOKEY);
}

static void test_what_is_no_signature_is_refused(void **state)
{
	(void)state;
	assert_int_equal(verify(""), -EINVAL);
	assert_int_equal(verify(public_key), -EINVAL);
	assert_int_equal(verify(changed("RURq", "RXRq")), -EINVAL);
	assert_int_equal(verify(changed("RURq", "RU q")), -EINVAL);
	assert_int_equal(verify(changed("trusted comment: signature", "comment")), -EINVAL);
	assert_int_equal(verify(changed("vendor", "ven\033[1mdor")), -EINVAL);
	assert_int_equal(verify(changed("JBA==\n", "JBA==\nmore\n")), -EINVAL);
	assert_int_equal(verify(changed("JBA==", "JBAA==")), -EINVAL);
	for (size_t len = 0; len < sizeof(of_digest) - 3; len++)
		assert_int_equal(minisign_verify(&key, 1, of_digest, len, file, sizeof(file) - 1,
						 &proof, &err),
				 -EINVAL);
}

static void test_a_signature_is_bounded(void **state)
{
	size_t room = sizeof(text) - 1;

	(void)state;
	memset(text, 'x', room);
	text[room] = '\0';
	memcpy(text, of_digest, strlen("untrusted comment: "));
	assert_int_equal(verify(text), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_both_kinds_are_verified, set_up),
		cmocka_unit_test_setup(test_a_key_may_be_its_line_alone, set_up),
		cmocka_unit_test_setup(test_what_was_changed_is_refused, set_up),
		cmocka_unit_test_setup(test_a_key_that_is_not_trusted_is_named, set_up),
		cmocka_unit_test_setup(test_what_is_no_signature_is_refused, set_up),
		cmocka_unit_test_setup(test_a_signature_is_bounded, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
