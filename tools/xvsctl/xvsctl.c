/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/xvsctl.c - asking and telling xvsd. */
#include "args.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct args args;
	int exit_code;
	const struct verb *v = args_read(argc, argv, &args, &exit_code);

	if (v)
		exit_code = verb_run(v, &args);
	/* An answer that nobody got is no success: a full disk behind "config export > FILE". */
	if ((fflush(stdout) || ferror(stdout)) && exit_code == EXIT_DONE) {
		(void)fprintf(stderr, "xvsctl: standard output: it cannot be written: %s\n",
			      strerror(errno));
		exit_code = EXIT_REFUSED;
	}
	return exit_code;
}
