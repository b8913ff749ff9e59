/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm.h - one virtual machine and what is being done with it.  All of it is [control].
 *
 *                 start                   guest or stop
 *      STOPPED ----------> STARTING -> RUNNING -----------> STOPPED
 *         ^                   |         ^   | pause
 *         |    failed, killed |  resume |   v
 *         +-------------------+        PAUSED
 *
 * One verb at a time works on a machine; kill interrupts any.  A machine whose QEMU ends is STOPPED,
 * whatever was being done; its restart policy may start it again.
 */
#ifndef XVS_HV_VM_H
#define XVS_HV_VM_H

#include "command.h"
#include "hv.h"
#include "qmp.h"

enum { VM_SOCKET = RUN_FOLDER + 2 * SPEC_NAME + 16 };

enum vm_state { VM_STOPPED, VM_STARTING, VM_RUNNING, VM_PAUSED };

enum { CHECKPOINTS_MAX = 32 };
enum checkpoint_verb { CHECKPOINT_SAVE, CHECKPOINT_REVERT, CHECKPOINT_DELETE };

/* A verb has ended: code 0 or -errno, and then 'text' is a whole sentence. */
typedef void (*vm_done)(void *arg, int code, const char *text);

/* What is being done. */
struct vm_job {
	const char *what; /* "starting"; NULL: nothing */
	vm_done done;
	void *arg;
	bool ends_with_qemu;          /* that QEMU ends is its success */
	char why[QMP_TEXT_MAX + 200]; /* of a failure that waits for the end of QEMU */
	/* Events of QEMU while it lasts; NULL: it does not listen. */
	void (*event)(struct vm *vm, const char *name, const json_t *data);
	void (*late)(struct vm *vm); /* its deadline has come */
	/* The conversation with QEMU has ended and is taken up again later; NULL: nobody asks. */
	void (*silent)(struct vm *vm);
	/* QEMU has ended, 'tail' is what it wrote last; the job ends itself.  NULL: it ends by that. */
	void (*gone)(struct vm *vm, const char *tail);
	struct loop_timer *deadline;
	void *state; /* the job's own */
};

struct departing;
struct replica;
struct replicating;

struct vm {
	struct vm *next;
	struct hv *hv;
	struct vm_spec spec;
	char folder[SPEC_PATH]; /* in the state directory */
	char disks[SPEC_PATH];  /* in it */
	char run[RUN_FOLDER + SPEC_NAME];

	enum vm_state state;
	struct process process; /* pid 0: none */
	struct event *exited;
	struct qmp *qmp;
	struct loop_timer *reconnect;
	struct loop_timer *keep; /* what could not be written down is tried again */
	bool is_unkept;
	struct user user; /* as which its QEMU runs */
	bool has_user;    /* that was chosen; else it is what --user says */
	bool is_kvm;
	bool is_wanted;  /* it is to run, after a crash and after our own restart, too */
	bool is_orderly; /* QEMU said that it ends as it should */
	bool is_adopted;
	bool has_saved_state; /* its next start goes on where "save" ended */
	uint32_t failures;    /* in a row */
	uint64_t started_ns;
	uint64_t restart_ns; /* when it is started again; 0: it is not */
	struct loop_timer *restart;
	char problem[QMP_TEXT_MAX + 200]; /* what went wrong last; "": nothing */

	struct arriving *arriving; /* it comes from another host and is not ours yet; NULL: it is */
	struct vm_job job;
	struct vm_spec coming;                /* while it is redefined; what it was, afterwards */
	uint32_t disks_made;                  /* by this job: bits */
	struct launch launch;                 /* while starting */
	json_t *ports;                        /* by "switch/port": what xvsd was told, as text */
	json_t *checkpoints;                  /* a list */
	enum checkpoint_verb checkpoint_verb; /* what is being done with which */
	char checkpoint[SPEC_NAME];
	bool was_running;     /* before it */
	bool is_port_blocked; /* the port that is made anew was */
	uint32_t walk;        /* the adapter or disk that is worked on */
	void (*walked)(struct vm *vm, int code, const char *text);
	struct tool *tool;               /* that runs for it */
	struct replicating *replicating; /* another host has a copy of it (replicate.h); NULL: none */
	struct replica *replica; /* it is a copy of another host's (replica.h); NULL: it is not */
	struct departing *departing; /* it moves to another host; NULL: it does not */
	struct archiving *archiving; /* vm_archive.h; NULL: nothing */
	struct storage *storage;     /* a disk of it moves; NULL: none does */
	json_t *storage_report;      /* of the last one that did */
	bool wants_fresh_ports;      /* of its next start */
	bool has_fresh_ports;        /* they are not to have what was saved */
};

/* Takes what 'spec' holds.  NULL: out of memory.  Not in the list yet. */
struct vm *vm_create(struct hv *hv, const struct vm_spec *spec);
/* Not while something is being done.  Its QEMU goes on. */
void vm_destroy(struct vm *vm);

const char *vm_state_name(const struct vm *vm);
json_t *vm_print(const struct vm *vm);       /* one line of a list; new */
json_t *vm_print_whole(const struct vm *vm); /* all of it; new */
void vm_socket(const struct vm *vm, const char *kind, const char *name, char *out, size_t size);

/* Writes down what is to survive us.  An error: what was written before stands. */
int vm_record(struct vm *vm, struct xvs_error *err);
/* The same for what has happened already: a failure is its problem, and tried again. */
void vm_keep(struct vm *vm);
/* Reads what was kept: the pid and start time of its QEMU. */
void vm_recall(struct vm *vm, pid_t *pid, uint64_t *start_time, bool *is_same_boot);

