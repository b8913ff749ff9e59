/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/bundle_part.h - what the files that make and read a bundle share.  Inside this folder; all
 * of it [control].
 */
#ifndef XVS_SWITCH_BUNDLE_PART_H
#define XVS_SWITCH_BUNDLE_PART_H

#include "base/record.h"
#include "conn/move.h"
#include "nat/move.h"
#include "switch/bundle.h"
#include "switch/relay.h"
#include "switch/world.h"

enum part_kind {
	PART_PORT = 0,
	PART_ADDRESSES = 1,
	PART_CONN = 2,
	PART_EXTENSION = 3,
	PART_NAT = 4
};

/* Formats of the host's own records. */
enum { PORT_FORMAT = 1, ADDRESSES_FORMAT = 1, CONN_FORMAT = 1, NAT_FORMAT = 1 };

/* One owner, and how far its saving has come. */
struct part {
	enum part_kind kind;
	struct bundle_owner owner;
	uint8_t *sent; /* the last record; what is the same is not sent again */
	size_t sent_len;
	bool is_begun; /* in this pass */
};

struct bundle {
	struct world *w;
	uint32_t port_id;
	uint8_t uuid[16];
	char full_name[TARGET_MAX];
	struct part parts[BUNDLE_OWNERS_MAX];
	size_t count;
	struct conn_watch *watch;   /* NULL: its connections are not tracked */
	struct nat_watch *nat;      /* NULL: its switch has none */
	struct relay *relay;        /* NULL: what comes for a frozen port drops */
	struct port_credit *credit; /* NULL: nobody in its chain counts by flow */
	bool is_agreed, is_frozen, is_freezing, is_closed;
	bool is_crediting;     /* of the freeze: what flows have counted is being told */
	enum bundle_what what; /* the pass under way; 0: none */
	size_t at;             /* its part */
	void (*frozen)(void *arg, int code);
	void *frozen_arg;
	size_t drained; /* attachments that gave back what they held */
};

/* Where a pass's records go. */
struct outlet {
	struct bundle *b;
	struct port *port;
	struct part *part;
	enum bundle_what what;
	bundle_sink sink;
	void *ctx;
	uint64_t deadline_ns; /* of this turn */
};

enum { ARRIVED_INSIDES = 256 };

/* Sessions that came are in the table already; these inside addresses are the port's. */
struct arrived_nat {
	size_t count;
	struct nat_prefix insides[ARRIVED_INSIDES];
	struct nat_adopted counts;
};

/* What waits for a port to open. */
struct arrival {
	struct arrived_address {
		uint32_t segment;
		uint32_t age_ms;
		uint8_t mac[6];
	} * addresses;
	size_t address_count;
	struct arrived_nat nat;
};

/* Why a held port is closed. */
#define REASON_HELD "its machine is on the way here"

/* bundle.c: the port; NULL: gone, and *err says so. */
struct port *bundle_port(const struct bundle *b, struct xvs_error *err);
void bundle_free(struct bundle *b);
/* freeze.c: what comes for the port drops again; 'p' may be NULL. */
void part_end_relay(struct bundle *b, struct port *p);
/* Hands one record of the part to the sink. */
int outlet_put(struct outlet *o, const void *data, size_t len, struct xvs_error *err);

/* The attachment of an owner that is an extension; NULL: there is none. */
struct attachment *part_attachment(const struct port *p, const char *owner);
/* The name of an attachment's owner. */
void part_name(const struct port *p, const struct attachment *a, char out[BUNDLE_OWNER_SIZE]);

/* bundle_port.c: 1: there is more in this pass, 0, or -errno. */
int part_save_port(struct outlet *o, struct xvs_error *err);
int part_save_addresses(struct outlet *o, struct xvs_error *err);
int part_restore_port(struct port *p, struct cursor *c, struct xvs_error *err);
int part_restore_addresses(struct port *p, struct cursor *c, struct xvs_error *err);
/* The port opens: addresses that came for it are learned. */
void arrival_learn(struct port *p);

/* bundle_conn.c: of a port whose connections are tracked. */
int part_open_conns(struct bundle *b, const struct port *p, struct xvs_error *err);
int part_save_conns(struct outlet *o, struct xvs_error *err);
int part_restore_conns(struct port *p, struct cursor *c, struct xvs_error *err);
/* Has the port room for so many?  Refused with the reason. */
int part_admit_conns(const struct port *p, uint64_t objects, struct xvs_error *err);

/* bundle_nat.c: of a port of a nat switch. */
int part_open_nat(struct bundle *b, const struct port *p, struct xvs_error *err);
int part_save_nat(struct outlet *o, struct xvs_error *err);
int part_restore_nat(struct port *p, struct cursor *c, struct xvs_error *err);
/* Of a port that has moved they end here; 'p' may be NULL. */
void part_end_nat(struct bundle *b, const struct port *p, bool has_moved);
void arrival_nat_end(const struct port *p); /* it does not come: what was taken in ends */

/* bundle_ext.c */
int part_save_extension(struct outlet *o, struct xvs_error *err);
int part_restore_extension(struct port *p, const struct bundle_record *r, struct xvs_error *err);

/* arrival_announce.c: the network is told where it is now, until told otherwise. */
void arrival_announce(struct port *p);
void arrival_announce_end(struct port *p);

/* arrival.c: frees what waits. */
void arrival_finish(struct port *p);

/* Compiles and publishes a port whose state alone has changed; -ENOMEM. */
int port_republish(struct port *p);

#endif /* XVS_SWITCH_BUNDLE_PART_H */
