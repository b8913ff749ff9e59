/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/transfer_script.h - a work of a transfer is a list of acts, one after the other.  What
 * transfer.c, transfer_send.c and transfer_receive.c know of each other.
 */
#ifndef XVS_HV_TRANSFER_SCRIPT_H
#define XVS_HV_TRANSFER_SCRIPT_H

#include "transfer.h"

enum { TRANSFER_TEXT = QMP_TEXT_MAX + 64, TRANSFER_HOST = 80, TRANSFER_TICK_MS = 200 };

enum outcome {
	ACT_DONE,
	ACT_ASKED,  /* QEMU: its answer is judged */
	ACT_AGAIN,  /* at the next event, or a little later */
	ACT_FAILED, /* the reason is in t->why */
};

struct act {
	enum outcome (*begin)(struct transfer *t);
	/* NULL: what is refused has failed. */
	enum outcome (*judge)(struct transfer *t, const struct qmp_answer *answer);
	bool is_for_each_disk; /* t->disk is its number; read-only ones do not count */
};

struct progress {
	uint64_t sent, left, total, rate; /* bytes, of memory; bits a second */
	uint64_t passes, dirty_rate;      /* bytes a second */
	uint64_t disk_done, disk_total;
	uint64_t downtime_ms;
};

struct replica_copy;

struct transfer {
	struct qmp *qmp;
	const struct vm_spec *spec;
	const struct transfer_options *options;
	struct loop_timer *tick;
	const struct act *act; /* that is worked on; NULL: none */
	uint32_t disk;
	bool is_asking, is_running;
	bool is_abandoned;    /* what was asked is no longer of interest */
	bool is_destroyed;    /* and goes when QEMU has answered */
	enum outcome outcome; /* of an answer that came at once */
	transfer_done done;
	void *arg;
	char why[TRANSFER_TEXT];
	char host[TRANSFER_HOST];
	uint16_t port;
	int fd;
	char status[32]; /* of QEMU's migration */
	uint32_t downtime_ms;
	uint32_t slow_passes; /* in a row that made little smaller */
	uint64_t left_before;
	bool is_limit_due;
	struct progress progress;
	struct replica_copy *copy; /* of a replication's beat, while one is made */
};

/* The list ends with an act without begin(). */
void script_start(struct transfer *t, const struct act *acts, transfer_done done, void *arg);
/* 'arguments' are taken. */
enum outcome script_ask(struct transfer *t, const char *command, json_t *arguments);
enum outcome script_ask_fd(struct transfer *t, const char *command, json_t *arguments, int fd);
enum outcome script_fail(struct transfer *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* For what may have gone already: a refusal is fine. */
enum outcome judge_kindly(struct transfer *t, const struct qmp_answer *answer);

const char *script_disk(const struct transfer *t); /* its name */
uint64_t json_u64(const json_t *object, const char *key);

/* Acts of both sides. */
enum outcome key_remove(struct transfer *t);
enum outcome status_ask(struct transfer *t);
void status_read(struct transfer *t, const json_t *answer);

enum outcome key_add(struct transfer *t, const char *endpoint);
enum outcome capabilities_set(struct transfer *t);
extern const char transfer_key[]; /* id of the object that has the key */

#endif /* XVS_HV_TRANSFER_SCRIPT_H */
