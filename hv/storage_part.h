/* SPDX-License-Identifier: Apache-2.0 */
/* hv/storage_part.h - what the files of a disk's move share. */
#ifndef XVS_HV_STORAGE_PART_H
#define XVS_HV_STORAGE_PART_H

#include "storage.h"

enum storage_phase {
	STORAGE_PREPARE,
	STORAGE_COPY,
	STORAGE_SWITCH, /* the guest stands */
	STORAGE_UNDO,
	STORAGE_ENDED,
};

struct storage_file {
	char path[SPEC_PATH];
	enum disk_format format;
};

struct storage {
	struct vm *vm;
	uint32_t disk; /* index */
	char name[SPEC_NAME];
	struct storage_file from, to;
	uint64_t size, done, total, bandwidth;
	enum storage_phase phase;
	bool is_offline;
	bool is_recovery;
	bool was_running;
	struct loop_timer *timer;
	void (*next)(struct storage *s); /* what the timer does */
	struct tool *tool;
	const struct storage_file *use; /* that QEMU is being given */
	void (*given)(struct storage *s, const char *why);
	size_t step;
	char why[QMP_TEXT_MAX + 100]; /* it goes back; "": it goes forth */
};

extern const char storage_job[];

/* Is it still this that is being done? */
bool storage_goes_on(const struct storage *s);
void storage_after(struct storage *s, uint64_t delay_ms, void (*next)(struct storage *s));
/* The file is there, empty, and QEMU's user's. */
int storage_make(struct storage *s, struct xvs_error *err);
int storage_write(const struct storage *s, const char *state, struct xvs_error *err);
/* Which file the definition names. */
int storage_name(struct storage *s, const struct storage_file *file, struct xvs_error *err);
/* The file that does not count goes, and the record; the job ends.  'why' "": it has moved. */
void storage_end(struct storage *s, const char *why);
/* It has not begun: there is no file of it. */
void storage_drop(struct storage *s, const char *why);
/* Forgets it without a word. */
void storage_free(struct storage *s);

/* storage_live.c */
void live_begin(struct storage *s);
void live_cancel(struct storage *s);
void live_recover(struct storage *s);

/* storage_offline.c */
void offline_begin(struct storage *s);

#endif /* XVS_HV_STORAGE_PART_H */
