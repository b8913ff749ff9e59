/* SPDX-License-Identifier: Apache-2.0 */
/*
 * support/certificates.h - a CA and the certificates that it signs, made in a moment, as PEM files.
 * For tests that link openssl.
 */
#ifndef XVS_TEST_SUPPORT_CERTIFICATES_H
#define XVS_TEST_SUPPORT_CERTIFICATES_H

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/tls.h"

enum { CERTIFICATE_PATH = 256, CERTIFICATE_S = 3600 };

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
	char dir[CERTIFICATE_PATH];
	char ca[CERTIFICATE_PATH + 32];
};

/* What a host has, as files. */
struct host_files {
	char certificate[CERTIFICATE_PATH + 64];
	char key[CERTIFICATE_PATH + 64];
	struct tls_files files;
};

static void extension_add(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static X509 *certificate_begin(EVP_PKEY *key, const char *name, long seconds)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	static long serial = 1;

	assert_int_equal(X509_set_version(certificate, 2), 1);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
	(void)X509_gmtime_adj(X509_getm_notBefore(certificate), -CERTIFICATE_S);
	(void)X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
	(void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
					 -1, -1, 0);
	(void)X509_set_pubkey(certificate, key);
	return certificate;
}

static void pem_write(const char *path, X509 *certificate, EVP_PKEY *key)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	if (certificate)
		assert_int_equal(PEM_write_X509(f, certificate), 1);
	else
		assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	(void)fclose(f);
}

static void authority_init(struct authority *a, const char *dir, const char *name)
{
	(void)snprintf(a->dir, sizeof(a->dir), "%s", dir);
	(void)snprintf(a->ca, sizeof(a->ca), "%s/%s.ca.pem", a->dir, name);
	a->key = EVP_EC_gen("P-256");
	a->certificate = certificate_begin(a->key, name, CERTIFICATE_S);
	(void)X509_set_issuer_name(a->certificate, X509_get_subject_name(a->certificate));
	extension_add(a->certificate, a->certificate, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(a->certificate, a->key, EVP_sha256()) > 0);
	pem_write(a->ca, a->certificate, NULL);
}

static void authority_finish(struct authority *a)
{
	X509_free(a->certificate);
	EVP_PKEY_free(a->key);
}

/* 'seconds' may be negative: it has expired.  'has_names': with a subjectAltName. */
static void host_init(struct host_files *h, const struct authority *a, const char *name,
		      bool has_names, long seconds)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = certificate_begin(key, has_names ? "another" : name, seconds);
	char names[128];

	(void)X509_set_issuer_name(certificate, X509_get_subject_name(a->certificate));
	(void)snprintf(names, sizeof(names), "DNS:%s", name);
	if (has_names)
		extension_add(certificate, a->certificate, NID_subject_alt_name, names);
	assert_true(X509_sign(certificate, a->key, EVP_sha256()) > 0);
	(void)snprintf(h->certificate, sizeof(h->certificate), "%s/%s.pem", a->dir, name);
	(void)snprintf(h->key, sizeof(h->key), "%s/%s.key", a->dir, name);
	pem_write(h->certificate, certificate, NULL);
	pem_write(h->key, NULL, key);
	h->files = (struct tls_files){ .certificate = h->certificate, .key = h->key, .ca = a->ca };
	X509_free(certificate);
	EVP_PKEY_free(key);
}

#endif /* XVS_TEST_SUPPORT_CERTIFICATES_H */
