/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/channels.h - connections to and from other hosts: TLS, frames, greeting, silence, limits
 * (api/migration.md, sections 1 to 3).  [control]
 */
#ifndef XVS_STATE_CHANNELS_H
#define XVS_STATE_CHANNELS_H

#include "base/tls.h"
#include "state/moves.h"

enum { CHANNELS_PORT = 4790, CHANNELS_SHAKING = 32, CHANNELS_MAX = 64, CHANNELS_OF_PEER = 8 };

struct channels;

struct channels_config {
	const char *listen; /* "address:port"; "": nobody may come */
	struct tls_files files;
	char (*peers)[64]; /* names; copied */
	size_t peer_count;
};

/* 'say' logs a sentence that nobody else hears: who was not let in, and why. */
struct channels *channels_create(struct loop *loop, void (*say)(const char *text));
void channels_destroy(struct channels *c); /* NULL is fine */
void channels_serve(struct channels *c, struct moves *m);
/*
 * Connections that stand go on.  NULL: none may come or be made.  What cannot be used is refused and
 * the former stays.
 */
int channels_configure(struct channels *c, const struct channels_config *config,
		       struct xvs_error *err);

/* For struct moves_ops. */
void *channels_dial(struct channels *c, const char *to, struct conn *conn);
bool channels_send(void *link, const struct wire_head *h, const void *body);
size_t channels_queued(void *link);
void channels_hang_up(void *link);

#endif /* XVS_STATE_CHANNELS_H */
