/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/cgroup.c - where cgroups of version 2 are, and files in them.
 */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

static bool mount_find(char out[PATH_MAX])
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	char room[4096];
	struct mntent m;
	bool is_found = false;

	while (mounts && !is_found && getmntent_r(mounts, &m, room, sizeof(room)))
		is_found = strcmp(m.mnt_type, "cgroup2") == 0 && str_copy(out, PATH_MAX, m.mnt_dir);
	if (mounts)
		(void)endmntent(mounts);
	return is_found;
}

/* "0::/path" of /proc/self/cgroup: ours in the tree of version 2. */
static bool own_find(char out[PATH_MAX])
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];
	bool is_found = false;

	while (f && !is_found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		is_found = strncmp(line, "0::", 3) == 0 && str_copy(out, PATH_MAX, line + 3);
	}
	if (f)
		(void)fclose(f);
	return is_found;
}

static bool path_make(const char *name, const char *file, char out[PATH_MAX])
{
	char mount[PATH_MAX];
	char own[PATH_MAX];
	int len;

	if (!mount_find(mount) || !own_find(own))
		return false;
	len = snprintf(out, PATH_MAX, "%s%s/%s%s", mount, strcmp(own, "/") ? own : "", name, file);
	return len > 0 && len < PATH_MAX;
}

bool cgroup_enter(const char *name, pid_t pid)
{
	char path[PATH_MAX];
	char text[32];
	bool is_in;
	int fd;

	if (!path_make(name, "", path) || (mkdir(path, 0755) && errno != EEXIST) ||
	    !path_make(name, "/cgroup.procs", path))
		return false;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	is_in = write(fd, text, strlen(text)) > 0;
	(void)close(fd);
	return is_in;
}

void cgroup_remove(const char *name)
{
	char path[PATH_MAX];

	if (path_make(name, "", path))
		(void)rmdir(path);
}
