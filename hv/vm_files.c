/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm_files.c - disks that an operator brought: they are the machine's user's while it is defined.
 *
 * As libvirt does by dynamic_ownership, and only where it must be: a disk that the machine's user may
 * write already, by mode or by an access list, is left alone, and so is what is only read.  Whose it was
 * is written down before it changes hands, and gets it back when the machine is undefined or does not
 * have that disk any more.
 *
 *   owners.json        {"/srv/web.raw": 0}
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "vm.h"

static const char record[] = "owners.json";

static bool has_group(const struct user *u, gid_t gid)
{
	for (int i = 0; i < u->group_count; i++) {
		if (u->groups[i] == gid)
			return true;
	}
	return u->gid == gid;
}

/* May the machine's user put another file in the place of one in this folder? */
static bool is_its_folder(const struct user *u, int folder, const char *path)
{
	struct stat st;

	if (fstat(folder, &st) || st.st_uid == u->uid || st.st_mode & S_IWOTH)
		return true;
	if (st.st_mode & S_IWGRP && has_group(u, st.st_gid))
		return true;
	return getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

static int open_resolved(int at, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };

	return (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
}

/*
 * We are root, and QEMU may have been taken over by its guest: what it can put in place of its disk,
 * by a link or by a file of another machine, must not become its own.  So no link is followed, but those
 * of /dev, which are root's, and no file is touched in a folder that the machine's user may write.
 */
static int disk_open(const struct vm *vm, const char *path)
{
	uint64_t resolve = strncmp(path, "/dev/", 5) == 0 ? 0 : RESOLVE_NO_SYMLINKS;
	char folder[SPEC_PATH];
	char *name;
	int dir;
	int fd = -1;

	if (path[0] != '/' || !str_copy(folder, sizeof(folder), path))
		return -1;
	name = strrchr(folder, '/');
	*name = '\0';
	dir = open_resolved(AT_FDCWD, name == folder ? "/" : folder, O_PATH | O_DIRECTORY, resolve);
	if (dir < 0)
		return -1;
	if (is_its_folder(&vm->user, dir, name == folder ? "/" : folder))
		errno = EPERM;
	else
		fd = open_resolved(dir, name + 1, O_RDONLY | O_NONBLOCK, resolve);
	(void)close(dir);
	return fd;
}

/* By mode; where there is an access list, it is the administrator's affair. */
static bool may_write(const struct user *u, int fd, const struct stat *st)
{
	mode_t wanted = S_IROTH | S_IWOTH;

	if (fgetxattr(fd, "system.posix_acl_access", NULL, 0) > 0)
		return true;
	if (st->st_uid == u->uid)
		return true; /* its own mode is its own affair, too */
	if (has_group(u, st->st_gid))
		wanted = S_IRGRP | S_IWGRP;
	return (st->st_mode & wanted) == wanted;
}

/* A second name of it may be somebody's who counts on it. */
static bool may_change_hands(const struct stat *st)
{
	return S_ISBLK(st->st_mode) || (S_ISREG(st->st_mode) && st->st_nlink == 1);
}

static json_t *owners_read(const struct vm *vm)
{
	struct xvs_error err = ERROR_INIT;
	json_t *owners = store_read(vm->hv->store, vm->spec.name, record, &err);

	if (json_is_object(owners))
		return owners;
	json_decref(owners);
	return json_object();
}

static int owners_write(const struct vm *vm, const json_t *owners, struct xvs_error *err)
{
	if (json_object_size(owners) == 0)
		return store_remove_file(vm->hv->store, vm->spec.name, record, err);
	return store_write(vm->hv->store, vm->spec.name, record, owners, err);
}

/* ---- to the machine --------------------------------------------------------------------------- */

static int take(const struct vm *vm, const struct disk_spec *disk, int fd, json_t *owners,
		struct xvs_error *err)
{
	struct stat st;
	int code = 0;

	if (fstat(fd, &st) || may_write(&vm->user, fd, &st) || !may_change_hands(&st))
		return 0; /* what it may not open after all, the start names */
	if (!json_object_get(owners, disk->file)) {
		(void)json_object_set_new(owners, disk->file, json_integer(st.st_uid));
		code = owners_write(vm, owners, err);
	}
	if (code)
		return code;
	if (fchown(fd, vm->user.uid, (gid_t)-1)) {
		/* QEMU may be able to open it all the same; if not, the start says so */
		log_message(MSG_VM, "vm %s: disk %s: %s cannot be given to user %s: %s",
			    vm->spec.name, disk->name, disk->file, vm->user.name, strerror(errno));
		(void)json_object_del(owners, disk->file);
		return owners_write(vm, owners, err);
	}
	log_message(MSG_VM,
		    "vm %s: disk %s: %s is user %s's now; user %u gets it back when the machine "
		    "is undefined",
		    vm->spec.name, disk->name, disk->file, vm->user.name, (unsigned)st.st_uid);
	return 0;
}

/* ---- and back --------------------------------------------------------------------------------- */

static bool is_wanted(const struct vm *vm, const char *path)
{
	for (uint32_t i = 0; i < vm->spec.disk_count; i++) {
		if (!vm->spec.disks[i].is_read_only && strcmp(vm->spec.disks[i].file, path) == 0)
			return true;
	}
	return false;
}

/*
 * Only what is the machine's still: somebody may have given it to another one.  False: it could not be
 * looked at, or not be given; it is tried again.
 */
static bool give_back(const struct vm *vm, const char *path, const json_t *owner)
{
	int fd = disk_open(vm, path);
	json_int_t uid = json_integer_value(owner);
	struct stat st;
	bool is_done = true;

	if (fd < 0)
		return errno == ENOENT;
	if (json_is_integer(owner) && uid >= 0 && uid < UINT32_MAX && fstat(fd, &st) == 0 &&
	    st.st_uid == vm->user.uid && may_change_hands(&st)) {
		is_done = fchown(fd, (uid_t)uid, (gid_t)-1) == 0;
		log_message(MSG_VM,
			    is_done ? "vm %s: %s is user %u's again"
				    : "vm %s: %s cannot be given back to user %u",
			    vm->spec.name, path, (unsigned)uid);
	}
	(void)close(fd);
	return is_done;
}

static void give_back_unwanted(const struct vm *vm, json_t *owners, bool has_gone)
{
	const char *path;
	json_t *owner;
	void *next;

	json_object_foreach_safe(owners, next, path, owner)
	{
		if (!has_gone && is_wanted(vm, path))
			continue;
		if (give_back(vm, path, owner) || has_gone)
			(void)json_object_del(owners, path);
	}
}

/* ---- */

int files_settle(struct vm *vm, struct xvs_error *err)
{
	json_t *owners;
	size_t before;
	int code = 0;

	/* a machine that is about to be defined has no folder to write that down in; it starts later */
	if (vm->hv->settings.is_ownership_static || vm->user.is_us || access(vm->folder, F_OK))
		return 0;
	owners = owners_read(vm);
	before = json_object_size(owners);
	give_back_unwanted(vm, owners, false);
	if (json_object_size(owners) != before)
		code = owners_write(vm, owners, err);
	for (uint32_t i = 0; i < vm->spec.disk_count && code == 0; i++) {
		const struct disk_spec *disk = &vm->spec.disks[i];
		int fd = disk->file[0] && !disk->is_read_only ? disk_open(vm, disk->file) : -1;

		if (fd < 0)
			continue;
		code = take(vm, disk, fd, owners, err);
		(void)close(fd);
	}
	json_decref(owners);
	return code;
}

void files_return(const struct vm *vm)
{
	json_t *owners = owners_read(vm);

	give_back_unwanted(vm, owners, true);
	json_decref(owners);
}
