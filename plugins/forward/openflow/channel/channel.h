/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel/channel.h - to whom the switch is connected: controllers it calls, and those that call it.
 *
 * A target of a controller that cannot be reached, or has gone, is called again after 1 s, 2 s and so on
 * up to the limit, each time up to a quarter later, so that the switches of a controller that was away do
 * not all call at once.  Where too many call us, who has not said HELLO for longest makes room.
 *
 * Everything belongs to the control thread.
 */
#ifndef OPENFLOW_CHANNEL_CHANNEL_H
#define OPENFLOW_CHANNEL_CHANNEL_H

#include "channel/connection.h"

enum {
	OF_TARGETS_MAX = 32,
	OF_TARGET_BYTES = 128,
	OF_CONNECTIONS_MAX = 96,
	OF_CALLERS_MAX = 64,
	OF_BACKOFF_MAX_S = 16 /* unless said otherwise */
};

/* One that is called, or where callers are taken. */
struct of_target {
	char text[OF_TARGET_BYTES];
	bool is_listener;
	bool is_calling;
	bool is_gone; /* no longer wanted: goes with the end of its call */
	struct of_channel *channel;
	struct of_target *next; /* of those that are gone */
	struct xvs_listener *listener;
	struct of_connection *connection; /* of a controller that was called */
	uint32_t backoff_s;
	uint64_t call_at_ns;
	uint64_t calls;
	bool is_well;         /* connected, or listening */
	uint64_t since_ns;    /* it has been so, or not */
	uint64_t failed_ns;   /* of 'last_error' */
	char status[128];     /* for people: why it is not connected */
	char last_error[128]; /* the same, still there when it is connected again */
};

/* How often a target is called, and how long one is waited for. */
struct of_pace {
	uint32_t probe_s; /* silence before the other side is asked; 0: never */
	uint32_t backoff_max_s;
};

/* Targets that are not in use yet. */
struct of_target_list {
	struct of_target *at[OF_TARGETS_MAX];
	uint32_t count;
};

struct of_channel {
	const struct xvs_host *host;
	const struct xvs_loop_host *loop;
	const struct xvs_timer_host *timers;
	struct of_handler handler; /* what the agent wants to hear */
	struct of_handler own;
	struct xvs_timer *tick;
	struct of_arena arena;
	struct of_connection *connections;
	struct of_target *targets[OF_TARGETS_MAX];
	uint32_t target_count;
	struct of_target *gone;
	uint32_t connection_count;
	uint32_t versions;
	struct of_pace pace;
	uint64_t dice;        /* of the next delay; seeded by whoever has a seed */
	uint64_t turned_away; /* who called and found no room */
	bool is_on;
	void (*ticked)(void *arg, uint64_t now_ns); /* each quarter of a second */
};

int of_channel_init(struct of_channel *ch, const struct xvs_host *host,
		    const struct xvs_loop_host *loop, const struct xvs_timer_host *timers,
		    const struct of_handler *handler, void (*ticked)(void *arg, uint64_t now_ns));
void of_channel_destroy(struct of_channel *ch);

/* What of_channel_set() will take; count up to OF_TARGETS_MAX.  NULL: out of memory. */
struct of_target_list *of_target_list_new(const char *const *texts, uint32_t count);
void of_target_list_free(struct of_target_list *list); /* NULL is fine */

/* The list is given.  Targets that are there already go on.  Cannot fail. */
void of_channel_set(struct of_channel *ch, struct of_target_list *list, uint32_t versions,
		    const struct of_pace *pace);

/* Is there any that is called? */
bool of_channel_calls(const struct of_channel *ch);

/* Calls and listens, or ends all of it. */
void of_channel_on(struct of_channel *ch, bool on);

/* Is it one that may be called, or listened at?  For the check of a policy. */
bool of_target_is_sound(const char *text);
bool of_target_is_listener(const char *text);

#endif /* OPENFLOW_CHANNEL_CHANNEL_H */
