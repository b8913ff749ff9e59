/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm_user.c - each machine's QEMU runs as a user of its own, so that a guest that takes over its
 * QEMU meets the other machines as a stranger: their disks, sockets and processes are another's.
 *
 * Users are numbers of a range that nobody else has; they need no entry in /etc/passwd.  Which one
 * follows from the machine's UUID, so that hosts with the same range and shared storage mostly agree,
 * and a number does not come back soon for another machine.  Groups are those of --user: what is open
 * to its group (/dev/kvm, images that the administrator shares) is open to all machines.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "vm.h"

bool user_is_machines(const struct hv *hv, uid_t uid)
{
	return hv->users[0] && uid >= hv->users[0] && uid <= hv->users[1];
}

static void user_set(struct vm *vm, uid_t uid)
{
	vm->user = vm->hv->user;
	vm->user.uid = uid;
	vm->user.is_us = false;
	(void)snprintf(vm->user.name, sizeof(vm->user.name), "%lu", (unsigned long)uid);
	vm->has_user = true;
}

void vm_user_recall(struct vm *vm)
{
	struct xvs_error err = ERROR_INIT;
	json_t *state = store_read(vm->hv->store, vm->spec.name, "state.json", &err);
	json_int_t uid = json_integer_value(json_object_get(state, "uid"));

	json_decref(state);
	if (uid > 0 && uid < UINT32_MAX)
		user_set(vm, (uid_t)uid);
}

/* ---- choosing --------------------------------------------------------------------------------- */

static bool is_taken(const struct vm *vm, uid_t uid)
{
	for (const struct vm *other = vm->hv->vms; other; other = other->next) {
		if (other != vm && other->has_user && other->user.uid == uid)
			return true;
	}
	return false;
}

static int choose(struct vm *vm, struct xvs_error *err)
{
	const uid_t *range = vm->hv->users;
	uint64_t count = (uint64_t)range[1] - range[0] + 1;
	uint64_t first = get_be32(vm->spec.uuid);

	for (uint64_t i = 0; i < count; i++) {
		uid_t uid = range[0] + (uid_t)((first + i) % count);

		if (is_taken(vm, uid))
			continue;
		user_set(vm, uid);
		return 0;
	}
	return error_set(err, -ENOSPC, "",
			 "all %llu users of --users are other machines'; give it a larger range",
			 (unsigned long long)count);
}

/* ---- its files -------------------------------------------------------------------------------- */

/*
 * Only what a machine's user had before changes hands: a link to something else that a QEMU put
 * there stays whose it is.
 */
static int own(const struct vm *vm, int folder, const char *name)
{
	const struct hv *hv = vm->hv;
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (st.st_uid == vm->user.uid ||
	    (st.st_uid != hv->user.uid && !user_is_machines(hv, st.st_uid)))
		return 0;
	if (!S_ISDIR(st.st_mode) && (!S_ISREG(st.st_mode) || st.st_nlink != 1))
		return 0;
	return fchownat(folder, name, vm->user.uid, vm->user.gid, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int own_folder(const struct vm *vm, int folder)
{
	DIR *dir = fdopendir(folder);
	const struct dirent *e;
	int code = 0;

	if (!dir) {
		code = -errno;
		(void)close(folder);
		return code;
	}
	while (code == 0 && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			code = own(vm, folder, e->d_name);
	}
	(void)closedir(dir);
	return code;
}

/* One that is not made yet has none. */
static int own_all(const struct vm *vm)
{
	int folder = open(vm->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int disks;
	int code;

	if (folder < 0)
		return errno == ENOENT ? 0 : -errno;
	disks = openat(folder, "disks", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	code = own(vm, folder, "variables.fd");
	if (code == 0)
		code = own(vm, folder, "disks");
	if (code == 0 && disks >= 0)
		code = own_folder(vm, disks);
	else if (disks >= 0)
		(void)close(disks);
	(void)close(folder);
	return code;
}

int vm_user_settle(struct vm *vm, struct xvs_error *err)
{
	const struct hv *hv = vm->hv;
	int code = 0;

	if (!hv->users[0]) {
		vm->user = hv->user;
		vm->has_user = false;
	} else if (!vm->has_user || !user_is_machines(hv, vm->user.uid)) {
		code = choose(vm, err);
	}
	if (code || geteuid() != 0)
		return code;
	code = own_all(vm);
	if (code)
		return error_set(err, code, "", "folder %s: %s", vm->folder, strerror(-code));
	return files_settle(vm, err);
}
