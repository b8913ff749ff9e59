/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm_files.c - disks that an operator brought: they are the machine's user's while it is defined.
 *
 * As libvirt does by dynamic_ownership, and only where it must be: a disk that the machine's user may
 * write already, by mode or by an access list, is left alone, and so is what is only read.  Whose it was
 * is written down before it changes hands, and gets it back when the machine is undefined or does not
 * have that disk any more.
 *
 *   owners.json        {"/srv/web.raw": {"owner": 1000, "user": 2000012345, "from": 2000054321}}
 *
 * "user" is whom we gave it to: it goes back from him alone, whoever the machine's user is by then.  A
 * machine that comes from another host, where the disk is "from"'s, brings along who had it before that;
 * until it runs here, it goes back to "from".
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
static int disk_open(const struct user *u, const char *path)
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
	if (is_its_folder(u, dir, name == folder ? "/" : folder))
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

/* ---- one disk's record ------------------------------------------------------------------------ */

static bool take_uid(const json_t *j, uid_t *out)
{
	const json_int_t uid = json_integer_value(j);

	*out = (uid_t)uid;
	return json_is_integer(j) && uid >= 0 && uid < UINT32_MAX;
}

/* An older xvs-hv wrote the owner alone. */
static bool ownership_read(const struct vm *vm, const json_t *j, struct ownership *out)
{
	out->user = vm->user.uid;
	if (json_is_integer(j))
		return take_uid(j, &out->owner);
	return take_uid(json_object_get(j, "owner"), &out->owner) &&
	       take_uid(json_object_get(j, "user"), &out->user);
}

static void ownership_put(json_t *owners, const char *path, const struct ownership *o)
{
	(void)json_object_set_new(owners, path,
				  json_pack("{s:I, s:I}", "owner", (json_int_t)o->owner, "user",
					    (json_int_t)o->user));
}

/* Another machine's record says whose a disk was that is its user's still. */
static bool knows_owner(const struct vm *other, const char *path, uid_t user, uid_t *owner)
{
	json_t *owners = owners_read(other);
	struct ownership o;
	bool knows = ownership_read(other, json_object_get(owners, path), &o) && o.user == user;

	json_decref(owners);
	if (knows)
		*owner = o.owner;
	return knows;
}

/* Whose it is when no machine has it: never a machine's, but root's where nobody knows any more. */
static uid_t owner_of(const struct vm *vm, const char *path, uid_t uid)
{
	uid_t owner = user_is_machines(vm->hv, uid) ? 0 : uid;

	for (const struct vm *other = vm->hv->vms; other; other = other->next) {
		if (other != vm && knows_owner(other, path, uid, &owner))
			break;
	}
	return owner;
}

/* ---- to the machine --------------------------------------------------------------------------- */

/* Who gets it back: whom the record names, unless it has changed hands since. */
static uid_t owner_by(const struct vm *vm, const json_t *former, const char *path, uid_t uid)
{
	struct ownership o;

	/* an old record does not say to whom we gave it, and the machine may have another user by now */
	if (ownership_read(vm, former, &o) && (json_is_integer(former) || o.user == uid))
		return o.owner;
	return owner_of(vm, path, uid);
}

/* It has not changed hands, so what was known of it holds. */
static int record_restore(const struct vm *vm, const char *path, json_t *owners, json_t *former,
			  struct xvs_error *err)
{
	if (former)
		(void)json_object_set(owners, path, former);
	else
		(void)json_object_del(owners, path);
	return owners_write(vm, owners, err);
}

static int take(const struct vm *vm, const struct disk_spec *disk, int fd, json_t *owners,
		struct xvs_error *err)
{
	struct ownership o = { .user = vm->user.uid };
	struct stat st;
	json_t *former;
	int code;

	if (fstat(fd, &st) || may_write(&vm->user, fd, &st) || !may_change_hands(&st))
		return 0; /* what it may not open after all, the start names */
	former = json_incref(json_object_get(owners, disk->file));
	o.owner = owner_by(vm, former, disk->file, st.st_uid);
	ownership_put(owners, disk->file, &o);
	(void)json_object_set(json_object_get(owners, disk->file), "from",
			      json_object_get(former, "from"));
	code = owners_write(vm, owners, err);
	if (code == 0 && fchown(fd, vm->user.uid, (gid_t)-1)) {
		/* QEMU may be able to open it all the same; if not, the start says so */
		log_message(MSG_VM, "vm %s: disk %s: %s cannot be given to user %s: %s",
			    vm->spec.name, disk->name, disk->file, vm->user.name, strerror(errno));
		code = record_restore(vm, disk->file, owners, former, err);
	} else if (code == 0) {
		log_message(MSG_VM,
			    "vm %s: disk %s: %s is user %s's now; user %u gets it back when the "
			    "machine is undefined",
			    vm->spec.name, disk->name, disk->file, vm->user.name,
			    (unsigned)o.owner);
	}
	json_decref(former);
	return code;
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

/* What is called so now is not what we gave away: it has gone, or somebody has given it to another one. */
static bool is_anothers(const char *path, uid_t user)
{
	struct stat st;

	return lstat(path, &st) ? errno == ENOENT : st.st_uid != user;
}

/* 0: there is nothing to be given back any more.  -errno: it is tried again. */
static int give_back(const struct vm *vm, const char *path, const struct ownership *o)
{
	struct user user = vm->user;
	struct stat st;
	int code = 0;
	int fd;

	user.uid = o->user;
	fd = disk_open(&user, path);
	if (fd < 0) {
		code = -errno;
		return is_anothers(path, o->user) ? 0 : code;
	}
	if (fstat(fd, &st)) {
		code = -errno;
	} else if (st.st_uid == o->user && !may_change_hands(&st)) {
		code = -EMLINK;
	} else if (st.st_uid == o->user) {
		code = fchown(fd, o->owner, (gid_t)-1) ? -errno : 0;
		if (code == 0)
			log_message(MSG_VM, "vm %s: %s is user %u's again", vm->spec.name, path,
				    (unsigned)o->owner);
	}
	(void)close(fd);
	return code;
}

/* The first that failed is told; what was given back is in 'owners' no more. */
static int give_back_unwanted(const struct vm *vm, json_t *owners, bool has_gone,
			      struct xvs_error *err)
{
	const char *path;
	json_t *owner;
	void *next;

