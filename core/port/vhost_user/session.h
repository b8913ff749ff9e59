/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/session.h - the conversation with one front end after the other.
 *
 *      socket.c    who talks to us
 *      session.c   reads a message, has it handled, settles, answers; ends the conversation
 *      requests.c  the table of requests: sizes, descriptors, who handles it
 *      features.c table.c rings.c log.c inflight.c   what the front end wants, by subject
 *      settle.c    from what it wants to what the workers see: views
 *
 * What the front end wants stands in struct session, in whatever order it says so.  settle.c makes a
 * view of it and tells what changed.  A change that takes something away from the workers has to wait
 * for a grace period: until then no further message is read, so that the front end's next word, and
 * our answer to this one, come after the change.
 *
 * Everything here is [control].
 */
#ifndef XVS_PORT_VHOST_USER_SESSION_H
#define XVS_PORT_VHOST_USER_SESSION_H

#include <sys/types.h>

#include "base/log.h"
#include "port/vhost_user/descriptor.h"
#include "port/vhost_user/device.h"
#include "port/vhost_user/message.h"

struct event;

/* Did SET_VRING_ENABLE say something?  Else it depends on PROTOCOL_FEATURES. */
enum ring_enable { ENABLE_UNSAID = 0, ENABLE_NO = 1, ENABLE_YES = 2 };

struct session_ring {
	uint64_t desc, driver, device; /* addresses in the front end's process */
	uint64_t log;
	uint32_t flags;
	uint32_t base; /* where to begin */
	uint16_t size; /* 0: not said yet */
	bool has_address;
	bool is_started; /* SET_VRING_KICK came, and no GET_VRING_BASE since */
	enum ring_enable enable;
	struct descriptor *call, *kick;
};

/* What workers see, with the descriptors that stand in it. */
struct session_view {
	struct vhost_view view; /* first */
	struct descriptor *calls[VHOST_RINGS_MAX];
	struct descriptor *kicks[VHOST_RINGS_MAX];
};

struct session {
	struct vhost_device *device;
	uint64_t offered; /* features of ours */
	void (*ended)(void *arg);
	void (*closed)(void *arg);
	void *arg;

	/* The connection. */
	int fd; /* -1: there is none */
	struct event *readable;
	struct message in;
	struct reply reply;
	bool has_reply; /* of its own, not an acknowledgement */
	int replied_fd; /* goes with the reply and is closed then; -1 */
	pid_t peer;
	bool is_ending;         /* no connection any more, but workers may still be inside */
	char why[160];          /* ending, or ended: because ... */
	uint64_t sessions;      /* front ends so far */
	struct log_limit limit; /* of lines about front ends that come and go */

	/* What the front end wants. */
	bool has_features;
	uint64_t features;
	uint64_t protocol;
	uint8_t status;
	uint32_t guest_mtu; /* 0: it did not say */
	int requests_fd;    /* of the backend's own requests; -1 */
	uint32_t region_count;
	struct vhost_region regions[VHOST_SLOTS_MAX];
	struct vhost_mapping *log;
	uint64_t log_bytes;
	struct session_ring rings[VHOST_RINGS_MAX];
	bool has_run[VHOST_RINGS_MAX]; /* with this front end */

	/* From there to the workers. */
	bool is_dirty;
	bool is_answering;         /* a message is in hand */
	bool is_waiting;           /* for the grace period behind 'old' */
	bool is_deferred;          /* 'grace' is under way */
	bool is_closed;            /* nobody owns us, but 'grace' or a letter is under way */
	struct session_view *seen; /* published as device->view */
	struct session_view *old;  /* not seen any more */
	struct session_view *next; /* published when 'old' has gone; may be NULL */
	struct rcu_node grace;
	uint32_t base_of;                 /* the ring whose base is to be replied */
	struct loop_timer *look;          /* runs while rings do */
	uint32_t looked[VHOST_RINGS_MAX]; /* by ring: where it waited at the last look, or LOOKED_NOT */
	struct vhost_view scratch;        /* to look whether a ring can be where it is said to be */
};

/* ---- session.c ---- */
/*
 * 'ended' is called, from the event loop, when a conversation is over and the next may begin.
 */
int session_create(struct vhost_device *d, uint64_t offered, void (*ended)(void *arg), void *arg,
		   struct session **out, struct xvs_error *err);
/* No worker is inside any more, nor will be: the connection and all that it brought are let go of. */
void session_withdraw(struct session *s);
/* After that: closed(arg) is called when session and device may be freed, at once or later. */
void session_close(struct session *s, void (*closed)(void *arg));
void session_destroy(struct session *s); /* in closed() */
/* Talks over 'fd' from now on; takes it in any case.  Only where session_is_free(). */
int session_begin(struct session *s, int fd, struct xvs_error *err);
bool session_is_free(const struct session *s);
/* Over, because of 'why' (-ECONNRESET: it left); 'ended' is called later, or at once. */
void session_end(struct session *s, const struct xvs_error *why);
/* Closed, and something came back that was under way. */
void session_release(struct session *s);
/* The answer to the message in hand, after what it changed has settled. */
void session_settled(struct session *s);
/* What vhost_break() sends. */
void session_on_broken(struct letter *letter);
void session_reply_u64(struct session *s, uint64_t value);
static inline bool session_speaks(const struct session *s, enum vhost_protocol_feature bit)
{
	return s->protocol >> bit & 1;
}

