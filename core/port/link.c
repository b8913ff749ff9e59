/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/link.c - requests about network devices.
 */
#include "port/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/str.h"
#include "xvs/policy.h"

/* Storage for one request. */
struct request {
	alignas(struct nlmsghdr) uint8_t bytes[NETLINK_REQUEST];
};

int link_check_name(const char *name, struct xvs_error *err)
{
	size_t len = strlen(name);

	if (len >= IFNAMSIZ)
		return error_set(err, -ENAMETOOLONG, "device",
				 "device name \"%.40s\" has %zu characters: at most %d fit", name,
				 len, IFNAMSIZ - 1);
	if (len == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, -EINVAL, "device", "\"%s\" is not a device name", name);
	if (strpbrk(name, "/:% \t\n\r\v\f"))
		return error_set(err, -EINVAL, "device",
				 "device name \"%s\": it must not contain '/', ':', '%%' or spaces",
				 name);
	return 0;
}

/* ---- looking up ---------------------------------------------------------------------------- */

static int read_attribute(const struct nlattr *attr, void *arg)
{
	struct link_facts *facts = arg;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			(void)str_copy(facts->name, sizeof(facts->name), mnl_attr_get_str(attr));
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attr) == sizeof(facts->mac))
			memcpy(facts->mac, mnl_attr_get_payload(attr), sizeof(facts->mac));
		break;
	case IFLA_MTU:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			facts->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_MASTER:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			facts->master = mnl_attr_get_u32(attr);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

bool link_read(const struct nlmsghdr *message, struct link_facts *out)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const unsigned int running = IFF_UP | IFF_LOWER_UP;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return false;
	memset(out, 0, sizeof(*out));
	out->index = (uint32_t)info->ifi_index;
	out->type = info->ifi_type;
	out->admin_up = (info->ifi_flags & IFF_UP) != 0;
	out->up = (info->ifi_flags & running) == running;
	(void)mnl_attr_parse(message, sizeof(*info), read_attribute, out);
	return true;
}

static int take_facts(const struct nlmsghdr *message, void *arg)
{
	(void)link_read(message, arg);
	return MNL_CB_OK;
}

static struct nlmsghdr *link_request(struct request *r, uint16_t type, uint16_t flags,
				     uint32_t index)
{
	struct nlmsghdr *request = netlink_request(r->bytes, type, flags);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	info->ifi_family = AF_UNSPEC;
	info->ifi_index = (int)index;
	return request;
}

int link_by_name(struct netlink *nl, const char *name, struct link_facts *out,
		 struct xvs_error *err)
{
	struct link_facts facts = { 0 };
	struct request r;
	struct nlmsghdr *request;
	int code = link_check_name(name, err);

	if (code)
		return code;
	request = link_request(&r, RTM_GETLINK, 0, 0);
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	code = netlink_talk(nl, request, take_facts, &facts, err);
	if (code == -ENODEV)
		return error_set(err, code, "device", "device %s does not exist", name);
	if (code)
		return error_context(err, "device %s", name);
	*out = facts;
	return 0;
}

int link_by_index(struct netlink *nl, uint32_t index, int nsid, struct link_facts *out,
		  struct xvs_error *err)
{
	struct link_facts facts = { 0 };
	struct request r;
	struct nlmsghdr *request = link_request(&r, RTM_GETLINK, 0, index);
	int code;

	if (nsid != LINK_HERE)
		mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, (uint32_t)nsid);
	code = netlink_talk(nl, request, take_facts, &facts, err);
	if (code)
		return error_context(err, "device with index %u", index);
	*out = facts;
	return 0;
}

/* ---- making and changing ------------------------------------------------------------------- */

static void put_veth_peer(struct nlmsghdr *request, const char *peer)
{
	struct nlattr *data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	struct nlattr *info = mnl_attr_nest_start(request, VETH_INFO_PEER);

	(void)mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, peer);
	mnl_attr_nest_end(request, info);
	mnl_attr_nest_end(request, data);
}

int link_create(struct netlink *nl, const char *kind, const char *name, const char *peer,
		struct xvs_error *err)
{
	struct request r;
	struct nlmsghdr *request;
	struct nlattr *info;
	int code = link_check_name(name, err);

