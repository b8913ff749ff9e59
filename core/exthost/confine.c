/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exthost/confine.c - the process gives up what it does not need: its user, memory without limit,
 * files, and new rights for ever.
 *
 * Landlock is there since kernel 5.13; where it is not, system calls are still refused (filter.c) and
 * the user owns nothing.
 */
#include "exthost/exthost.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY = 65534, FILES_MAX = 64 };

static const rlim_t memory_max = UINT64_C(512) << 20;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0 /* else its shadow takes more address space than any limit */
#endif

static int limit(int what, rlim_t most)
{
	const struct rlimit l = { most, most };

	return setrlimit((__rlimit_resource_t)what, &l) == 0 ? 0 : -errno;
}

static int limit_resources(void)
{
	int code = limit(RLIMIT_CORE, 0);

	if (code == 0)
		code = limit(RLIMIT_NOFILE, FILES_MAX);
	if (code == 0 && !IS_SANITIZED)
		code = limit(RLIMIT_AS, memory_max);
	return code;
}

/* Who is not root stays who he is. */
static int drop_user(void)
{
	const struct passwd *user = geteuid() == 0 ? getpwnam("xvs-exthost") : NULL;
	uid_t uid = user ? user->pw_uid : NOBODY;
	gid_t gid = user ? user->pw_gid : NOBODY;

	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return -errno;
	return 0;
}

static int landlock_call(long nr, const void *a, size_t b, unsigned c, unsigned d)
{
	long result = syscall(nr, a, b, c, d);

	return result < 0 ? -errno : (int)result;
}

/* What it links is read, and nothing else of any file. */
static void allow_reading(int ruleset, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = access,
		.parent_fd = open(path, O_PATH | O_CLOEXEC),
	};

	if (rule.parent_fd < 0)
		return; /* it is not there to be read */
	(void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	(void)close(rule.parent_fd);
}

static int close_files(void)
{
	static const char *const folders[] = { "/lib", "/lib64", "/usr/lib", "/usr/local/lib" };
	/* all that the first version of Landlock knows */
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1
	};
	int ruleset = landlock_call(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0, 0);
	int code;

	if (ruleset == -ENOSYS || ruleset == -EOPNOTSUPP)
		return 0;
	if (ruleset < 0)
		return ruleset;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		allow_reading(ruleset, folders[i],
			      LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
	allow_reading(ruleset, "/etc/ld.so.cache", LANDLOCK_ACCESS_FS_READ_FILE);
	code = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0 : -errno;
	(void)close(ruleset);
	return code;
}

int confine(const char **step)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} steps[] = {
		{ "limits", limit_resources },
		{ "its user", drop_user },
		{ "Landlock", close_files },
	};

	*step = "no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int code = steps[i].fn();

		*step = steps[i].name;
		if (code)
			return code;
	}
	/* behind the change of user, which clears it; nobody may look into it, nor it into others */
	*step = "the end of the daemon";
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return -errno;
	return 0;
}
