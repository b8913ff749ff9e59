/* SPDX-License-Identifier: Apache-2.0 */
/* port/address.c - reading, putting and taking away addresses and routes of a device. */
#include "port/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct request {
	alignas(struct nlmsghdr) uint8_t bytes[NETLINK_REQUEST];
};

/* ---- a set --------------------------------------------------------------------------------------- */

void address_set_finish(struct address_set *s)
{
	free(s->items);
	*s = (struct address_set){ .items = NULL };
}

/* MNL_ALIGN is of ints. */
static size_t aligned(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static size_t header_of(uint16_t type)
{
	switch (type) {
	case RTM_NEWADDR:
		return sizeof(struct ifaddrmsg);
	case RTM_NEWROUTE:
		return sizeof(struct rtmsg);
	default:
		return 0;
	}
}

/* The header is whole, and attributes fill the rest. */
static bool is_whole(const struct address_item *item)
{
	size_t at = header_of(item->type);
	struct nlattr attr;

	if (at == 0 || item->len < at || item->len > sizeof(item->bytes) || item->len % 4)
		return false;
	while (at < item->len) {
		if (item->len - at < sizeof(attr))
			return false;
		memcpy(&attr, item->bytes + at, sizeof(attr));
		if (attr.nla_len < sizeof(attr) || attr.nla_len > item->len - at)
			return false;
		at += aligned(attr.nla_len);
	}
	return at == item->len;
}

bool address_set_has(const struct address_set *s, const struct address_item *item)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->items[i].type == item->type && s->items[i].len == item->len &&
		    memcmp(s->items[i].bytes, item->bytes, item->len) == 0)
			return true;
	}
	return false;
}

int address_set_add(struct address_set *s, const struct address_item *item)
{
	struct address_item *grown;

	if (!is_whole(item) || s->count >= ADDRESSES_MAX)
		return -EINVAL;
	grown = realloc(s->items, (s->count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	s->items = grown;
	s->items[s->count++] = *item;
	return 0;
}

/* NULL: it has none of that kind, or a shorter one. */
static const uint8_t *attribute(const struct address_item *item, uint16_t type, size_t len)
{
	size_t at = header_of(item->type);
	struct nlattr attr;

	while (at + sizeof(attr) <= item->len) {
		memcpy(&attr, item->bytes + at, sizeof(attr));
		if ((attr.nla_type & NLA_TYPE_MASK) == type && attr.nla_len >= sizeof(attr) + len)
			return item->bytes + at + sizeof(attr);
		at += aligned(attr.nla_len);
	}
	return NULL;
}

/* ---- reading ------------------------------------------------------------------------------------- */

struct reading {
	struct address_set *set;
	uint32_t index;
	int code;
	bool has_multipath;
};

/* Names of the device, what the kernel counts, and what stands for other attributes. */
static bool is_left_out(uint16_t kind, uint16_t type)
{
	if (kind == RTM_NEWADDR)
		return type == IFA_LABEL;
	return type == RTA_OIF || type == RTA_CACHEINFO || type == RTA_NH_ID;
}

static bool attribute_keep(struct address_item *item, const void *attr, size_t len)
{
	size_t bytes = aligned(len);

	if (item->len + bytes > sizeof(item->bytes))
		return false;
	memcpy(item->bytes + item->len, attr, len);
	item->len = (uint16_t)(item->len + bytes);
	return true;
}

/* A route that a router advertised ends some day: told in ticks, asked for in seconds. */
static bool expiry_keep(struct address_item *item, const struct nlattr *attr)
{
	enum { TICKS_PER_S = 100 };
	struct {
		struct nlattr attr;
		uint32_t seconds;
	} expires = { { sizeof(expires), RTA_EXPIRES }, 0 };
	struct rta_cacheinfo info;

	if (mnl_attr_get_payload_len(attr) < sizeof(info))
		return true;
	memcpy(&info, mnl_attr_get_payload(attr), sizeof(info));
	if (info.rta_expires <= 0)
		return true;
	expires.seconds = (uint32_t)info.rta_expires / TICKS_PER_S + 1;
	return attribute_keep(item, &expires, sizeof(expires));
}

static int on_attribute(const struct nlattr *attr, void *arg)
{
	struct address_item *item = arg;
	uint16_t type = mnl_attr_get_type(attr);
	bool is_kept = is_left_out(item->type, type) || attribute_keep(item, attr, attr->nla_len);

	if (item->type == RTM_NEWROUTE && type == RTA_CACHEINFO)
		is_kept = is_kept && expiry_keep(item, attr);
	return is_kept ? MNL_CB_OK : MNL_CB_ERROR;
}

/* False: it has an attribute that is too long for us. */
static bool item_make(const struct nlmsghdr *message, struct address_item *out)
{
	const size_t header = header_of(message->nlmsg_type);

	memset(out, 0, sizeof(*out));
	out->type = message->nlmsg_type;
	out->len = (uint16_t)header;
	memcpy(out->bytes, mnl_nlmsg_get_payload(message), header);
	return mnl_attr_parse(message, (unsigned)header, on_attribute, out) == MNL_CB_OK;
}

static int keep(struct reading *r, const struct nlmsghdr *message)
{
	struct address_item item;

	if (r->code == 0)
		r->code = item_make(message, &item) ? address_set_add(r->set, &item) : -EINVAL;
	return MNL_CB_OK;
}

/* The kernel makes these by itself, or they are good for nobody. */
static bool is_own(const struct ifaddrmsg *info, uint32_t flags)
{
	if (info->ifa_family == AF_INET)
		return false;
	return info->ifa_scope >= RT_SCOPE_LINK || (flags & (IFA_F_TEMPORARY | IFA_F_DADFAILED));
}

static int on_flags(const struct nlattr *attr, void *arg)
{
	uint32_t *flags = arg;

	if (mnl_attr_get_type(attr) == IFA_FLAGS && mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		*flags = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int on_address(const struct nlmsghdr *message, void *arg)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct reading *r = arg;
	uint32_t flags;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*info) || info->ifa_index != r->index ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return MNL_CB_OK;
	flags = info->ifa_flags;
	(void)mnl_attr_parse(message, sizeof(*info), on_flags, &flags);
	return is_own(info, flags) ? MNL_CB_OK : keep(r, message);
}

struct route_way {
	uint32_t index;
	uint32_t table;
	uint32_t wanted;
	bool is_multipath; /* and one of the ways is by 'wanted' */
};

static void on_ways(const struct nlattr *attr, struct route_way *way)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attr);
	size_t left = mnl_attr_get_payload_len(attr);

	while (left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left) {
		size_t step = aligned(hop->rtnh_len);

		way->is_multipath |= (uint32_t)hop->rtnh_ifindex == way->wanted;
		if (step > left)
			break;
		left -= step;
		hop = (const struct rtnexthop *)(const void *)((const char *)hop + step);
	}
}

