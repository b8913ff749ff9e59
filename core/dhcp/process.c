/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dhcp/process.c - starting and ending dnsmasq.
 *
 * It cannot be told to die with us (PR_SET_PDEATHSIG), since it changes its user, which makes the kernel
 * forget that.  So the next daemon looks for what the last one left: the file of its configuration is
 * in a folder that belongs to one daemon, and is named in its command line.  The process is held by a
 * descriptor before it is looked at, so its number cannot become somebody else's in between.
 */
#include "dhcp/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "port/netns.h"

enum { PATH_MAX_OURS = 4096, LAST_WAIT_MS = 2000 };

/* ---- where it is -------------------------------------------------------------------------------- */

int dhcp_program(const char **out, struct xvs_error *err)
{
	static const char *const places[] = { "/usr/sbin/dnsmasq", "/usr/local/sbin/dnsmasq",
					      "/sbin/dnsmasq", "/usr/bin/dnsmasq" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (access(places[i], X_OK) == 0) {
			*out = places[i];
			return 0;
		}
	}
	return error_set(err, -ENOENT, "",
			 "dnsmasq, which gives guests their addresses, is not installed: apt-get "
			 "install dnsmasq-base");
}

/* Who has no other rights; "nobody" where the package has made nobody for it. */
static const char *user_of(const char **group)
{
	const struct passwd *pw = getpwnam("dnsmasq");
	const struct group *gr;

	if (!pw)
		pw = getpwnam("nobody");
	gr = pw ? getgrgid(pw->pw_gid) : NULL;
	*group = gr ? gr->gr_name : "nogroup";
	return pw ? pw->pw_name : "nobody";
}

/* ---- starting ----------------------------------------------------------------------------------- */

struct start {
	const char *program;
	char *const *args;
	int say; /* its standard error */
	pid_t pid;
};

static int attributes(posix_spawnattr_t *a)
{
	sigset_t none;
	sigset_t all;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGKILL);
	(void)sigdelset(&all, SIGSTOP);
	if (posix_spawnattr_init(a))
		return ENOMEM;
	(void)posix_spawnattr_setsigmask(a, &none);
	(void)posix_spawnattr_setsigdefault(a, &all);
	/* A group of its own: what is typed at our terminal is for us. */
	(void)posix_spawnattr_setpgroup(a, 0);
	return posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						   POSIX_SPAWN_SETPGROUP);
}

static int redirections(posix_spawn_file_actions_t *a, int say)
{
	int code = posix_spawn_file_actions_init(a);

	if (code)
		return code;
	code = posix_spawn_file_actions_adddup2(a, say, STDERR_FILENO);
	if (code == 0)
		code = posix_spawn_file_actions_addopen(a, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (code == 0)
		code = posix_spawn_file_actions_addopen(a, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (code)
		(void)posix_spawn_file_actions_destroy(a);
	return code;
}

/* In its namespace: a child has that of the thread which made it. */
static int spawn(void *arg, struct xvs_error *err)
{
	static char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
					     NULL };
	struct start *s = arg;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int code = attributes(&attr);

	if (code == 0) {
		code = redirections(&actions, s->say);
		if (code == 0) {
			code = posix_spawn(&s->pid, s->program, &actions, &attr, s->args,
					   environment);
			(void)posix_spawn_file_actions_destroy(&actions);
		}
		(void)posix_spawnattr_destroy(&attr);
	}
	return code ? error_set(err, -code, "", "starting %s: %s", s->program, strerror(code)) : 0;
}

static int spawn_in(const char *netns, struct start *s, struct xvs_error *err)
{
	int code;
	int fd;

	if (!netns)
		return spawn(s, err);
	code = netns_open(netns, &fd, err);
	if (code)
		return code;
	code = netns_run(fd, spawn, s, err);
	(void)close(fd);
	return code;
}

/* Nobody else waits for our children, so its number is its own until then. */
static int hold(pid_t pid, struct dhcp_process *out, struct xvs_error *err)
{
	out->pid = pid;
	out->fd = pidfd_open(pid, 0);
	if (out->fd >= 0)
		return 0;
	(void)error_set(err, -errno, "", "watching dnsmasq: %s", strerror(errno));
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return err->code;
}

int dhcp_process_start(const struct dhcp_command *c, struct dhcp_process *out,
		       struct xvs_error *err)
{
	char conf[PATH_MAX_OURS + 16];
	char leases[PATH_MAX_OURS + 24];
	char user[80];
	char group[80];
	char *args[] = { "dnsmasq", conf, leases, user, group, NULL };
	struct start s = { .args = args };
	const char *group_name;
	int ends[2];
	int code = dhcp_program(&s.program, err);

	if (code)
		return code;
	(void)snprintf(conf, sizeof(conf), "--conf-file=%s", c->conf);
	(void)snprintf(leases, sizeof(leases), "--dhcp-leasefile=%s", c->leases);
	(void)snprintf(user, sizeof(user), "--user=%s", user_of(&group_name));
	(void)snprintf(group, sizeof(group), "--group=%s", group_name);
	if (pipe2(ends, O_CLOEXEC))
		return error_set(err, -errno, "", "dnsmasq: no pipe: %s", strerror(errno));
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	s.say = ends[1];
	code = spawn_in(c->netns, &s, err);
	if (code == 0)
		code = hold(s.pid, out, err);
	(void)close(ends[1]);
	out->say = ends[0];
	if (code)
		(void)close(ends[0]);
	return code;
}

void dhcp_process_signal(const struct dhcp_process *p, int number)
{
	(void)pidfd_send_signal(p->fd, number, NULL, 0);
}

int dhcp_process_end(struct dhcp_process *p)
{
	int status = 0;

	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)close(p->fd);
	(void)close(p->say);
	*p = (struct dhcp_process){ .fd = -1, .say = -1 };
	return status;
}

