/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-sign: keys and signatures for extensions.
 *
 * All files are those of minisign(1): who has one of the two programs needs no other.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "secret.h"

enum { FILE_MOST = 256 << 20, NAME_MOST = 4096, EXIT_USAGE = 2 };

static const char usage[] =
	"usage: xvs-sign key NAME                        makes NAME.key, a secret, and NAME.pub\n"
	"       xvs-sign sign -k KEY [-c COMMENT] FILE... makes FILE.minisig of each\n"
	"       xvs-sign verify -p PUBLIC FILE...         is FILE.minisig a signature of it?\n";

struct bytes {
	char *at;
	size_t len;
};

/* ---- files ----------------------------------------------------------------------------------------- */

static int complain(const char *file, const char *why)
{
	(void)fprintf(stderr, "xvs-sign: %s: %s\n", file, why);
	return EXIT_FAILURE;
}

static bool read_whole(int fd, struct bytes *out)
{
	struct stat st;

	if (fstat(fd, &st))
		return false;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MOST) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		return false;
	}
	out->at = malloc((size_t)st.st_size + 1);
	while (out->at && out->len < (size_t)st.st_size) {
		ssize_t n = read(fd, out->at + out->len, (size_t)st.st_size - out->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		out->len += (size_t)n;
	}
	return out->at != NULL;
}

static int read_file(const char *name, struct bytes *out)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	bool is_read;

	*out = (struct bytes){ NULL, 0 };
	if (fd < 0)
		return complain(name, strerror(errno));
	errno = 0;
	is_read = read_whole(fd, out);
	(void)close(fd);
	if (is_read)
		return 0;
	free(out->at);
	*out = (struct bytes){ NULL, 0 };
	return complain(name, strerror(errno));
}

/* What was there before stays, if it is a key; a signature gives way to the new one, as a whole. */
static int write_file(const char *name, const char *text, mode_t mode, bool is_new)
{
	char wip[NAME_MOST];
	int fd = -1;

	if (snprintf(wip, sizeof(wip), "%s%s", name, is_new ? "" : ".new") >= (int)sizeof(wip))
		return complain(name, "its name is too long");
	fd = open(wip, O_WRONLY | O_CREAT | O_CLOEXEC | (is_new ? O_EXCL : O_TRUNC), mode);
	if (fd < 0)
		return complain(wip, strerror(errno));
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) ||
	    (!is_new && rename(wip, name))) {
		int why = errno;

		(void)unlink(wip);
		return complain(wip, strerror(why));
	}
	return 0;
}

static bool beside(const char *name, const char *end, char out[NAME_MOST])
{
	return snprintf(out, NAME_MOST, "%s%s", name, end) < NAME_MOST;
}

/* ---- verbs ----------------------------------------------------------------------------------------- */

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
	code = write_file(file, text, 0600, true);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(key.seed, sizeof(key.seed));
	if (code)
		return code;
	minisign_key_id(key.public.id, id);
	minisign_key_print(&key.public, line);
	(void)snprintf(text, sizeof(text), "untrusted comment: minisign public key %s\n%s\n", id,
		       line);
	(void)beside(name, ".pub", file);
	code = write_file(file, text, 0644, true);
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
	char usual[512];
	int code;

	if (!beside(name, ".minisig", file))
		return complain(name, "its name is too long");
	if (read_file(name, &bytes))
		return EXIT_FAILURE;
	(void)snprintf(usual, sizeof(usual), "timestamp:%lld\tfile:%.400s\thashed",
		       (long long)time(NULL), strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
	code = secret_sign(key, bytes.at, bytes.len, comment ? comment : usual, text, &err);
	free(bytes.at);
	return code ? complain(name, err.text) : write_file(file, text, 0644, false);
}

static int sign_files(const char *key_file, const char *comment, char *const *names)
{
	struct xvs_error err = ERROR_INIT;
	struct secret_key key;
	struct bytes text;
	int result = 0;
	int code;

	if (read_file(key_file, &text))
		return EXIT_FAILURE;
	code = secret_parse(text.at, text.len, &key, &err);
	explicit_bzero(text.at, text.len);
	free(text.at);
	if (code)
		return complain(key_file, err.text);
	for (; *names; names++)
		result |= sign_file(&key, *names, comment);
	explicit_bzero(key.seed, sizeof(key.seed));
	return result;
}

static int verify_file(const struct minisign_key *key, const char *name)
{
	struct bytes bytes = { NULL, 0 }, signature = { NULL, 0 };
	struct xvs_error err = ERROR_INIT;
	struct minisign_proof proof;
	char file[NAME_MOST];
	int code = EXIT_FAILURE;

	if (!beside(name, ".minisig", file))
		return complain(name, "its name is too long");
	if (read_file(name, &bytes) || read_file(file, &signature))
		goto out;
	if (minisign_verify(key, 1, signature.at, signature.len, bytes.at, bytes.len, &proof,
			    &err)) {
		(void)complain(file, err.text);
		goto out;
	}
	(void)printf("%s: signed by key %s: %s\n", name, proof.key, proof.comment);
	code = 0;
out:
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

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	const char *key = NULL;
	const char *comment = NULL;
	int option;

	optind = 2;
	while ((option = getopt(argc, argv, "+k:p:c:")) != -1) {
		if (option == 'c')
			comment = optarg;
		else if (option != '?')
			key = optarg;
		else
			verb = "";
	}
	if (strcmp(verb, "key") == 0 && !key && argc == optind + 1)
		return make_key(argv[optind]);
	if (strcmp(verb, "sign") == 0 && key && argc > optind)
		return sign_files(key, comment, argv + optind);
	if (strcmp(verb, "verify") == 0 && key && argc > optind)
		return verify_files(key, argv + optind);
	(void)fputs(usage, stderr);
	return strcmp(verb, "--help") == 0 ? EXIT_SUCCESS : EXIT_USAGE;
}