/* ---- requests.c ---- */
/* Checks shape, then has it handled.  Negative: refused with err; nothing has changed. */
int request_handle(struct session *s, struct message *m, struct xvs_error *err);
/* Does the protocol want a reply with a payload of its own? */
bool request_has_reply(uint32_t request);
const char *request_name(uint32_t request);

/* ---- by subject; each is a handler of requests.c ---- */
typedef int (*request_fn)(struct session *s, struct message *m, struct xvs_error *err);

/* features.c */
int request_get_features(struct session *s, struct message *m, struct xvs_error *err);
int request_set_features(struct session *s, struct message *m, struct xvs_error *err);
int request_get_protocol(struct session *s, struct message *m, struct xvs_error *err);
int request_set_protocol(struct session *s, struct message *m, struct xvs_error *err);
int request_get_queue_num(struct session *s, struct message *m, struct xvs_error *err);
int request_get_status(struct session *s, struct message *m, struct xvs_error *err);
int request_set_status(struct session *s, struct message *m, struct xvs_error *err);
int request_reset(struct session *s, struct message *m, struct xvs_error *err);
int request_nothing(struct session *s, struct message *m, struct xvs_error *err);
uint64_t features_of_ours(bool offloads, bool packed);
/* enum backend_offload that a guest with these features takes. */
uint32_t features_offloads(uint64_t features);
/* Words in a row, as many as fit; "none" where there is none. */
enum features_group { FEATURES_RING, FEATURES_TAKES, FEATURES_SENDS };
void features_print(uint64_t features, enum features_group group, char *out, size_t size);

/* guest.c */
int request_send_rarp(struct session *s, struct message *m, struct xvs_error *err);
int request_set_mtu(struct session *s, struct message *m, struct xvs_error *err);
int request_set_backend_fd(struct session *s, struct message *m, struct xvs_error *err);

/* table.c */
int request_set_table(struct session *s, struct message *m, struct xvs_error *err);
int request_add_region(struct session *s, struct message *m, struct xvs_error *err);
int request_remove_region(struct session *s, struct message *m, struct xvs_error *err);
int request_get_slots(struct session *s, struct message *m, struct xvs_error *err);
void table_clear(struct session *s);

/* log.c */
int request_set_log_base(struct session *s, struct message *m, struct xvs_error *err);
int request_set_log_fd(struct session *s, struct message *m, struct xvs_error *err);
void log_clear(struct session *s);

/* inflight.c */
int request_get_inflight(struct session *s, struct message *m, struct xvs_error *err);
int request_set_inflight(struct session *s, struct message *m, struct xvs_error *err);

/* rings.c */
int request_ring_size(struct session *s, struct message *m, struct xvs_error *err);
int request_ring_address(struct session *s, struct message *m, struct xvs_error *err);
int request_ring_set_base(struct session *s, struct message *m, struct xvs_error *err);
int request_ring_get_base(struct session *s, struct message *m, struct xvs_error *err);
int request_ring_kick(struct session *s, struct message *m, struct xvs_error *err);
int request_ring_call(struct session *s, struct message *m, struct xvs_error *err);
int request_ring_error(struct session *s, struct message *m, struct xvs_error *err);
int request_ring_enable(struct session *s, struct message *m, struct xvs_error *err);
void rings_stop(struct session *s);  /* as if GET_VRING_BASE had come for each */
void rings_clear(struct session *s); /* as with a new front end */

/* place.c */
/* Has the front end said all that it takes for this ring to run? */
bool ring_is_wanted(const struct session *s, const struct session_ring *r);
bool ring_some_wanted(const struct session *s);
/*
 * Where ring 'nr' is, in the memory of 'v'; calls and kicks are left alone.  Negative with err:
 * not there, not aligned or not of a possible size.
 */
int ring_place(const struct session_ring *r, uint32_t nr, const struct vhost_view *v,
	       struct vhost_ring_view *out, struct xvs_error *err);

/* ---- settle.c ---- */
/* Shows workers what the front end wants.  session_settled() follows, at once or later. */
void session_settle(struct session *s);
/* Workers see nothing any more, and none is inside. */
void session_let_go(struct session *s);
/* How many pairs of rings run. */
uint32_t session_pairs(const struct session *s);

/* ---- look.c ---- */
int look_create(struct session *s, struct xvs_error *err);
void look_destroy(struct session *s); /* NULL or twice is fine */
/* The first rings run; it ends by itself with the last. */
void look_begin(struct session *s);
/* What is done each second. */
void session_look(struct session *s);

/* ---- facts.c ---- */
uint32_t session_facts(const struct session *s, struct backend_fact *out, uint32_t max);

#endif /* XVS_PORT_VHOST_USER_SESSION_H */