void vm_problem(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- jobs ------------------------------------------------------------------------------------- */

/* False: it was refused, and done() told so. */
bool job_begin(struct vm *vm, const char *what, vm_done done, void *arg);
/* Is the job there still whose answer has come?  Nothing else waits for QEMU's end but its end. */
bool job_goes_on(const struct vm *vm);
void job_deadline(struct vm *vm, uint64_t seconds, void (*late)(struct vm *vm));
void job_end(struct vm *vm, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* QEMU is killed first, where it runs; then the job ends with this. */
void job_fail(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- vm_run.c: QEMU's process and conversation ------------------------------------------------- */

/* A socket that only we may connect to; its descriptor, or -errno. */
int socket_listen(const char *path, struct xvs_error *err);
/* Sockets, taps and files for a start. */
int run_prepare(struct vm *vm, struct xvs_error *err);
/* Starts QEMU; ready() once it speaks. */
int run_launch(struct vm *vm, struct xvs_error *err);
/* Watches a process; connects to its QMP. */
int run_watch(struct vm *vm, struct xvs_error *err);
int run_connect(struct vm *vm, struct xvs_error *err);
/* Adapters that are taps: up while the machine runs, down while it does not. */
void run_set_taps(struct vm *vm, bool is_up);
void run_forget(struct vm *vm); /* conversation and watch; QEMU goes on */

/* ---- vm_ports.c -------------------------------------------------------------------------------- */

/* Every adapter's port as the definition has it; vm->walked. */
void ports_ensure(struct vm *vm, void (*walked)(struct vm *vm, int code, const char *text));
void ports_remove(struct vm *vm, void (*walked)(struct vm *vm, int code, const char *text));
/* They came with the machine: what xvsd has is what it would have been told. */
void ports_assume(struct vm *vm);
/* What the port of an adapter is connected to, by its machine's folder of sockets; new. */
json_t *port_backend(const char *run, const struct adapter_spec *a);
/* Would xvsd make them all?  Nothing is made. */
void ports_ask(struct vm *vm, void (*walked)(struct vm *vm, int code, const char *text));
/* The device of a port that is a tap. */
void tap_name(const struct adapter_spec *a, char out[16]);

/* ---- vm_disks.c -------------------------------------------------------------------------------- */

/* Makes disks that have a size and are not there; vm->walked. */
void disks_ensure(struct vm *vm, void (*walked)(struct vm *vm, int code, const char *text));
/* Removes those that it made for this job. */
void disks_undo(struct vm *vm);

/* ---- vm_user.c --------------------------------------------------------------------------------- */

/* Reads which user it was given, so that no other machine is given that one. */
void vm_user_recall(struct vm *vm);
/* Chooses where none was, and gives it the machine's own files.  Not while QEMU runs. */
int vm_user_settle(struct vm *vm, struct xvs_error *err);
/* Is it of the range of machines' users? */
bool user_is_machines(const struct hv *hv, uid_t uid);
/* vm_files.c: disks outside of its folder are its user's, where the settings allow that. */
int files_settle(struct vm *vm, struct xvs_error *err);
/* To those who had them; where one cannot be given back, the record says still whose it was. */
int files_return(const struct vm *vm, struct xvs_error *err);
/* A disk that changed hands; both the same: it did not. */
struct ownership {
	uid_t owner; /* who brought it */
	uid_t user;  /* to whom it was given */
};
bool files_owner(const struct vm *vm, const char *path, struct ownership *out);
/* A machine comes, its disks being those of the host that it runs on: what was told of them there. */
int files_expect(const struct vm *vm, const struct ownership told[SPEC_DISKS],
		 struct xvs_error *err);
/* And does not come: as files_return(), but to whom they belong there. */
int files_leave(const struct vm *vm, struct xvs_error *err);

/* ---- vm_save.c --------------------------------------------------------------------------------- */

void vm_save(struct vm *vm, vm_done done, void *arg);
void vm_discard(struct vm *vm, vm_done done, void *arg); /* what was saved */
/* Parts of a start: the state of before is read, and vm_go_on(); it is not needed any more. */
void save_load(struct vm *vm);
bool save_is_there(const struct vm *vm);
void save_consumed(struct vm *vm);

/* ---- vm_checkpoint.c --------------------------------------------------------------------------- */

/* [any] */
bool checkpoint_is_name(const char *name);
/* Of a machine that runs or stands still. */
void vm_checkpoint(struct vm *vm, enum checkpoint_verb verb, const char *name, vm_done done,
		   void *arg);

/* ---- vm_life.c, vm_stop.c: verbs --------------------------------------------------------------- */

void vm_define(struct vm *vm, vm_done done, void *arg);
/* Takes what 'spec' holds, also where it is refused. */
void vm_redefine(struct vm *vm, struct vm_spec *spec, vm_done done, void *arg);
void vm_undefine(struct vm *vm, vm_done done, void *arg); /* destroys it where it succeeds */
void vm_start(struct vm *vm, vm_done done, void *arg);
void vm_restart_later(struct vm *vm);
void vm_go_on(struct vm *vm); /* the last step of a start */
void vm_adopt(struct vm *vm);
void vm_stop(struct vm *vm, vm_done done, void *arg);
void vm_kill(struct vm *vm, vm_done done, void *arg);
void vm_reset(struct vm *vm, vm_done done, void *arg);
void vm_pause(struct vm *vm, vm_done done, void *arg);
void vm_resume(struct vm *vm, vm_done done, void *arg);

/* Connects to the console, or a serial port by its name.  The descriptor; -errno. */
int vm_console(const struct vm *vm, const char *serial, struct xvs_error *err);

#endif /* XVS_HV_VM_H */
