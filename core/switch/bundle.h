/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/bundle.h - what a port is beside its policies, as records: so that it goes on elsewhere, on
 * another host, in the next daemon on this one, or when a saved machine comes back.
 *
 * All [control].  Here is the content alone: connections, what extensions keep, addresses, counters,
 * how full its buckets are.  Policies are the configuration's, and who carries records, in which order,
 * and when it is decided, is the carrier's (core/state, by way of core/control).
 *
 *   source                                      target
 *   bundle_open, bundle_describe  ---------->   port added with port_spec.is_held: it is closed
 *   bundle_agree                  <----------   bundle_admit: formats, or a refusal
 *   bundle_save FULL, CHANGES ..  ---------->   bundle_restore, in the order of saving
 *   bundle_freeze, bundle_save FINAL ------->   bundle_restore
 *   bundle_close(moved: true)     <- decision   bundle_open_port
 *   bundle_close(moved: false)                  bundle_discard; the port is removed
 *
 * A record names everything by extension id, segment or address, never by a number of this daemon.
 * Records are hostile until restored: each is checked whole, and has no effect where it is refused.
 * Extension state is restored as it comes; connections are authorised anew at their next packet, so
 * that a record grants nothing that the port's policies do not.
 *
 * Every call takes at most some 10 ms; an extension that takes longer is named.  Ports are looked up
 * by name (TARGET: "switch/port") or identity each time, so a port that is removed meanwhile is an
 * error, never a danger.
 */
#ifndef XVS_SWITCH_BUNDLE_H
#define XVS_SWITCH_BUNDLE_H

#include "switch/switch.h"

enum {
	BUNDLE_OWNERS_MAX = 72,       /* the host's, and one for each place of a chain */
	BUNDLE_OWNER_SIZE = 132,      /* "com.vendor.extension", or with "/instance" */
	BUNDLE_RECORD_MAX = 16 << 20, /* bytes of one record */
};

/* The host's own. */
#define BUNDLE_PORT "xvs.port"           /* counters, fill of rate limits */
#define BUNDLE_ADDRESSES "xvs.addresses" /* learned behind it */
#define BUNDLE_CONN "xvs.conn"           /* connections and remembered denials */
#define BUNDLE_NAT "xvs.nat" /* sessions of its inside addresses through the switch's NAT */

struct bundle_record {
	const char *owner; /* "xvs.conn", or an extension's id */
	uint32_t format;
	bool critical; /* the port must not open without it */
	const void *data;
	size_t len;
};

/* What one owner has to say. */
struct bundle_owner {
	char id[BUNDLE_OWNER_SIZE];
	uint32_t format_min, format_max; /* that the source can write */
	uint32_t format;                 /* that both know, by bundle_admit(); 0: stays behind */
	bool critical;                   /* without it the port does not move */
	uint64_t objects;                /* connections, addresses; 0: it cannot tell */
	uint64_t bytes, records;         /* saved so far */
	uint64_t left;                   /* bytes that were still to be saved, as an estimate */
	uint64_t longest_ns;             /* of its turns */
};

/* Takes one record, which is the callee's until it returns.  An error ends the save. */
typedef int (*bundle_sink)(void *ctx, const struct bundle_record *r, struct xvs_error *err);

struct bundle;

/* ---- source -------------------------------------------------------------------------------- */

/* Begins to note what changes.  One bundle a port at a time: -EBUSY. */
int bundle_open(struct world *w, const char *target, struct bundle **out, struct xvs_error *err);

/* How many; in the order in which they are saved. */
size_t bundle_describe(struct bundle *b, struct bundle_owner out[BUNDLE_OWNERS_MAX]);

/* The target's answer: formats to write.  Without it nothing can be saved. */
int bundle_agree(struct bundle *b, const struct bundle_owner *owners, size_t count,
		 struct xvs_error *err);

