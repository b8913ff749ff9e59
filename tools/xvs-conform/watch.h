/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-conform/watch.h - an extension with somebody between it and the host, who looks at each call.
 *
 * The switch of the lab gets watch_wrap() in place of the extension.  What a rule wants to be looked at is
 * said before, and what is found goes to memory that the parent process shares, so that it is known
 * whatever becomes of this one.
 */
#ifndef XVS_CONFORM_WATCH_H
#define XVS_CONFORM_WATCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "ext/module.h"

enum watch_what {
	WATCH_RESULTS = 1u << 0,  /* what calls return, and verdicts */
	WATCH_BORROWED = 1u << 1, /* arguments are gone when a call has returned */
	WATCH_CONST = 1u << 2,    /* what is const stays as it was */
	WATCH_PROCESS = 1u << 3,  /* descriptors, signals, children */
	WATCH_FLOWS = 1u << 4,    /* verdicts against the bits examined */
	WATCH_TIMES = 1u << 5,    /* how long [control] calls take */
	WATCH_WORKERS = 1u << 6,  /* memory, system calls and [control] functions on a worker */
};

enum { FINDING_BYTES = 400, CALL_BYTES = 48, ASKED_MAX = 32 };

/* Shared with the parent. */
struct watch_record {
	char call[CALL_BYTES]; /* that the extension is in; "": none */
	char finding[FINDING_BYTES];
	pid_t ended; /* the process that came to the end of the rule, with 'result'; 0: none */
	int result;
	bool is_remark;      /* the finding breaks nothing */
	uint32_t extensions; /* of the module; 0: it was not loaded */
	char extension[64];  /* that is tried */
	uint64_t calls, judged, packets;
	uint64_t cycles_per_packet, cycles_per_judgement;
};

extern struct watch_record *watch_record;

/* The first one stays. */
void watch_find(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool watch_has_found(void);

/* One extension a process. */
const struct extension *watch_wrap(const struct extension *ext, unsigned what);
/* What is looked at from now on. */
void watch_change(unsigned what);

/* Interfaces of the host that it has asked for; the one called 'refused' is not there. */
size_t watch_asked(const char *out[ASKED_MAX]);
void watch_refuse(const char *interface);

/* Ports that are attached now, for calls of "xvs.state/1" beside those of the host. */
struct watch_port {
	void *self, *state;
	char name[64];
};
size_t watch_ports(struct watch_port *out, size_t max);
/* Its own, not watched; NULL: it has none. */
const struct xvs_state *watch_state(void);
/* Around such a call. */
void watch_enter(const char *call);
void watch_leave(void);

/* After the end: a call that never took less than so many milliseconds; NULL: none. */
const char *watch_slow(uint32_t ms);

#endif /* XVS_CONFORM_WATCH_H */