	err->code = 0;
	json_object_foreach_safe(owners, next, path, owner)
	{
		struct ownership o;
		int code = 0;

		if (!has_gone && is_wanted(vm, path))
			continue;
		if (ownership_read(vm, owner, &o))
			code = give_back(vm, path, &o);
		if (code == 0)
			(void)json_object_del(owners, path);
		else if (err->code == 0)
			(void)error_set(err, code, "",
					"%s is user %u's and cannot be given back to user %u: %s; "
					"give it back by hand",
					path, (unsigned)o.user, (unsigned)o.owner, strerror(-code));
	}
	return err->code;
}

/* ---- from host to host ------------------------------------------------------------------------- */

bool files_owner(const struct vm *vm, const char *path, struct ownership *out)
{
	json_t *owners = owners_read(vm);
	bool is_known = ownership_read(vm, json_object_get(owners, path), out);

	json_decref(owners);
	return is_known;
}

static void expect(const struct vm *vm, const char *path, const struct ownership *told,
		   json_t *owners)
{
	struct stat st;

	(void)json_object_del(json_object_get(owners, path), "from"); /* of a time before */
	if (told->owner == told->user || user_is_machines(vm->hv, told->owner) ||
	    lstat(path, &st) || st.st_uid != told->user)
		return;
	ownership_put(owners, path, told);
	(void)json_object_set_new(json_object_get(owners, path), "from", json_integer(told->user));
}

int files_expect(const struct vm *vm, const struct ownership told[SPEC_DISKS],
		 struct xvs_error *err)
{
	json_t *owners = owners_read(vm);
	int code;

	for (uint32_t i = 0; i < vm->spec.disk_count; i++) {
		const struct disk_spec *disk = &vm->spec.disks[i];

		if (disk->file[0] && !disk->is_read_only)
			expect(vm, disk->file, &told[i], owners);
	}
	code = owners_write(vm, owners, err);
	json_decref(owners);
	return code;
}

/* Where it came from it is the machine's still: what is only expected here is nobody's affair there. */
static void unexpect(json_t *owners)
{
	const char *path;
	json_t *entry;
	void *next;

	json_object_foreach_safe(owners, next, path, entry)
	{
		json_t *from = json_object_get(entry, "from");

		if (from && json_equal(from, json_object_get(entry, "user")))
			(void)json_object_del(owners, path);
		else if (from)
			(void)json_object_set(entry, "owner", from);
	}
}

int files_leave(const struct vm *vm, struct xvs_error *err)
{
	json_t *owners = owners_read(vm);
	int code;

	unexpect(owners);
	code = owners_write(vm, owners, err);
	json_decref(owners);
	return code ? code : files_return(vm, err);
}

/* ---- */

int files_settle(struct vm *vm, struct xvs_error *err)
{
	struct xvs_error kept = ERROR_INIT;
	json_t *owners;
	size_t before;
	int code = 0;

	/* a machine that is about to be defined has no folder to write that down in; it starts later */
	if (vm->hv->settings.is_ownership_static || vm->user.is_us || access(vm->folder, F_OK))
		return 0;
	owners = owners_read(vm);
	before = json_object_size(owners);
	if (give_back_unwanted(vm, owners, false, &kept))
		log_message(MSG_VM, "vm %s: %s", vm->spec.name, kept.text);
	if (json_object_size(owners) != before)
		code = owners_write(vm, owners, err);
	for (uint32_t i = 0; i < vm->spec.disk_count && code == 0; i++) {
		const struct disk_spec *disk = &vm->spec.disks[i];
		int fd = disk->file[0] && !disk->is_read_only ? disk_open(&vm->user, disk->file)
							      : -1;

		if (fd < 0)
			continue;
		code = take(vm, disk, fd, owners, err);
		(void)close(fd);
	}
	json_decref(owners);
	return code;
}

int files_return(const struct vm *vm, struct xvs_error *err)
{
	json_t *owners;
	size_t before;
	int code;

	if (vm->hv->settings.is_ownership_static)
		return 0;
	owners = owners_read(vm);
	before = json_object_size(owners);
	code = give_back_unwanted(vm, owners, true, err);
	/* what is written must not name what was given back: it may be another machine's soon */
	if (code && json_object_size(owners) != before) {
		struct xvs_error ignored = ERROR_INIT;

		(void)owners_write(vm, owners, &ignored);
	}
	json_decref(owners);
	return code;
}
