/* SPDX-License-Identifier: Apache-2.0 */
/* hv/arriving_part.h - what the files of an arrival know of each other. */
#ifndef XVS_HV_ARRIVING_PART_H
#define XVS_HV_ARRIVING_PART_H

#include "arriving.h"
#include "arriving_offer.h"
#include "base/str.h"
#include "move.h"
#include "move_key.h"
#include "remote.h"
#include "switch.h"
#include "transfer.h"

enum { ARRIVING_MAX = 64, ARRIVING_WHY = 400 };

/* After a restart: there is a record, and no machine can be made of it. */
#define ARRIVING_UNREAD "what is to come cannot be read here"

/* Who waits for the end of a call: a host, or a person here. */
struct arriving_waiter {
	struct rpc_call *call;
	struct remote_session *session; /* NULL: it is none of another host */
	vm_done done;
	void *arg;
};

struct arriving {
	struct arriving *next;
	struct arrivals *all;
	struct arrival *course;
	struct loop_timer *tick; /* what must not be done where it was found out */
	char move[UUID_TEXT];
	uint64_t epoch;
	char peer[SPEC_TEXT];           /* as the settings name it */
	struct remote_session *session; /* NULL: the other host is not connected */
	char local[80];                 /* where it reached us */
	struct arriving_waiter waiters[ARRIVAL_CALLS];
	bool is_asked[ARRIVAL_CALLS];
	enum arrival_step step; /* that runs; ARRIVAL_STEPS: none */

	bool has_disks;  /* they come along */
	json_t *machine; /* as it was offered */
	struct offer offer;
	json_t *findings;
	uint32_t walk; /* of adapters or disks */

	struct vm *vm; /* from *prepared* until the guest runs; NULL: unread, too */
	char name[SPEC_NAME];
	struct tool *tool;
	char key[MOVE_KEY_TEXT];
	char key_folder[MOVE_KEY_FOLDER];
	struct transfer *transfer;
	struct transfer_options options;
	uint16_t memory_port, disks_port;
	int disks_fd;
	struct switch_mark xvsd; /* when QEMU was started */
	bool is_loaded;          /* QEMU has all, and all disks are whole */
	bool is_done;            /* the guest ran here */
	bool has_definition;     /* a definition of ours may be in the folder */
	bool is_from_disks;
	uint64_t heard_ns, resume_us; /* from "commit" until the guest ran */
	char why[ARRIVING_WHY];

	struct arriving_waiter person; /* who resolves it */
	bool is_taken_over;
	json_t *doubts; /* moves of its ports that are to be resolved */
};

struct arrivals {
	struct hv *hv;
	struct remote_server *server;
	struct loop_timer *retry; /* of a listener that could not be made */
	struct arriving *list;
};

/* ---- arriving.c ------------------------------------------------------------------------------- */

/* NULL: out of memory, or there are too many. */
struct arriving *arriving_create(struct arrivals *all, const char *move, const char *peer,
				 enum arrival_record found, uint64_t epoch);
/* Where its own disks are, or will be. */
void arriving_disks(const struct arriving *a, char out[SPEC_PATH]);
struct arriving *arriving_find(const struct arrivals *all, const char *move);
/* The step that runs has ended; 'why' NULL: well. */
void arriving_step_end(struct arriving *a, const char *why);
/* 'w' is taken. */
void arriving_ask(struct arriving *a, enum arrival_call call, uint64_t epoch,
		  const struct arriving_waiter *w);
void arriving_look(struct arriving *a, uint64_t delay_ns); /* what is to be done is done then */
/* Its connection has ended. */
void arriving_left(struct arrivals *all, const struct remote_session *session);
void arriving_tell(struct arriving *a, const char *what); /* to the other host, where it is there */

/* ---- arriving_methods.c ----------------------------------------------------------------------- */

extern const struct rpc_method arriving_methods[];
extern const size_t arriving_method_count;

/* ---- arriving_ports.c ------------------------------------------------------------------------- */

void arriving_admit(struct arriving *a); /* ends the step */
void arriving_expect_again(struct arriving *a);
void arriving_forget_ports(struct arriving *a);
/* From before QEMU is started until all was loaded: our xvsd must be the same.  NULL: it was. */
void arriving_watch(struct arriving *a);
const char *arriving_watched(struct arriving *a);

/* ---- arriving_machine.c: steps ---------------------------------------------------------------- */

void arriving_prepare(struct arriving *a);
void arriving_receive(struct arriving *a);
void arriving_release(struct arriving *a);
void arriving_load(struct arriving *a);
void arriving_resume(struct arriving *a);
void arriving_discard(struct arriving *a);
void arriving_discard_go_on(struct arriving *a); /* QEMU may have gone by now */
void arriving_interrupt(struct arriving *a, enum arrival_step step);
void arriving_hold(struct arriving *a); /* the machine's job is to arrive */
/* QEMU is not spoken to any more. */
void arriving_hush(struct arriving *a, const char *why);

/* ---- arriving_record.c ------------------------------------------------------------------------ */

int arriving_write_prepared(struct arriving *a, struct xvs_error *err);
int arriving_write_loaded(struct arriving *a, struct xvs_error *err);
int arriving_write_opened(struct arriving *a, struct xvs_error *err);
int arriving_write_done(struct arriving *a, struct xvs_error *err);
int arriving_write_nothing(struct arriving *a, struct xvs_error *err);

#endif /* XVS_HV_ARRIVING_PART_H */
