/* SPDX-License-Identifier: Apache-2.0 */
/* main/options.h - the command line of xvsd. */
#ifndef XVS_MAIN_OPTIONS_H
#define XVS_MAIN_OPTIONS_H

#include <stdbool.h>

struct options {
	const char *config;
	const char *socket;
	const char *state;
	const char *extensions; /* NULL: not given */
	bool is_check;
	bool is_return; /* of addresses, and nothing else */
	bool is_foreground;
};

/* True: go on.  False: leave with *exit_code; what there is to say has been said. */
bool options_read(int argc, char **argv, struct options *out, int *exit_code);

#endif /* XVS_MAIN_OPTIONS_H */
