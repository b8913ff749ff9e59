/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/device.c - taking a device of the host's, and following its link.
 */
#include "port/device.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <string.h>

#include "base/error.h"

/* ---- taking it ---- */

static int check_device(struct netlink *nl, const struct link_facts *facts, bool may_carry,
			struct xvs_error *err)
{
	char address[LINK_ADDRESS_TEXT];
	int found;

	if (facts->type != ARPHRD_ETHER)
		return error_set(err, -EINVAL, "device",
				 "device %s is not Ethernet: choose a device that is", facts->name);
	found = may_carry ? 0 : link_find_address(nl, facts->index, address, err);
	if (found <= 0)
		return found;
	return error_set(err, -EADDRINUSE, "device",
			 "device %s carries the host's address %s: let a host port take it over "
			 "(take_addresses: true) or remove it with ip address del %s dev %s",
			 facts->name, address, address, facts->name);
}

int device_prepare(const char *name, bool may_carry, struct link_facts *out, struct xvs_error *err)
{
	const struct link_change up = { .state = LINK_UP };
	struct link_facts facts;
	struct netlink nl;
	int code = netlink_open(&nl, err);

	if (code)
		return code;
	code = link_by_name(&nl, name, &facts, err);
	if (code == 0)
		code = check_device(&nl, &facts, may_carry, err);
	if (code == 0 && !facts.admin_up)
		code = link_change(&nl, facts.index, name, &up, err);
	netlink_close(&nl);
	if (code == 0)
		*out = facts;
	return code;
}

/* ---- its link ---- */

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
