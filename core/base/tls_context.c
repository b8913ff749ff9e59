/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/tls_context.c - certificate, key and CA from their files, read again when those change.
 *
 * Renewed certificates must count without a restart, and nobody tells us of them: the files are
 * looked at whenever a link is made.
 */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/tls_private.h"

enum { FILES = 3, CERTIFICATES_BYTES_MAX = 64 << 10 };

struct tls_context {
	SSL_CTX *ssl;
	char *names[FILES]; /* certificate, key, CA */
	int oldest;         /* version of TLS that is taken */
	struct stat seen[FILES];
};

SSL_CTX *tls_context_ssl(const struct tls_context *c)
{
	return c->ssl;
}

int tls_error(struct xvs_error *err, int code, const char *what, const char *otherwise)
{
	unsigned long number = ERR_peek_error(); /* the first is the cause */
	const char *why = number ? ERR_reason_error_string(number) : NULL;

	if (number && ERR_SYSTEM_ERROR(number))
		why = strerror(ERR_GET_REASON(number));
	ERR_clear_error();
	return error_set(err, code, "", "%s: %s", what, why ? why : otherwise);
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static int load(SSL_CTX *ssl, char *const names[FILES], struct xvs_error *err)
{
	char what[512];

	(void)snprintf(what, sizeof(what), "certificate %s", names[0]);
	if (SSL_CTX_use_certificate_chain_file(ssl, names[0]) != 1)
		return tls_error(err, -EINVAL, what, "it cannot be read");
	(void)snprintf(what, sizeof(what), "key %s", names[1]);
	if (SSL_CTX_use_PrivateKey_file(ssl, names[1], SSL_FILETYPE_PEM) != 1)
		return tls_error(err, -EINVAL, what, "it cannot be read");
	if (SSL_CTX_check_private_key(ssl) != 1)
		return tls_error(err, -EINVAL, what, "it is not that of the certificate");
	(void)snprintf(what, sizeof(what), "CA %s", names[2]);
	if (SSL_CTX_load_verify_locations(ssl, names[2], NULL) != 1)
		return tls_error(err, -EINVAL, what, "it cannot be read");
	return 0;
}

static SSL_CTX *ssl_create(const struct tls_context *c, struct xvs_error *err)
{
	SSL_CTX *ssl;

	ERR_clear_error();
	ssl = SSL_CTX_new(TLS_method());
	if (!ssl || SSL_CTX_set_min_proto_version(ssl, c->oldest) != 1) {
		(void)tls_error(err, -ENOMEM, "TLS", "out of memory");
		SSL_CTX_free(ssl);
		return NULL;
	}
	(void)SSL_CTX_set_num_tickets(ssl, 0);
	(void)SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
					       SSL_OP_NO_COMPRESSION);
	(void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_max_early_data(ssl, 0);
	SSL_CTX_set_max_cert_list(ssl, CERTIFICATES_BYTES_MAX);
	(void)SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
					    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					    SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (load(ssl, c->names, err) == 0)
		return ssl;
	SSL_CTX_free(ssl);
	return NULL;
}

/* ---- changes ---------------------------------------------------------------------------------------- */

static bool stat_equal(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* One that is not there is all zero. */
static bool look(struct tls_context *c)
{
	bool has_changed = false;

	for (int i = 0; i < FILES; i++) {
		struct stat now;

		if (stat(c->names[i], &now))
			memset(&now, 0, sizeof(now));
		has_changed |= !stat_equal(&now, &c->seen[i]);
		c->seen[i] = now;
	}
	return has_changed;
}

int tls_context_refresh(struct tls_context *c, struct xvs_error *err)
{
	SSL_CTX *ssl;

	/* Looked at before it is read: what changes meanwhile is read at the next time. */
	if (!look(c))
		return 0;
	ssl = ssl_create(c, err);
	if (!ssl)
		return err ? err->code : -EINVAL;
	SSL_CTX_free(c->ssl);
	c->ssl = ssl;
	return 0;
}

int tls_context_create(const struct tls_files *files, struct tls_context **out,
		       struct xvs_error *err)
{
	const char *const names[FILES] = { files->certificate, files->key, files->ca };
	struct tls_context *c = calloc(1, sizeof(*c));
	bool has_names = c;
	int code = -EINVAL;

	for (int i = 0; c && i < FILES; i++) {
		c->names[i] = strdup(names[i]);
		has_names &= c->names[i] != NULL;
	}
	if (!has_names) {
		tls_context_destroy(c);
		return error_set(err, -ENOMEM, "", "TLS: out of memory");
	}
	c->oldest = files->takes_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
	(void)look(c);
	c->ssl = ssl_create(c, err);
	if (!c->ssl) {
		code = err ? err->code : code;
		tls_context_destroy(c);
		return code;
	}
	*out = c;
	return 0;
}

void tls_context_destroy(struct tls_context *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->ssl);
	for (int i = 0; i < FILES; i++)
		free(c->names[i]);
	free(c);
}
