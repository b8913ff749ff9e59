/* SPDX-License-Identifier: Apache-2.0 */
/* ext/verify.c - a file is looked at without being loaded: its signature first, then its note. */
#include "ext/module.h"

#include <errno.h>
#include <stdlib.h>

#include "ext/file.h"

int module_verify(const char *path, const struct trust *trust, struct module_note *note,
		  struct minisign_proof *proof, struct xvs_error *err)
{
	struct module_signature signature = { NULL, 0 };
	void *bytes = NULL;
	size_t size = 0;
	int code;

	*proof = (struct minisign_proof){ "", "" };
	code = file_read_path(path, &bytes, &size, err);
	if (code == 0 && module_signature_read(path, &signature))
		code = error_set(err, -ENOMEM, "", "out of memory");
	if (code == 0)
		code = trust_check(trust, &signature, bytes, size, proof, err);
	if (code == 0)
		code = note_parse(bytes, size, note, err);
	module_signature_finish(&signature);
	free(bytes);
	return code;
}
