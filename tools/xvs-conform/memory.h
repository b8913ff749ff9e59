/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-conform/memory.h - what an extension allocates: counted, and refused where a rule says so.
 *
 * malloc() and its like are this program's own, in front of the C library's.  A sanitizer has its own, too:
 * then nothing is counted.
 */
#ifndef XVS_CONFORM_MEMORY_H
#define XVS_CONFORM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: this build cannot tell. */
bool memory_is_watched(void);

/* The calling thread is in an extension, or in it no more; nests. */
void memory_enter(const char *call);
void memory_leave(void);

/* The same in a call that goes back to the host: what that one allocates is not the extension's. */
unsigned memory_pause(void);
void memory_go_on(unsigned depth);

/* What extensions have allocated and nobody has freed; *call is where the newest of that was. */
size_t memory_held(const char **call);
/* How often they have asked for memory since memory_fail(). */
uint64_t memory_asked(void);
/* The n-th request from now on gets nothing; 0: all get what they want. */
void memory_fail(uint64_t nth);

#endif /* XVS_CONFORM_MEMORY_H */