/* ---- what was left behind ----------------------------------------------------------------------- */

/* Does one of its arguments say so? */
static bool has_argument(const char *pid, const char *argument)
{
	char path[64];
	char args[8192];
	ssize_t len;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, args, sizeof(args) - 1);
	(void)close(fd);
	if (len <= 0)
		return false;
	args[len] = '\0';
	for (const char *at = args; at < args + len; at += strlen(at) + 1) {
		if (strcmp(at, argument) == 0)
			return true;
	}
	return false;
}

static void end_now(int fd, const char *pid)
{
	struct pollfd ended = { .fd = fd, .events = POLLIN };

	log_message(MSG_DHCP, "dnsmasq %s of a daemon that has gone is ended", pid);
	(void)pidfd_send_signal(fd, SIGTERM, NULL, 0);
	if (poll(&ended, 1, LAST_WAIT_MS) == 1)
		return;
	(void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
	(void)poll(&ended, 1, LAST_WAIT_MS);
}

static void end_if_ours(const char *pid, const char *argument)
{
	int fd = has_argument(pid, argument) ? pidfd_open((pid_t)strtol(pid, NULL, 10), 0) : -1;

	if (fd < 0)
		return;
	/* Again, now that it cannot be replaced by another one. */
	if (has_argument(pid, argument))
		end_now(fd, pid);
	(void)close(fd);
}

static void end_all(const char *argument)
{
	DIR *all = opendir("/proc");
	const struct dirent *one;

	while (all && (one = readdir(all)) != NULL) {
		if (one->d_name[strspn(one->d_name, "0123456789")] == '\0')
			end_if_ours(one->d_name, argument);
	}
	if (all)
		(void)closedir(all);
}

static bool is_conf(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && strcmp(name + len - 5, ".conf") == 0;
}

void dhcp_clean(const char *dir)
{
	char whole[PATH_MAX_OURS];
	char argument[PATH_MAX_OURS + 300];
	DIR *files = realpath(dir, whole) ? opendir(whole) : NULL;
	const struct dirent *one;

	while (files && (one = readdir(files)) != NULL) {
		if (!is_conf(one->d_name))
			continue;
		(void)snprintf(argument, sizeof(argument), "--conf-file=%s/%s", whole, one->d_name);
		end_all(argument);
		(void)unlinkat(dirfd(files), one->d_name, 0);
	}
	if (files)
		(void)closedir(files);
}