static int on_way(const struct nlattr *attr, void *arg)
{
	struct route_way *way = arg;

	switch (mnl_attr_get_type(attr)) {
	case RTA_OIF:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			way->index = mnl_attr_get_u32(attr);
		break;
	case RTA_TABLE:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			way->table = mnl_attr_get_u32(attr);
		break;
	case RTA_MULTIPATH:
		on_ways(attr, way);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int on_route(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	struct reading *r = arg;
	struct route_way way = { .wanted = r->index };

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*info) || (info->rtm_flags & RTM_F_CLONED))
		return MNL_CB_OK;
	way.table = info->rtm_table;
	(void)mnl_attr_parse(message, sizeof(*info), on_way, &way);
	if (way.table == RT_TABLE_LOCAL || info->rtm_protocol == RTPROT_KERNEL ||
	    (info->rtm_type != RTN_UNICAST && info->rtm_type != RTN_THROW))
		return MNL_CB_OK;
	r->has_multipath |= way.is_multipath;
	return way.index == r->index ? keep(r, message) : MNL_CB_OK;
}

static int dump(struct netlink *nl, uint16_t type, uint8_t family, mnl_cb_t fn, struct reading *r,
		struct xvs_error *err)
{
	struct request request;
	struct nlmsghdr *message = netlink_request(request.bytes, type, NLM_F_DUMP);
	struct rtgenmsg *general;
	int code;

	/* As long as the longest header of the two: older kernels look at its length. */
	general = mnl_nlmsg_put_extra_header(message, sizeof(struct rtmsg));
	general->rtgen_family = family;
	code = netlink_talk(nl, message, fn, r, err);
	if (code)
		return code;
	if (r->code == -EINVAL)
		return error_set(err, -E2BIG, "",
				 "there are more than %d addresses and routes, or odd ones",
				 ADDRESSES_MAX);
	return r->code ? error_set(err, r->code, "", "out of memory") : 0;
}

/* Narrow ones first: a gateway must be reachable when its route comes. */
static int by_order(const void *a, const void *b)
{
	const struct address_item *left = a;
	const struct address_item *right = b;
	const struct rtmsg *l = (const void *)left->bytes;
	const struct rtmsg *r = (const void *)right->bytes;

	if (left->type != right->type)
		return left->type == RTM_NEWADDR ? -1 : 1;
	if (left->type == RTM_NEWADDR || l->rtm_scope == r->rtm_scope)
		return 0;
	return l->rtm_scope > r->rtm_scope ? -1 : 1;
}

/* Stable, as the first address of a network is its main one. */
static void sort(struct address_set *s)
{
	for (size_t i = 1; i < s->count; i++) {
		struct address_item item = s->items[i];
		size_t at = i;

		for (; at > 0 && by_order(&s->items[at - 1], &item) > 0; at--)
			s->items[at] = s->items[at - 1];
		s->items[at] = item;
	}
}

int address_set_read(struct netlink *nl, uint32_t index, struct address_set *out,
		     struct xvs_error *err)
{
	struct address_set set = { .items = NULL };
	struct reading r = { .set = &set, .index = index };
	int code = dump(nl, RTM_GETADDR, AF_UNSPEC, on_address, &r, err);

