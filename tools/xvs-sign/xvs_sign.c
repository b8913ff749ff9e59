/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-sign: keys and signatures for extensions.
 *
 * All files are those of minisign(1): who has one of the two programs needs no other.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bundle.h"
#include "bundling.h"
#include "files.h"
#include "secret.h"

enum { EXIT_USAGE = 2 };

static const char usage[] =
	"usage: xvs-sign key NAME                        makes NAME.key, a secret, and NAME.pub\n"
	"       xvs-sign sign -k KEY [-c COMMENT] FILE... makes FILE.minisig of each\n"
	"       xvs-sign bundle -o OUT.xvsx [-k KEY] [-c COMMENT] [-m MANIFEST] [-l LICENCE]\n"
	"                [-r RESULT] MODULE               all in one file, signed\n"
	"       xvs-sign verify -p PUBLIC FILE...         is FILE.minisig, or what is in a bundle,\n"
	"                                                 a signature of it?\n";

/* ---- verbs ----------------------------------------------------------------------------------------- */

static int write_text(const char *name, char *text, mode_t mode, bool is_new)
{
	return write_file(name, &(struct bytes){ text, strlen(text) }, mode, is_new);
}

static int make_key(const char *name)
{
	char text[SECRET_TEXT_MOST], file[NAME_MOST], id[2 * MINISIGN_ID_BYTES + 1];
	char line[MINISIGN_KEY_TEXT + 1];
	struct xvs_error err = ERROR_INIT;
	struct secret_key key;
	int code;

	if (secret_make(&key, &err))
		return complain(name, err.text);
	secret_print(&key, text);
	if (!beside(name, ".key", file))
		return complain(name, "its name is too long");
	code = write_text(file, text, 0600, true);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(key.seed, sizeof(key.seed));
	if (code)
		return code;
	minisign_key_id(key.public.id, id);
	minisign_key_print(&key.public, line);
	(void)snprintf(text, sizeof(text), "untrusted comment: minisign public key %s\n%s\n", id,
		       line);
	(void)beside(name, ".pub", file);
	code = write_text(file, text, 0644, true);
	if (code == 0)
		(void)printf("%s.key is secret: who has it signs in your name\n"
			     "%s.pub is for extensions.trusted_keys in xvs.yaml:\n%s\n",
			     name, name, line);
	return code;
}

static int sign_file(const struct secret_key *key, const char *name, const char *comment)
{
	char text[SECRET_TEXT_MOST + MINISIGN_COMMENT_MOST], file[NAME_MOST];
	struct xvs_error err = ERROR_INIT;
	struct bytes bytes;
	char usual[COMMENT_BYTES];
	int code;

	if (!beside(name, ".minisig", file))
		return complain(name, "its name is too long");
	if (read_file(name, &bytes))
		return EXIT_FAILURE;
	usual_comment(name, usual);
	code = secret_sign(key, bytes.at, bytes.len, comment ? comment : usual, text, &err);
	free(bytes.at);
	return code ? complain(name, err.text) : write_text(file, text, 0644, false);
}

static int sign_files(const char *key_file, const char *comment, char *const *names)
{
	struct secret_key key;
	int result = 0;

	if (read_secret(key_file, &key))
		return EXIT_FAILURE;
	for (; *names; names++)
		result |= sign_file(&key, *names, comment);
	explicit_bzero(key.seed, sizeof(key.seed));
	return result;
}

/* What is signed, and the signature, which is the caller's to free(). */
static int read_signed(const char *name, struct bytes *file, struct bytes *signature)
{
	char beside_it[NAME_MOST];

	if (bundle_is_name(name))
		return read_bundle(name, file, signature);
	if (!beside(name, ".minisig", beside_it))
		return complain(name, "its name is too long");
	return read_file(name, file) || read_file(beside_it, signature);
}

static int verify_file(const struct minisign_key *key, const char *name)
{
	struct bytes bytes = { NULL, 0 }, signature = { NULL, 0 };
	struct xvs_error err = ERROR_INIT;
	struct minisign_proof proof;
	int code = read_signed(name, &bytes, &signature);

	if (code == 0 && minisign_verify(key, 1, signature.at, signature.len, bytes.at, bytes.len,
					 &proof, &err)) {
		(void)fprintf(stderr, "xvs-sign: %s: signature %s\n", name, err.text);
		code = EXIT_FAILURE;
	}
	if (code == 0)
		(void)printf("%s: signed by key %s: %s\n", name, proof.key, proof.comment);
	free(bytes.at);
	free(signature.at);
	return code;
}

static int verify_files(const char *key_file, char *const *names)
{
	struct xvs_error err = ERROR_INIT;
	struct minisign_key key;
	struct bytes text;
	int result = 0;
	int code;

	if (read_file(key_file, &text))
		return EXIT_FAILURE;
	code = minisign_key_parse(text.at, text.len, &key, &err);
	free(text.at);
	if (code)
		return complain(key_file, err.text);
	for (; *names; names++)
		result |= verify_file(&key, *names);
	return result;
}

static bool option_take(int option, char *value, struct bundling *b)
{
	switch (option) {
	case 'c':
		b->comment = value;
		return true;
	case 'k':
	case 'p':
		b->key = value;
		return true;
	case 'l':
		b->licence = value;
		return true;
	case 'm':
		b->manifest = value;
		return true;
	case 'o':
		b->out = value;
		return true;
	case 'r':
		b->result = value;
		return true;
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	struct bundling b = { .out = NULL };
	int option;

	optind = 2;
	while ((option = getopt(argc, argv, "+k:p:c:l:m:o:r:")) != -1) {
		if (!option_take(option, optarg, &b))
			verb = "";
	}
	if (strcmp(verb, "key") == 0 && !b.key && argc == optind + 1)
		return make_key(argv[optind]);
	if (strcmp(verb, "sign") == 0 && b.key && argc > optind)
		return sign_files(b.key, b.comment, argv + optind);
	if (strcmp(verb, "bundle") == 0 && b.out && argc == optind + 1)
		return bundle_file(&b, argv[optind]);
	if (strcmp(verb, "verify") == 0 && b.key && argc > optind)
		return verify_files(b.key, argv + optind);
	(void)fputs(usage, stderr);
	return strcmp(verb, "--help") == 0 ? EXIT_SUCCESS : EXIT_USAGE;
}
