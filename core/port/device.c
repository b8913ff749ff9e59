/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/device.c - from link facts of the kernel to those of a backend.
 */
#include "port/device.h"

#include <string.h>

static bool is_same(const struct backend *b, const struct link_facts *facts)
{
	return b->up == facts->up && b->mtu == facts->mtu &&
	       memcmp(b->mac, facts->mac, sizeof(b->mac)) == 0;
}

/* The speed is known only while the link is up, and only of a device in our own namespace. */
static void write_facts(struct backend *b, const struct link_facts *facts)
{
	b->up = facts->up;
	b->mtu = facts->mtu;
	memcpy(b->mac, facts->mac, sizeof(b->mac));
	b->speed_mbps = b->up && b->ifindex ? link_speed_mbps(facts->name) : 0;
}

void device_apply(struct backend *b, const struct link_facts *facts)
{
	if (!facts && !b->up)
		return;
	if (facts && is_same(b, facts))
		return;
	if (facts)
		write_facts(b, facts);
	else
		b->up = false;
	if (b->link)
		b->link(b->link_arg, b);
}

static void on_link(void *arg, const struct link_facts *facts)
{
	device_apply(arg, facts);
}

int device_follow(struct backend *b, struct loop *loop, uint32_t index, int nsid,
		  struct link_watch **out, struct xvs_error *err)
{
	struct link_watch *watch;
	struct link_facts facts;
	struct netlink nl;
	const struct link_place place = { index, nsid };
	int code = link_watch_create(loop, place, on_link, b, &watch, err);

	if (code)
		return code;
	/* Watch first, then look: no change falls in between. */
	code = netlink_open(&nl, err);
	if (code)
		goto err_watch;
	code = link_by_index(&nl, index, nsid, &facts, err);
	netlink_close(&nl);
	if (code)
		goto err_watch;
	write_facts(b, &facts);
	*out = watch;
	return 0;

err_watch:
	link_watch_destroy(watch);
	return code;
}