	if (code == 0 && peer)
		code = link_check_name(peer, err);
	if (code)
		return code;
	request = link_request(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, kind);
	if (peer)
		put_veth_peer(request, peer);
	mnl_attr_nest_end(request, info);
	code = netlink_talk(nl, request, NULL, NULL, err);
	return code ? error_context(err, "device %s: creating it as %s", name, kind) : 0;
}

int link_delete(struct netlink *nl, uint32_t index, struct xvs_error *err)
{
	struct request r;
	struct nlmsghdr *request = link_request(&r, RTM_DELLINK, 0, index);
	int code = netlink_talk(nl, request, NULL, NULL, err);

	return code ? error_context(err, "device with index %u: removing it", index) : 0;
}

/* "renaming to a, MTU 9000, up": what a refusal is about. */
static void describe_change(const struct link_change *change, char *out, size_t size)
{
	char mac[MAC_TEXT];
	int len = 0;

	out[0] = '\0';
	if (change->name)
		len = snprintf(out, size, "name %s", change->name);
	if (change->mac && (size_t)len < size)
		len += snprintf(out + len, size - (size_t)len, "%sMAC %s", len ? ", " : "",
				mac_print(change->mac, mac));
	if (change->mtu && (size_t)len < size)
		len += snprintf(out + len, size - (size_t)len, "%sMTU %u", len ? ", " : "",
				change->mtu);
	if (change->state != LINK_KEEP && (size_t)len < size)
		(void)snprintf(out + len, size - (size_t)len, "%s%s", len ? ", " : "",
			       change->state == LINK_UP ? "up" : "down");
}

int link_change(struct netlink *nl, uint32_t index, const char *now,
		const struct link_change *change, struct xvs_error *err)
{
	struct request r;
	struct nlmsghdr *request = link_request(&r, RTM_NEWLINK, 0, index);
	struct ifinfomsg *info = mnl_nlmsg_get_payload(request);
	char what[96];
	int code = change->name ? link_check_name(change->name, err) : 0;

	if (code)
		return code;
	if (change->state != LINK_KEEP)
		info->ifi_change = IFF_UP;
	if (change->state == LINK_UP)
		info->ifi_flags = IFF_UP;
	if (change->name)
		mnl_attr_put_strz(request, IFLA_IFNAME, change->name);
	if (change->mac)
		mnl_attr_put(request, IFLA_ADDRESS, 6, change->mac);
	if (change->mtu)
		mnl_attr_put_u32(request, IFLA_MTU, change->mtu);
	code = netlink_talk(nl, request, NULL, NULL, err);
	if (code == 0)
		return 0;
	describe_change(change, what, sizeof(what));
	return error_context(err, "device %s: setting %s", now, what);
}

int link_move(struct netlink *nl, uint32_t index, const char *now, int netns, struct xvs_error *err)
{
	struct request r;
	struct nlmsghdr *request = link_request(&r, RTM_NEWLINK, 0, index);
	int code;

	mnl_attr_put_u32(request, IFLA_NET_NS_FD, (uint32_t)netns);
	code = netlink_talk(nl, request, NULL, NULL, err);
	return code ? error_context(err, "device %s: moving it to another network namespace", now)
		    : 0;
}

/* ---- addresses ------------------------------------------------------------------------------ */

static bool is_ipv4(const struct xvs_ip *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(ip->addr, mapped, sizeof(mapped)) == 0 && ip->prefix_len >= 96;
}

int link_add_address(struct netlink *nl, uint32_t index, const char *now, const char *address,
		     struct xvs_error *err)
{
	struct request r;
	struct nlmsghdr *request;
	struct ifaddrmsg *info;
	struct xvs_ip ip;
	size_t skip;
	int code;

