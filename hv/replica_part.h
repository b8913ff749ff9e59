/* SPDX-License-Identifier: Apache-2.0 */
/* hv/replica_part.h - what the files of a replica know of each other. */
#ifndef XVS_HV_REPLICA_PART_H
#define XVS_HV_REPLICA_PART_H

#include "arriving_offer.h"
#include "base/str.h"
#include "block_server.h"
#include "move_key.h"
#include "remote.h"
#include "replica.h"
#include "replica_plan.h"
#include "transfer.h"

enum { REPLICA_TAG = 32, PIECE_MAX = 256 << 10, PORT_FILE_MAX = 64 << 20 };

enum replica_state {
	REPLICA_PASSIVE,
	REPLICA_ACTIVE,
	REPLICA_CANCELLING,
	REPLICA_STATES,
};

/* What is written down: vms/NAME/replica.json. */
struct replica_record {
	char id[UUID_TEXT];
	char peer[SPEC_TEXT]; /* as the settings name the primary's host */
	enum replica_state state;
	uint64_t epoch;
	uint32_t every_s, points_max;
	uint64_t point;  /* to which it failed over; 0: it did not */
	json_t *points;  /* [{sequence, time}], the oldest first; owned */
	json_t *machine; /* as it was offered; owned */
};
/* [any] False: it is none; nothing to finish. */
bool replica_record_read(const json_t *j, struct replica_record *out);
void replica_record_finish(struct replica_record *r); /* zeroed is fine */

/* [any] Digits of base 16; false: they are not, or too many. */
bool piece_read(const char *text, uint8_t out[PIECE_MAX], size_t *len);

struct replica {
	struct vm *vm;
	struct replica_record kept;
	uint64_t sizes[SPEC_DISKS];
	int64_t heard; /* of its primary, in seconds of the calendar */

	/* a beat */
	struct remote_session *session;
	struct rpc_call *call; /* that is not answered yet */
	uint64_t receiving;    /* number of the point that is made; 0: none */
	char key[MOVE_KEY_TEXT], key_folder[MOVE_KEY_FOLDER];
	struct tool *tool;
	uint32_t walk; /* of disks */
	int listener;
	uint16_t port;
	struct block_server *server;
	struct transfer *transfer;
	struct transfer_options options;
	struct replica_copy copy;

	bool is_defined;           /* active: it is a machine by its definition */
	bool is_closed;            /* to beats: it fails over */
	bool is_loading;           /* its next start puts back what ports knew at the point */
	struct failover *failover; /* that is made, or taken back; NULL: none */
};

/* ---- replica.c -------------------------------------------------------------------------------- */

struct replica *replica_find(const struct hv *hv, const char *id, const struct remote_session *s);
uint64_t replica_last(const struct replica *r); /* whole point; 0: none */
int replica_write(const struct replica *r, struct xvs_error *err);
/* Its definition is again what its primary said. */
int replica_respec(struct replica *r, struct xvs_error *err);
const char *replica_tag(uint64_t sequence, char out[REPLICA_TAG]);
/* As its host offers it.  NULL: the call was answered, or findings say why not. */
struct replica *replica_admit(struct hv *hv, const char *peer, struct rpc_call *call,
			      json_t *findings);

/* ---- replica_files.c -------------------------------------------------------------------------- */

void replica_receive(struct replica *r, struct rpc_call *call); /* r->key, r->receiving are set */
void replica_file(struct replica *r, struct rpc_call *call);
void replica_commit(struct replica *r, struct rpc_call *call);
/* Nothing of a beat goes on; whoever waits is told. */
void replica_hush(struct replica *r, const char *why);
/* Disks and points go. */
void replica_empty(struct replica *r);

#endif /* XVS_HV_REPLICA_PART_H */
