/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dhcp/process.h - dnsmasq as a process: found, started in a network namespace, told to end; and
 * those that a daemon which was killed has left behind.  [control]
 */
#ifndef XVS_DHCP_PROCESS_H
#define XVS_DHCP_PROCESS_H

#include <sys/types.h>

#include "base/error.h"

/* Where dnsmasq is; refused with how to get it.  'out' is static. */
int dhcp_program(const char **out, struct xvs_error *err);

struct dhcp_process {
	pid_t pid;
	int fd;  /* pidfd: readable when it has ended */
	int say; /* what it tells, lines; ends with it */
};

struct dhcp_command {
	const char *conf;   /* absolute */
	const char *leases; /* absolute */
	const char *netns;  /* NULL: ours */
};
int dhcp_process_start(const struct dhcp_command *c, struct dhcp_process *out,
		       struct xvs_error *err);
void dhcp_process_signal(const struct dhcp_process *p, int number);
/* After 'fd' was readable, or it is waited for; closes both.  The status as of waitpid(2). */
int dhcp_process_end(struct dhcp_process *p);

/*
 * Ends each process that has one of the configurations in 'dir' as an argument, and removes these:
 * they are ours, but the daemon that started it has been killed.  Of processes nothing else is
 * looked at.
 */
void dhcp_clean(const char *dir);

#endif /* XVS_DHCP_PROCESS_H */
