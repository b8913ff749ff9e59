/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/content.h - what moves, as seen by who moves it: calls into the switch that it implements.
 *
 * core/state knows when; what a port is, with its policies and its run-time state, is known above.
 * All [control].  "host" is the implementer's.  A port is named by TARGET, "switch/port".
 */
#ifndef XVS_STATE_CONTENT_H
#define XVS_STATE_CONTENT_H

#include <jansson.h>
#include <stdbool.h>

#include "state/wire.h"

enum { CONTENT_OWNERS = 72, CONTENT_TARGET = 132 };

/* Who has state of the port. */
struct content_owner {
	char id[WIRE_OWNER];
	uint32_t oldest, newest; /* formats that the source can write */
	uint32_t format;         /* that both know; 0: it stays behind */
	bool is_critical;        /* the port must not open without it */
	uint64_t limit;          /* bytes of all rounds, told at admit */
	uint64_t records, bytes; /* sent or restored so far */
};

struct content_record {
	const char *owner;
	uint32_t format;
	bool is_critical;
	const void *data;
	size_t len;
};
typedef int (*content_sink)(void *ctx, const struct content_record *r, struct xvs_error *err);
/* 'err' has the reason where the code is not 0. */
typedef void (*content_done)(void *arg, int code, const struct xvs_error *err);

enum content_pass { CONTENT_FULL = 1, CONTENT_CHANGES = 2, CONTENT_FINAL = 3 };

/* A port that leaves. */
struct content;

struct content_source_ops {
	/* Begins to note what changes.  'uuid' and 'target' (its full name) are filled. */
	int (*open)(void *host, const char *port, struct content **out, uint8_t uuid[WIRE_ID],
		    char target[CONTENT_TARGET], struct xvs_error *err);
	/* {"port", "policies"} of section 4; new.  NULL: out of memory. */
	json_t *(*describe)(struct content *c);
	size_t (*owners)(struct content *c, struct content_owner out[CONTENT_OWNERS]);
	int (*agree)(struct content *c, const struct content_owner *owners, size_t count,
		     struct xvs_error *err);
	/* 1: call again; 0: the pass is complete; -errno. */
	int (*save)(struct content *c, enum content_pass pass, content_sink sink, void *ctx,
		    struct xvs_error *err);
	uint64_t (*pending)(struct content *c); /* bytes that a last round would have now */
	/* done(arg, 0) when it forwards nothing; never after close(). */
	void (*freeze)(struct content *c, void (*done)(void *arg, int code), void *arg);
	/*
	 * From freeze() to close(): what the network still has for the port comes here, as its guest would
	 * have got it.  False: it is dropped.
	 */
	bool (*relay)(struct content *c, void (*frame)(void *arg, const uint8_t *frame, size_t len),
		      void *arg);
	/* The end.  Not moved: it forwards again.  Moved: it does not, until it is removed. */
	void (*close)(struct content *c, bool is_moved);
	/*
	 * It is decided that it moves: until that has ended, a port with this UUID that is made here
	 * anew, under whatever name, is closed as this one is.
	 */
	void (*departed)(void *host, const uint8_t uuid[WIRE_ID], bool has_departed);
	/*
	 * The port with this UUID is gone for good, whoever owns it and however it is called now; one
	 * that is not there is fine.
	 */
	void (*remove)(void *host, const uint8_t uuid[WIRE_ID], const char *target,
		       content_done done, void *arg);
	/* Kept closed, before the configuration is applied. */
	int (*hold)(void *host, const char *target);
	/* Held no more. */
	int (*release)(void *host, const char *target, struct xvs_error *err);
};

enum on_missing { ON_MISSING_FAIL = 0, ON_MISSING_WARN = 1, ON_MISSING_HOLD = 2 };

/* A port that comes. */
struct arrival {
	uint8_t uuid[WIRE_ID];
	char peer[256];
	char switch_name[64];
	char target[CONTENT_TARGET];
	json_t *offer; /* the body of "admit", checked as far as this structure goes */
	enum on_missing on_missing;
	bool is_check;
	struct content_owner owners[CONTENT_OWNERS];
	size_t owner_count;
	json_t *left, *converted, *findings; /* lists of {what, why} */
};

/* To one of these lists; -ENOMEM. */
int finding_add(json_t *list, const char *what, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

struct content_target_ops {
	/*
	 * Fills the owners' formats, left, converted, and the findings with all that stands against it;
	 * what is wrong with the owners is judged by the caller.
	 */
	void (*admit)(void *host, struct arrival *a, content_done done, void *arg);
	/* The port is there, closed, also after a restart. */
	void (*prepare)(void *host, struct arrival *a, content_done done, void *arg);
	int (*restore)(void *host, const char *target, const struct content_record *r,
		       struct xvs_error *err);
	/* What of all that was restored came to nothing: {what, why} to the list. */
	void (*untaken)(void *host, const char *target, json_t *list);
	/* Packets flow when it returns 0; it also tells the segment. */
	int (*open)(void *host, const char *target, struct xvs_error *err);
	/* What open() did is remembered by a restart. */
	int (*settle)(void *host, const char *target, struct xvs_error *err);
	/* Removes it; one that is not there is fine.  done() may come at once. */
	void (*discard)(void *host, const char *target, content_done done, void *arg);
	/* A straggler, which nobody has looked at: for this port alone, and judged by its policies. */
	void (*deliver)(void *host, const char *target, const uint8_t *frame, size_t len);
	/* May this peer place ports on this switch? */
	bool (*may_place)(void *host, const char *peer, const char *switch_name);
};

#endif /* XVS_STATE_CONTENT_H */
