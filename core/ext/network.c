/* SPDX-License-Identifier: Apache-2.0 */
/* ext/network.c - the operator's keys and list of targets. */
#include "ext/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct network {
	struct tls_context *tls; /* NULL: none */
	char **allow;
	size_t allow_count;
	struct xvs_error problem; /* why there are no keys though some were named */
};

struct network *network_create(void)
{
	struct network *n = calloc(1, sizeof(*n));

	if (n)
		n->problem = (struct xvs_error)ERROR_INIT;
	return n;
}

static void allow_free(char **allow, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(allow[i]);
	free(allow);
}

void network_destroy(struct network *n)
{
	if (!n)
		return;
	tls_context_destroy(n->tls);
	allow_free(n->allow, n->allow_count);
	free(n);
}

static int allow_copy(struct network *n, const struct network_settings *s)
{
	char **allow = calloc(s->allow_count + 1, sizeof(*allow));
	size_t count = 0;

	while (allow && count < s->allow_count) {
		allow[count] = strdup(s->allow[count]);
		if (!allow[count])
			break;
		count++;
	}
	if (!allow || count < s->allow_count) {
		allow_free(allow, count);
		return -ENOMEM;
	}
	allow_free(n->allow, n->allow_count);
	n->allow = allow;
	n->allow_count = count;
	return 0;
}

int network_set(struct network *n, const struct network_settings *s, struct xvs_error *err)
{
	struct tls_context *tls = NULL;
	int code;

	if (allow_copy(n, s))
		return error_set(err, -ENOMEM, "", "extensions.network: out of memory");
	n->problem = (struct xvs_error)ERROR_INIT;
	code = s->files.certificate ? tls_context_create(&s->files, &tls, &n->problem) : 0;
	tls_context_destroy(n->tls);
	n->tls = tls;
	if (code)
		return error_set(err, code, "", "extensions.network: %s", n->problem.text);
	return 0;
}

bool network_allows(const struct network *n, const struct net_target *t)
{
	if (!n || n->allow_count == 0)
		return true;
	for (size_t i = 0; i < n->allow_count; i++) {
		if (net_target_fits(t, n->allow[i]))
			return true;
	}
	return false;
}

int network_keys(struct network *n, const struct tls_context **out, struct xvs_error *err)
{
	struct xvs_error ignored = ERROR_INIT;

	if (!n || !n->tls)
		return error_set(err, -ENOKEY, "", "%s",
				 n && n->problem.text[0]
					 ? n->problem.text
					 : "extensions.network names no keys for TLS");
	/* The former ones go on where the new ones cannot be used. */
	(void)tls_context_refresh(n->tls, &ignored);
	*out = n->tls;
	return 0;
}
