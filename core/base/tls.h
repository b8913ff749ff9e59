/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/tls.h - streams between hosts: TLS with certificates on both sides, on the event loop.
 *
 * All of it is [control].  No early data, no tickets, no renegotiation; who is at the other end is
 * known, and verified by the CA, before its first byte is read.  SIGPIPE must be ignored.
 */
#ifndef XVS_BASE_TLS_H
#define XVS_BASE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/loop.h"

/* ---- certificates -------------------------------------------------------------------------------- */

struct tls_files {
	const char *certificate; /* PEM, with the chain behind it */
	const char *key;
	const char *ca;   /* those who may have signed the other side's */
	bool takes_tls12; /* from who has nothing newer; else 1.3 alone */
};

struct tls_context;

/* Reads the files, whose names are copied. */
int tls_context_create(const struct tls_files *files, struct tls_context **out,
		       struct xvs_error *err);
void tls_context_destroy(struct tls_context *c); /* NULL is fine; links go on */
/*
 * Reads the files again if one of them has changed, for links made from now on.  What cannot be used
 * is refused, once for each state of the files, and the former ones stay.
 */
int tls_context_refresh(struct tls_context *c, struct xvs_error *err);

/* ---- links --------------------------------------------------------------------------------------- */

enum {
	TLS_HANDSHAKE_S = 5, /* from the beginning, with the look-up of a name */
	TLS_PORT_TEXT = 8,
	TLS_HOST_TEXT = 256,
};

struct tls_link;

/* A link may be destroyed in each of them. */
struct tls_ops {
	void (*ready)(void *arg); /* the handshake is done */
	void (*input)(void *arg, const uint8_t *bytes, size_t len);
	void (*drained)(void *arg); /* nothing is queued any more; may be NULL */
	/* It has ended by the other side or by what 'why' says; still to be destroyed. */
	void (*closed)(void *arg, const struct xvs_error *why);
};

/* 'fd' is taken in every case.  NULL: out of memory. */
struct tls_link *tls_link_accept(struct loop *loop, const struct tls_context *c, int fd,
				 const struct tls_ops *ops, void *arg);
/* 'host' is an address or a name, which the other side's certificate must then have. */
struct tls_link *tls_link_connect(struct loop *loop, const struct tls_context *c, const char *host,
				  uint16_t port, const struct tls_ops *ops, void *arg);
void tls_link_destroy(struct tls_link *link); /* NULL is fine */
/* What is queued goes out, 2 seconds at most, and the link is destroyed; no more is told. */
void tls_link_end(struct tls_link *link);

/* Copies.  False: out of memory, or it is closed. */
bool tls_link_send(struct tls_link *link, const void *bytes, size_t len);
size_t tls_link_queued(const struct tls_link *link);
/* No more input for now: the other side's TCP waits.  Nor is it noticed then that it has gone. */
void tls_link_pause(struct tls_link *link, bool is_paused);
/* After 'ready': does the certificate have this name?  DNS names; wild cards match nothing. */
bool tls_link_is_named(const struct tls_link *link, const char *name);
/* The certificate's first name, or "". */
const char *tls_link_name(const struct tls_link *link);
/* "192.0.2.1:4790" of the other side, or what was asked for. */
const char *tls_link_address(const struct tls_link *link);

/* ---- room ---------------------------------------------------------------------------------------- */

/* Of a link that was accepted: its host's IPv4 address, or 64 bits of an IPv6 one; 0: not known. */
uint64_t tls_link_origin(const struct tls_link *link);
uint64_t tls_origin(const struct sockaddr_storage *address);
/*
 * Too many have been accepted and come to no end.  Which of these links, the newest first and at least
 * one, makes room: of the host that has the most the oldest, so that nobody keeps others out.
 */
size_t tls_room(const struct tls_link *const *links, size_t count);

/* ---- addresses ----------------------------------------------------------------------------------- */

/* "host", "host:port", "192.0.2.1:4790", "[2001:db8::1]:4790".  False: none of them. */
bool tls_address_parse(const char *text, uint16_t default_port, char host[TLS_HOST_TEXT],
		       uint16_t *port);
/* Is it an address, in digits? */
bool tls_is_address(const char *host);
/* A listening socket, given; -errno.  'host' is an address. */
int tls_listen(const char *host, uint16_t port, int *out, struct xvs_error *err);

/* ---- look-ups ------------------------------------------------------------------------------------ */

enum { TLS_ADDRESSES_MAX = 8 };

struct tls_address {
	struct sockaddr_storage address;
	socklen_t len;
};

/* One look-up, on a thread of its own where it is a name that must be asked for. */
struct tls_lookup;
struct tls_found {
	struct tls_address items[TLS_ADDRESSES_MAX];
	size_t count;
	char why[128]; /* count 0 */
};
/* 'done' is called later, on the loop; never after tls_lookup_cancel().  NULL: out of memory. */
struct tls_lookup *tls_lookup(struct loop *loop, const char *host, uint16_t port,
			      void (*done)(void *arg, const struct tls_found *found), void *arg);
void tls_lookup_cancel(struct tls_lookup *l); /* NULL is fine */
/* "192.0.2.1:4790", "[2001:db8::1]:4790" */
void tls_address_print(const struct sockaddr *address, socklen_t len, char *out, size_t size);

#endif /* XVS_BASE_TLS_H */
