/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/store.h - the state directory: one xvs-hv's memory from one start to the next.  [control]
 *
 *   lock                        held while an xvs-hv runs
 *   vms/NAME/definition.json    what the machine is; with it the folder is a machine
 *   vms/NAME/state.json         what was going on
 *   vms/NAME/departure.json     it moves to another host
 *   vms/NAME/arrival.json       it comes from another host, or has come
 *   vms/NAME/stone.json         it has moved there: what is left of it here (stone.h)
 *   vms/NAME/epoch.json         how often it has moved
 *   vms/NAME/disks/             belongs to the user that QEMU runs as
 *
 * A file is whole, of before or of after, whenever the host crashes.
 */
#ifndef XVS_HV_STORE_H
#define XVS_HV_STORE_H

#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"

struct store;

/* -EBUSY: another xvs-hv has it. */
int store_open(const char *dir, struct store **out, struct xvs_error *err);
void store_close(struct store *s); /* NULL is fine */

/* vms/NAME, and "disks" in it. */
void store_folder(const struct store *s, const char *name, char *out, size_t size);
int store_make(const struct store *s, const char *name, uid_t uid, gid_t gid,
	       struct xvs_error *err);
/* What store_make() made, where nothing was put into it but its state. */
void store_unmake(const struct store *s, const char *name);
/* With all that is in it, two levels deep. */
int store_remove(const struct store *s, const char *name, struct xvs_error *err);

/* NULL: there is none, or it cannot be read: 'err' says which, code 0 for none. */
json_t *store_read(const struct store *s, const char *name, const char *file,
		   struct xvs_error *err);
int store_write(const struct store *s, const char *name, const char *file, const json_t *value,
		struct xvs_error *err);

/* Fine where there is none. */
int store_remove_file(const struct store *s, const char *name, const char *file,
		      struct xvs_error *err);

/* Calls found() for every folder that has this file. */
int store_each(const struct store *s, const char *file, void (*found)(void *arg, const char *name),
	       void *arg, struct xvs_error *err);

/* [any] Writes 'path' by way of another name beside it. */
int file_replace(const char *path, const void *bytes, size_t len, struct xvs_error *err);

#endif /* XVS_HV_STORE_H */
