/* SPDX-License-Identifier: Apache-2.0 */
/* ext/verify.c - a file is looked at without being loaded: its signature first, then its note. */
#include "ext/module.h"

#include "ext/module_file.h"

int module_verify(const char *path, const struct trust *trust, struct module_note *note,
		  struct minisign_proof *proof, struct xvs_error *err)
{
	struct module_file f;
	int code;

	*proof = (struct minisign_proof){ "", "" };
	code = module_file_read(path, &f, err);
	if (code)
		return code;
	code = module_file_check(&f, trust, note, proof, err);
	module_file_finish(&f);
	return code;
}
