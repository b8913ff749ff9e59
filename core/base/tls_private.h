/* SPDX-License-Identifier: Apache-2.0 */
/* base/tls_private.h - what the parts of base/tls.h know of each other. */
#ifndef XVS_BASE_TLS_PRIVATE_H
#define XVS_BASE_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "base/tls.h"

SSL_CTX *tls_context_ssl(const struct tls_context *c);
/* "who: why" from OpenSSL's queue, which is emptied. */
int tls_error(struct xvs_error *err, int code, const char *what, const char *otherwise);

#endif /* XVS_BASE_TLS_PRIVATE_H */