	if (!strchr(address, '/') || !ip_parse(address, &ip))
		return error_set(err, -EINVAL, "address",
				 "device %s: \"%.60s\" is not an address with prefix length, as "
				 "192.0.2.1/24",
				 now, address);
	skip = is_ipv4(&ip) ? 12 : 0;
	request = netlink_request(r.bytes, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifa_family = skip ? AF_INET : AF_INET6;
	info->ifa_prefixlen = (uint8_t)(ip.prefix_len - 8 * skip);
	info->ifa_index = index;
	mnl_attr_put(request, IFA_LOCAL, sizeof(ip.addr) - skip, ip.addr + skip);
	mnl_attr_put(request, IFA_ADDRESS, sizeof(ip.addr) - skip, ip.addr + skip);
	code = netlink_talk(nl, request, NULL, NULL, err);
	return code ? error_context(err, "device %s: address %s", now, address) : 0;
}

struct address_search {
	uint32_t index;
	bool found;
	char text[LINK_ADDRESS_TEXT];
};

struct address_attributes {
	uint8_t bytes[16];
	size_t len;
};

/* IFA_LOCAL is ours where both stand there (point-to-point); it comes behind IFA_ADDRESS. */
static int read_address(const struct nlattr *attr, void *arg)
{
	struct address_attributes *a = arg;
	uint16_t type = mnl_attr_get_type(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if ((type == IFA_LOCAL || type == IFA_ADDRESS) && len <= sizeof(a->bytes)) {
		memcpy(a->bytes, mnl_attr_get_payload(attr), len);
		a->len = len;
	}
	return MNL_CB_OK;
}

static int match_address(const struct nlmsghdr *message, void *arg)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct address_search *search = arg;
	struct address_attributes a = { .len = 0 };
	char text[INET6_ADDRSTRLEN];
	size_t want;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*info) ||
	    info->ifa_index != search->index || info->ifa_scope >= RT_SCOPE_LINK || search->found)
		return MNL_CB_OK;
	(void)mnl_attr_parse(message, sizeof(*info), read_address, &a);
	want = info->ifa_family == AF_INET ? 4 : 16;
	if (a.len != want || !inet_ntop(info->ifa_family, a.bytes, text, sizeof(text)))
		return MNL_CB_OK;
	(void)snprintf(search->text, sizeof(search->text), "%s/%u", text, info->ifa_prefixlen);
	search->found = true;
	return MNL_CB_OK;
}

int link_find_address(struct netlink *nl, uint32_t index, char out[LINK_ADDRESS_TEXT],
		      struct xvs_error *err)
{
	struct address_search search = { .index = index };
	struct request r;
	struct nlmsghdr *request = netlink_request(r.bytes, RTM_GETADDR, NLM_F_DUMP);
	int code;

	(void)mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
	code = netlink_talk(nl, request, match_address, &search, err);
	if (code)
		return error_context(err, "reading addresses");
	if (!search.found)
		return 0;
	memcpy(out, search.text, sizeof(search.text));
	return 1;
}

/* ---- the rest --------------------------------------------------------------------------------- */

uint32_t link_speed_mbps(const char *name)
{
	struct ethtool_cmd command = { .cmd = ETHTOOL_GSET };
	struct ifreq request = { .ifr_data = (void *)&command };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t speed = 0;

	if (fd < 0)
		return 0;
	(void)str_copy(request.ifr_name, sizeof(request.ifr_name), name);
	if (ioctl(fd, SIOCETHTOOL, &request) == 0)
		speed = ethtool_cmd_speed(&command);
	(void)close(fd);
	return speed == (uint32_t)SPEED_UNKNOWN ? 0 : speed;
}

static int read_nsid(const struct nlattr *attr, void *arg)
{
	int32_t *nsid = arg;

	if (mnl_attr_get_type(attr) == NETNSA_NSID && mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		*nsid = (int32_t)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int take_nsid(const struct nlmsghdr *message, void *arg)
{
	(void)mnl_attr_parse(message, sizeof(struct rtgenmsg), read_nsid, arg);
	return MNL_CB_OK;
}

int link_netns_id(struct netlink *nl, int netns, int *nsid, struct xvs_error *err)
{
	struct request r;
	struct nlmsghdr *request = netlink_request(r.bytes, RTM_GETNSID, 0);
	int32_t number = NETNSA_NSID_NOT_ASSIGNED;
	int code;

	(void)mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t)netns);
	code = netlink_talk(nl, request, take_nsid, &number, err);
	if (code)
		return error_context(err, "number of the network namespace");
	if (number == NETNSA_NSID_NOT_ASSIGNED)
		return error_set(err, -ENOENT, "", "the network namespace has no number here");
	*nsid = number;
	return 0;
}