enum bundle_what {
	BUNDLE_FULL = 1,    /* everything, while packets flow */
	BUNDLE_CHANGES = 2, /* what changed since it was saved last; may be repeated */
	BUNDLE_FINAL = 3,   /* the rest; the port is frozen */
};

/* 1: there is more, call again; 0: this pass is complete; or -errno. */
int bundle_save(struct bundle *b, enum bundle_what what, bundle_sink sink, void *ctx,
		struct xvs_error *err);

/* {outside address: sessions} of a nat switch; NULL: there is nothing to say. */
json_t *bundle_nat_shares(struct bundle *b);

/* About so many bytes would a FINAL pass write now. */
uint64_t bundle_pending(struct bundle *b);

/*
 * The port forwards nothing any more, in neither direction; what still arrives is counted and dropped
 * (port-closed).  done(arg, 0) when no packet is under way and extensions were told; -ENODEV: the port
 * has gone.  Not after bundle_close().
 */
void bundle_freeze(struct bundle *b, void (*done)(void *arg, int code), void *arg);
/*
 * From the freeze to bundle_close(): what uplinks have for the port is told instead of dropped, as its guest
 * would have got it.  Before the freeze.  -ENOMEM: it is dropped, as without.
 */
int bundle_relay(struct bundle *b, void (*frame)(void *arg, const uint8_t *frame, size_t len),
		 void *arg);
/* It forwards again.  Also while it is being frozen: then done() comes with -ECANCELED. */
void bundle_thaw(struct bundle *b);
bool bundle_is_frozen(const struct bundle *b);

/* The end: frees it.  Not moved: the port thaws.  Moved: it stays frozen until it is removed. */
void bundle_close(struct bundle *b, bool moved);

/* ---- target -------------------------------------------------------------------------------- */

/*
 * Can this port take what the source describes?  Fills 'format' of each owner; one that is critical
 * and cannot be taken is a refusal.
 */
int bundle_admit(struct world *w, const char *target, struct bundle_owner *owners, size_t count,
		 struct xvs_error *err);

/*
 * The same as far as the switch alone can tell, before there is a port: fills 'format'; 0: nothing
 * there reads it.
 */
void bundle_formats(struct world *w, const char *switch_name, struct bundle_owner *owners,
		    size_t count);

/* What of bundle_nat_shares() will end, since the switch has no NAT with that outside address. */
void bundle_nat_judge(struct world *w, const char *switch_name, const json_t *shares,
		      void (*ends)(void *arg, const char *what, const char *why), void *arg);

/* Into a port that is held. */
int bundle_restore(struct world *w, const char *target, const struct bundle_record *r,
		   struct xvs_error *err);

/* What of all that was restored ended in fact; before the port opens. */
void bundle_untaken(struct world *w, const char *target,
		    void (*ends)(void *arg, const char *what, const char *why), void *arg);

bool bundle_is_held(struct world *w, const char *target);

/* The port is held no more: it opens, unless something else stands against that. */
int bundle_open_port(struct world *w, const char *target, struct xvs_error *err);

/* Straight after it: the network is not told that the port is here now, since there is none. */
void bundle_stay_quiet(struct world *w, const char *target);

/*
 * To the guest of a port that is open, if it bears its address: what still came for it where it was.  It goes
 * through the port's chain as from the network.  False: it does not.
 */
bool bundle_deliver(struct world *w, const char *target, const uint8_t *frame, size_t len);

/* What was restored is forgotten but for extensions' part: the port is to be removed. */
void bundle_discard(struct world *w, const char *target);

/* ---- across a restart ---------------------------------------------------------------------- */

/*
 * A port that is held is closed, and its address is not in the address table.  That is kept in the
 * snapshot, so that a target does not open by a restart.  A source whose decision was made before it
 * died holds its port again after world_restore(), before world_apply().  -ENOMEM.
 */
int bundle_hold(struct world *w, const char *target);

#endif /* XVS_SWITCH_BUNDLE_H */
