/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dhcp/server.h - one dnsmasq for one switch: kept running with the configuration that is wanted.
 *
 * One that ends by itself is started again, soon at first, then every half minute; a new configuration
 * ends the old process before the new one starts.  Leases are in a file, so none is lost by that.
 * All of it is [control].
 */
#ifndef XVS_DHCP_SERVER_H
#define XVS_DHCP_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"

struct dhcp_server;

struct dhcp_places {
	const char *name;      /* of the switch */
	const char *run_dir;   /* for what it is told; made if need be */
	const char *state_dir; /* for its leases */
};

/* NULL: out of memory. */
struct dhcp_server *dhcp_server_create(struct loop *loop, const struct dhcp_places *places);
/* No process runs for it: dhcp_server_serve(NULL) has ended.  NULL is fine. */
void dhcp_server_destroy(struct dhcp_server *s);

struct dhcp_wanted {
	const char *text;  /* lines of dnsmasq.conf */
	const char *netns; /* NULL: ours */
	bool is_new;       /* its device is, so that an equal text is no reason to go on */
};
/*
 * Serves this from now on; NULL: nobody.  Copied.  True: nothing has to end first.  False: done(arg)
 * is called when the process before has ended.
 */
bool dhcp_server_serve(struct dhcp_server *s, const struct dhcp_wanted *w, void (*done)(void *arg),
		       void *arg);

enum { DHCP_PROBLEM = 320 };
struct dhcp_state {
	pid_t pid; /* 0: it does not run */
	uint64_t since_ns;
	uint32_t restarts;          /* by itself, since it was wanted first */
	char problem[DHCP_PROBLEM]; /* why it does not run; "": it does, or nobody wants it */
};
void dhcp_server_state(const struct dhcp_server *s, struct dhcp_state *out);

/* Where its leases are, or would be. */
const char *dhcp_server_leases(const struct dhcp_server *s);

#endif /* XVS_DHCP_SERVER_H */
