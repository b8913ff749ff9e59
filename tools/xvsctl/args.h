/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/args.h - the command line. */
#ifndef XVSCTL_ARGS_H
#define XVSCTL_ARGS_H

#include "verbs.h"

/*
 * Takes argv apart; options may stand anywhere, and "--" ends them.  NULL: leave with *exit_code,
 * what there is to say has been said.
 */
const struct verb *args_read(int argc, char **argv, struct args *out, int *exit_code);

#endif /* XVSCTL_ARGS_H */
