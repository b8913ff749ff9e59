/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel/connection.h - one connection of a controller: bytes, frames, HELLO, ECHO.
 *
 *	descriptor -> frames -> handler->message()      one after another, in turns
 *	writer     -> descriptor                        as fast as the controller reads
 *
 * A handler that cannot answer yet holds the connection: what follows waits, so that answers
 * come in the order of requests.  A controller that does not read is not listened to either: its
 * requests wait in its own socket; what it was to be told unasked is left out and counted.
 *
 * All of it belongs to the control thread.
 */
#ifndef OPENFLOW_CHANNEL_CONNECTION_H
#define OPENFLOW_CHANNEL_CONNECTION_H

#include "wire/encode.h"
#include "xvs/ext/loop.h"
#include "xvs/ext/timer.h"

enum {
	OF_IN_BYTES = 128 * 1024,        /* at least one whole message */
	OF_OUT_LIMIT = 16 * 1024 * 1024, /* of the writer */
	OF_OUT_FULL = 1024 * 1024,       /* requests wait while more than this is to be sent */
	OF_OUT_ASYNC = 2 * 1024 * 1024,  /* nothing is told unasked while more than this is */
	OF_TURN_NS = 5 * 1000 * 1000,    /* then others have their turn */
};

struct of_connection;

/* What stands behind a connection: agent/. */
struct of_handler {
	/* HELLO has been exchanged. */
	void (*opened)(void *arg, struct of_connection *c);
	/* A whole message of the version that was agreed on, but HELLO and ECHO. */
	void (*message)(void *arg, struct of_connection *c, const struct of_message *m,
			struct of_bytes bytes);
	/* It is about to be freed; 'why' is for people. */
	void (*closed)(void *arg, struct of_connection *c, const char *why);
	void *arg;
};

struct of_connection {
	struct of_connection *next; /* of the channel's list */
	const struct xvs_host *host;
	const struct xvs_loop_host *loop;
	const struct of_handler *handler;
	struct xvs_watch *watch;
	struct xvs_timer *again; /* for the next turn, when bytes are here already */
	const struct xvs_timer_host *timers;
	struct of_arena *arena; /* the channel's: of the message in hand */
	int fd;
	uint32_t events; /* that are watched for */
	char peer[96];
	uint8_t *in;
	uint32_t in_len;
	struct of_writer out;
	uint32_t out_at; /* up to which it was sent */
	struct of_dialect dialect;
	uint32_t versions; /* ours */
	uint32_t xid;      /* of what we say unasked */
	bool is_open;      /* HELLO has been exchanged */
	bool is_held;
	bool is_put_back; /* the message in hand */
	bool is_broken;   /* nothing can be written any more: it ends with the next turn */
	bool is_ended;    /* to be freed when nobody is in it */
	bool is_inside;   /* a call into the handler is under way */
	char why[128];    /* it ended */
	uint64_t opened_ns;
	uint64_t heard_ns; /* something was received */
	bool echo_is_due;  /* we have asked */
	uint64_t async_lost;
	uint64_t messages_in, messages_out, errors_out;
	const void *listener; /* where it called, or NULL: it was called */
	bool is_eof;          /* nothing more comes */
	uint64_t sent_ns;     /* something went out, or there was nothing to be sent */
	void *user;           /* agent/'s */
};

struct of_connection_args {
	const struct xvs_host *host;
	const struct xvs_loop_host *loop;
	const struct xvs_timer_host *timers;
	const struct of_handler *handler; /* kept */
	struct of_arena *arena;           /* kept */
	uint32_t versions;
	int fd; /* given, on success */
	const char *peer;
};

/* Says HELLO.  NULL: out of memory; the descriptor is the caller's still. */
struct of_connection *of_connection_new(const struct of_connection_args *args);

/* Frees it, also while it is in a call: then as soon as that has returned.  closed() is called. */
void of_connection_end(struct of_connection *c, const char *why);

/* Without a word to the handler; of one that ended. */
bool of_connection_reap(struct of_connection *c);

/* The next message waits until release; the one in hand has not been answered wholly. */
void of_connection_hold(struct of_connection *c);
void of_connection_release(struct of_connection *c);
/* From the handler: hold, and the message in hand comes again when it is released. */
void of_connection_put_back(struct of_connection *c);

/* Where to write, and what to tell afterwards. */
struct of_to of_connection_to(struct of_connection *c, uint32_t xid);
void of_connection_flush(struct of_connection *c);

/* May something be told unasked?  If not, it is counted. */
bool of_connection_has_room(struct of_connection *c);

/* Is there so much to be sent that a long answer had better wait? */
bool of_connection_is_full(const struct of_connection *c);

/* Of a fault in the message in hand. */
void of_connection_refuse(struct of_connection *c, of_fault fault, uint32_t xid,
			  struct of_bytes message);

/* Every second or so: asks whether the other side is there (1.3.5, 6.3.4); ends it if it is not. */
void of_connection_tick(struct of_connection *c, uint64_t now_ns, uint32_t probe_s);

#endif /* OPENFLOW_CHANNEL_CONNECTION_H */
