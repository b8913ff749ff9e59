/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/takeover_set.c - what was taken, in memory: copied before a change, and compared after it.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "switch/takeover.h"

void takeover_destroy(struct takeover *t)
{
	for (size_t i = 0; t && i < t->count; i++)
		address_set_finish(&t->from[i].set);
	free(t);
}

struct taken_device *takeover_find(struct takeover *t, const char *device)
{
	for (size_t i = 0; i < t->count; i++) {
		if (strcmp(t->from[i].device, device) == 0)
			return &t->from[i];
	}
	return NULL;
}

struct taken_device *takeover_add(struct takeover *t, const char *device)
{
	struct taken_device *d;

	if (t->count == TAKEN_DEVICES)
		return NULL;
	d = &t->from[t->count++];
	*d = (struct taken_device){ .is_owed = false };
	(void)str_copy(d->device, sizeof(d->device), device);
	return d;
}

void takeover_remove(struct takeover *t, struct taken_device *d)
{
	address_set_finish(&d->set);
	*d = t->from[--t->count];
	t->from[t->count] = (struct taken_device){ .is_owed = false };
}

static int add_missing(struct address_set *to, const struct address_set *from,
		       const struct address_set *but)
{
	int code = 0;

	for (size_t i = 0; i < from->count && code == 0; i++) {
		if (!but || !address_set_has(but, &from->items[i]))
			code = address_set_add(to, &from->items[i]);
	}
	return code;
}

static int add_less(struct takeover *to, const struct taken_device *from,
		    const struct taken_device *but)
{
	struct taken_device *d = takeover_add(to, from->device);

	if (!d)
		return -E2BIG;
	memcpy(d->arp_ignore, from->arp_ignore, sizeof(d->arp_ignore));
	memcpy(d->no_ipv6, from->no_ipv6, sizeof(d->no_ipv6));
	d->is_owed = from->is_owed;
	return add_missing(&d->set, &from->set, but ? &but->set : NULL);
}

struct takeover *takeover_less(const struct takeover *t, struct takeover *but)
{
	struct takeover *out = calloc(1, sizeof(*out));
	int code = out ? 0 : -ENOMEM;

	if (out)
		memcpy(out->device, t->device, sizeof(out->device));
	for (size_t i = 0; i < t->count && code == 0; i++) {
		const struct taken_device *old = but ? takeover_find(but, t->from[i].device) : NULL;

		code = add_less(out, &t->from[i], old);
	}
	if (code == 0)
		return out;
	takeover_destroy(out);
	return NULL;
}
