/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/xvsctl.c - asking and telling xvsd. */
#include "args.h"

int main(int argc, char **argv)
{
	struct args args;
	int exit_code;
	const struct verb *v = args_read(argc, argv, &args, &exit_code);

	return v ? verb_run(v, &args) : exit_code;
}
