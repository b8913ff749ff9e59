/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/backend.c - backends by kind.
 */
#include "port/backend.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

static const struct backend_ops *const kinds[] = {
	&backend_vhost_user, &backend_tap,  &backend_af_packet, &backend_af_xdp,
	&backend_pcap,       &backend_null, &backend_team,
};

/* What is no part of the switch, but of the program around it. */
static const struct backend_ops *lent;

/* Made by the switch for its uplinks; nobody writes it. */
static bool is_own(const struct backend_ops *ops)
{
	return ops == &backend_team;
}

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

static int refuse_kind(const struct backend_config *c, struct xvs_error *err)
{
	struct strbuf known = { 0 };
	int code;

	for (size_t i = 0; i < KIND_COUNT; i++)
		if (!is_own(kinds[i]))
			strbuf_add(&known, "%s%s", i ? ", " : "", kinds[i]->kind);
	code = error_set(err, -EINVAL, "kind", "port %.40s: backend %.40s is not known, but %s are",
			 c->port_name, c->kind, known.text ? known.text : "others");
	strbuf_finish(&known);
	return code;
}

void backend_lend(const struct backend_ops *ops)
{
	lent = ops;
}

static int open_kind(const struct backend_ops *ops, const struct backend_config *c,
		     struct loop *loop, struct backend **out, struct xvs_error *err)
{
	int code = ops->open(c, loop, out, err);

	return code ? error_context(err, "port %.40s", c->port_name) : 0;
}

int backend_open(const struct backend_config *c, struct loop *loop, struct backend **out,
		 struct xvs_error *err)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (strcmp(kinds[i]->kind, c->kind) == 0)
			return open_kind(kinds[i], c, loop, out, err);
	if (lent && strcmp(lent->kind, c->kind) == 0)
		return open_kind(lent, c, loop, out, err);
	return refuse_kind(c, err);
}

void backend_forget(const struct backend_config *c)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (strcmp(kinds[i]->kind, c->kind) == 0 && kinds[i]->forget)
			kinds[i]->forget(c);
}

void backend_close(struct backend *b)
{
	if (b)
		b->ops->close(b);
}