	if (code == 0)
		code = dump(nl, RTM_GETROUTE, AF_INET, on_route, &r, err);
	if (code == 0)
		code = dump(nl, RTM_GETROUTE, AF_INET6, on_route, &r, err);
	if (code == 0 && r.has_multipath)
		code = error_set(err, -EOPNOTSUPP, "",
				 "a route goes by several devices, which cannot be taken over");
	if (code) {
		address_set_finish(&set);
		return error_context(err, "reading addresses and routes");
	}
	sort(&set);
	*out = set;
	return 0;
}

size_t address_item_ip(const struct address_item *item, uint8_t out[16])
{
	const struct ifaddrmsg *info = (const void *)item->bytes;
	size_t len = item->type == RTM_NEWADDR && info->ifa_family == AF_INET ? 4 : 16;
	const uint8_t *address;

	if (item->type != RTM_NEWADDR)
		return 0;
	address = attribute(item, IFA_LOCAL, len);
	if (!address)
		address = attribute(item, IFA_ADDRESS, len);
	if (!address)
		return 0;
	memcpy(out, address, len);
	return len;
}

bool address_item_text(const struct address_item *item, char out[LINK_ADDRESS_TEXT])
{
	const struct ifaddrmsg *info = (const void *)item->bytes;
	char text[INET6_ADDRSTRLEN];
	uint8_t ip[16];
	size_t len = address_item_ip(item, ip);

	if (len == 0 || !inet_ntop(len == 4 ? AF_INET : AF_INET6, ip, text, sizeof(text)))
		return false;
	(void)snprintf(out, LINK_ADDRESS_TEXT, "%s/%u", text, info->ifa_prefixlen);
	return true;
}

/* ---- putting and taking away --------------------------------------------------------------------- */

static struct nlmsghdr *message_of(struct request *r, const struct address_item *item,
				   uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = netlink_request(r->bytes, type, flags);

	memcpy(mnl_nlmsg_put_extra_header(message, item->len), item->bytes, item->len);
	return message;
}

static int put_address(struct netlink *nl, const struct address_item *item,
		       const struct address_device *d, struct xvs_error *err)
{
	struct request r;
	struct nlmsghdr *message = message_of(&r, item, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
	struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	const uint8_t *wide = attribute(item, IFA_FLAGS, sizeof(uint32_t));
	uint32_t flags = info->ifa_flags;

	info->ifa_index = d->index;
	if (wide)
		memcpy(&flags, wide, sizeof(flags));
	/* Nobody else has it: it is ours.  The last of two attributes counts. */
	if (info->ifa_family == AF_INET6)
		mnl_attr_put_u32(message, IFA_FLAGS, flags | IFA_F_NODAD);
	return netlink_talk(nl, message, NULL, NULL, err);
}

static int put_route(struct netlink *nl, const struct address_item *item,
		     const struct address_device *d, struct xvs_error *err)
{
	struct request r;
	struct nlmsghdr *message = message_of(&r, item, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg *info = mnl_nlmsg_get_payload(message);

	info->rtm_flags &= RTNH_F_ONLINK; /* others are what the kernel found out */
	mnl_attr_put_u32(message, RTA_OIF, d->index);
	return netlink_talk(nl, message, NULL, NULL, err);
}

int address_set_route(struct netlink *nl, const struct address_set *s,
		      const struct address_device *d, struct xvs_error *err)
{
	int code = 0;

	for (size_t i = 0; i < s->count && code == 0; i++) {
		if (s->items[i].type == RTM_NEWROUTE)
			code = put_route(nl, &s->items[i], d, err);
	}
	return code ? error_context(err, "device %s: route", d->name) : 0;
}

int address_set_put(struct netlink *nl, const struct address_set *s, const struct address_device *d,
		    struct xvs_error *err)
{
	char text[LINK_ADDRESS_TEXT] = "";
	int code = 0;

	for (size_t i = 0; i < s->count && code == 0; i++) {
		(void)address_item_text(&s->items[i], text);
		if (s->items[i].type == RTM_NEWADDR)
			code = put_address(nl, &s->items[i], d, err);
	}
	return code ? error_context(err, "device %s: address %s", d->name, text) : 0;
}

static int remove_address(struct netlink *nl, const struct address_item *item,
			  const struct address_device *d, struct xvs_error *err)
{
	struct request r;
	struct nlmsghdr *message = message_of(&r, item, RTM_DELADDR, 0);
	struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	int code;

	info->ifa_index = d->index;
	code = netlink_talk(nl, message, NULL, NULL, err);
	return code == -EADDRNOTAVAIL || code == -ENODEV ? 0 : code;
}

int address_set_remove(struct netlink *nl, const struct address_set *s,
		       const struct address_device *d, struct xvs_error *err)
{
	int code = 0;

	for (size_t i = 0; i < s->count && code == 0; i++) {
		if (s->items[i].type == RTM_NEWADDR)
			code = remove_address(nl, &s->items[i], d, err);
	}
	return code ? error_context(err, "device %s: taking an address away", d->name) : 0;
}
