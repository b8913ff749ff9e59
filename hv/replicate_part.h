/* SPDX-License-Identifier: Apache-2.0 */
/* hv/replicate_part.h - what the files of a primary know of each other. */
#ifndef XVS_HV_REPLICATE_PART_H
#define XVS_HV_REPLICATE_PART_H

#include "base/str.h"
#include "block_server.h"
#include "move_key.h"
#include "remote.h"
#include "replicate.h"
#include "transfer.h"

enum { REPLICATE_WHY = 400 };

#define REPLICATE_TAG "=replica" /* of its ports' files: no checkpoint's name */

enum beat_phase {
	BEAT_NONE,
	BEAT_DISKS, /* what they are, and their bitmaps */
	BEAT_ADMIT,
	BEAT_RECEIVE, /* the replica makes exports */
	BEAT_SAVE,    /* ports; then copies begin: nothing else is done to the machine */
	BEAT_COPY,
	BEAT_FILES,
	BEAT_COMMIT,
	BEAT_FORGET,
	BEAT_PHASES,
};

/* What the replica's host is asked; one thing at a time. */
struct replicate_ask {
	const char *method; /* until it is sent */
	json_t *params;
	void (*answered)(struct replicating *r, const json_t *value);
};

struct replicating {
	struct vm *vm;
	char id[UUID_TEXT];
	char to[SPEC_TEXT];
	uint32_t every_s, points;
	uint64_t epoch, sequence; /* of the last whole point there */
	int64_t point_time;       /* when that was, in seconds of the calendar */
	bool is_yielded;          /* the machine is the other host's */
	bool is_sent;             /* it is off, and all of it is there */
	bool starts_later;

	enum beat_phase phase;
	struct loop_timer *timer;
	uint64_t began_ns, took_ns, bytes;
	uint64_t beats, failures; /* failures in a row */
	bool is_full;
	char why[REPLICATE_WHY]; /* of the last beat that failed; "": none since */

	struct remote_link *link;
	bool is_linked;
	struct replicate_ask ask;
	uint16_t port;

	bool holds_job;
	struct block_server *server; /* of a machine that is off */
	struct transfer *transfer;
	struct transfer_options options;
	struct replica_copy copy;
	json_t *nodes;
	char key[MOVE_KEY_TEXT], key_folder[MOVE_KEY_FOLDER];
	uint32_t file; /* 2 for each adapter */
	uint64_t offset;

	struct rpc_call *yield; /* a failover waits */
	bool is_stopping;       /* for it */
	uint64_t yield_epoch;
};

/* ---- replicate.c -------------------------------------------------------------------------------- */

int replicate_write(const struct replicating *r, struct xvs_error *err); /* the record */
void beat_begin(struct replicating *r);
void beat_again(struct replicating *r, uint64_t seconds);
void beat_clear(struct replicating *r); /* nothing of it goes on */
void beat_fail(struct replicating *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void beat_admitted(struct replicating *r, const json_t *value);
void beat_committed(struct replicating *r, const json_t *value);

/* ---- replicate_yield.c -------------------------------------------------------------------------- */

void yield_go_on(struct replicating *r);                   /* a beat was made */
void yield_refuse(struct replicating *r, const char *why); /* whoever asked, where somebody did */

/* ---- replicate_link.c --------------------------------------------------------------------------- */

/* answered() unless the beat fails before. */
void link_ask(struct replicating *r, const char *method, json_t *params,
	      void (*answered)(struct replicating *r, const json_t *value));
void link_close(struct replicating *r);
bool link_host(const struct replicating *r, char host[TLS_HOST_TEXT]);
/* What ports had saved, piece by piece; then beat_files_sent(). */
void link_send_files(struct replicating *r);
void beat_files_sent(struct replicating *r);

#endif /* XVS_HV_REPLICATE_PART_H */
