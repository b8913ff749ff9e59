/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/net_target.h - texts that say where to connect or to listen, as "tcp:192.0.2.1:6653".
 *
 *   to connect   tcp:HOST:PORT  tls:HOST:PORT  udp:HOST:PORT  unix:PATH
 *   to listen    ptcp:PORT[:IP]  pssl:PORT[:IP]  punix:PATH
 *
 * HOST is a name, an IPv4 address or an IPv6 address in brackets; IP an address, 127.0.0.1 where it
 * is left out.  What could be read in two ways is none: short forms of addresses ("127.1"), names whose
 * last part is a number, paths with "." or "..".  "ssl:" and "ptls:" are other names of "tls:" and "pssl:".
 */
#ifndef XVS_EXT_NET_TARGET_H
#define XVS_EXT_NET_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tls.h"

enum net_target_kind {
	TARGET_TCP = 0,
	TARGET_TLS = 1,
	TARGET_UDP = 2,
	TARGET_UNIX = 3,
	TARGET_PTCP = 4,
	TARGET_PTLS = 5,
	TARGET_PUNIX = 6,
};

enum { TARGET_HOST = TLS_HOST_TEXT, TARGET_TEXT = TARGET_HOST + 32 };

struct net_target {
	enum net_target_kind kind;
	uint16_t port;          /* of the unix kinds: 0 */
	char host[TARGET_HOST]; /* or the path */
};

static inline bool net_target_listens(const struct net_target *t)
{
	return t->kind >= TARGET_PTCP;
}

/* [any] False: it is none. */
bool net_target_parse(const char *text, struct net_target *out);

/* [any] The one way to write it: "tls:[2001:db8::1]:6653", "ptcp:6653:127.0.0.1". */
void net_target_print(const struct net_target *t, char out[TARGET_TEXT]);

/*
 * [any] A pattern is a target in which '*' stands for any text: "tcp:192.0.2.*:6653", "unix:*".  It begins
 * with a kind in full.  One whose host has digits, dots and '*' alone, or a bracket, is for addresses:
 * names do not fit it, however they begin.
 */
bool net_target_pattern_valid(const char *pattern);
bool net_target_fits(const struct net_target *t, const char *pattern);

#endif /* XVS_EXT_NET_TARGET_H */
