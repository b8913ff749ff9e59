/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-conform/dispatch.h - system calls of a piece of code, seen by the kernel's user dispatch. */
#ifndef XVS_CONFORM_DISPATCH_H
#define XVS_CONFORM_DISPATCH_H

#include <stdbool.h>

/* For this thread, from now on.  False: this kernel or processor cannot. */
bool dispatch_start(void);
/* Between the two, system calls are noted, and made. */
void dispatch_enter(void);
void dispatch_leave(void);
/* The number of the first that a worker may not make; -1: none. */
int dispatch_seen(void);

#endif /* XVS_CONFORM_DISPATCH_H */
