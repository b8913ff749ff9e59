/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main/background.h - a daemon whose start was a success before the command that started it returns.
 */
#ifndef XVS_MAIN_BACKGROUND_H
#define XVS_MAIN_BACKGROUND_H

#include "base/error.h"

/*
 * Before any thread.  In the child: 0, and stderr still is the caller's.  The parent does not
 * return: it leaves with 0 once background_ready() was called, with 1 if the child ends before.
 */
int background_start(struct xvs_error *err);

/* [control] Lets the parent go; from now on messages go to the file 'log'. */
void background_ready(const char *log);

#endif /* XVS_MAIN_BACKGROUND_H */
