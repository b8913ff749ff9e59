/* SPDX-License-Identifier: Apache-2.0 */
/* ext/trust.c - whose modules are loaded. */
#include "ext/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

int module_signature_read(const char *path, struct module_signature *out)
{
	struct strbuf name = { 0 };
	char text[MINISIGN_FILE_MOST + 1]; /* one more: what is too long is seen to be */
	ssize_t len = -1;
	int fd = -1;

	*out = (struct module_signature){ .text = NULL };
	strbuf_add(&name, "%s.minisig", path);
	if (name.failed) {
		strbuf_finish(&name);
		return -ENOMEM;
	}
	fd = open(name.text, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	strbuf_finish(&name);
	if (fd >= 0) {
		len = read(fd, text, sizeof(text));
		(void)close(fd);
	}
	if (len < 0)
		return 0;
	out->text = malloc((size_t)len + 1);
	if (!out->text)
		return -ENOMEM;
	memcpy(out->text, text, (size_t)len);
	out->len = (size_t)len;
	return 0;
}

void module_signature_finish(struct module_signature *s)
{
	free(s->text);
	free(s->of);
	*s = (struct module_signature){ .text = NULL };
}

static int refuse_expired(const struct trust *t, struct xvs_error *err)
{
	struct tm day;
	char text[16] = "";

	if (gmtime_r(&t->until, &day))
		(void)strftime(text, sizeof(text), "%F", &day);
	return error_set(err, -EKEYEXPIRED, "",
			 "extensions.trusted_until is over since %s, no signature counts", text);
}

/* What no trusted key says anything about. */
static int unsigned_code(const struct trust *t, int code)
{
	bool is_harmless = code != -EBADMSG && code != -ENOMEM;

	return is_harmless && !t->is_required ? 0 : code;
}

static int check_one(const struct trust *t, const struct module_signature *signature,
		     const void *bytes, size_t size, struct minisign_proof *out,
		     struct xvs_error *err)
{
	struct xvs_error why = ERROR_INIT;
	int code;

	out->key[0] = out->comment[0] = '\0';
	if (!t)
		return 0;
	if (t->until && time(NULL) >= t->until)
		return t->is_required ? refuse_expired(t, err) : 0;
	if (!signature->text)
		return t->is_required ? error_set(err, -ENOKEY, "",
						  "has no signature, which "
						  "extensions.require_signed asks for")
				      : 0;
	code = minisign_verify(t->keys, t->key_count, signature->text, signature->len, bytes, size,
			       out, &why);
	if (code == 0)
		return 0;
	out->key[0] = '\0';
	code = unsigned_code(t, code);
	return code ? error_set(err, code, "", "signature %s", why.text) : 0;
}

int trust_check(const struct trust *t, const struct module_signature *signature, const void *bytes,
		size_t size, struct minisign_proof *out, struct xvs_error *err)
{
	struct minisign_proof other;
	int code;

	if (signature->of) {
		bytes = signature->of;
		size = signature->of_size;
	}
	code = check_one(t, signature, bytes, size, out, err);

	if (code || !t || !t->also)
		return code;
	return check_one(t->also, signature, bytes, size, &other, err);
}
