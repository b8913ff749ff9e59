/* SPDX-License-Identifier: Apache-2.0 */
/* base/tls_private.h - what the parts of base/tls.h know of each other. */
#ifndef XVS_BASE_TLS_PRIVATE_H
#define XVS_BASE_TLS_PRIVATE_H

#include <openssl/ssl.h>
#include <sys/socket.h>

#include "base/tls.h"

SSL_CTX *tls_context_ssl(const struct tls_context *c);
/* "who: why" from OpenSSL's queue, which is emptied. */
int tls_error(struct xvs_error *err, int code, const char *what, const char *otherwise);

/* ---- address.c ------------------------------------------------------------------------------------ */

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
void tls_address_print(const struct sockaddr *address, socklen_t len, char *out, size_t size);

#endif /* XVS_BASE_TLS_PRIVATE_H */
