/* SPDX-License-Identifier: Apache-2.0 */
/* port/health.c - speed and duplex by ethtool, counters by rtnetlink. */
#include "port/health.h"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdalign.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "port/netlink.h"

enum { ENOUGH = 100 }; /* frames, fewer of which say nothing */

static void read_settings(const char *name, struct link_health *out)
{
	struct ethtool_cmd command = { .cmd = ETHTOOL_GSET };
	struct ifreq request = { .ifr_data = (void *)&command };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t speed;

	if (fd < 0)
		return;
	(void)str_copy(request.ifr_name, sizeof(request.ifr_name), name);
	if (ioctl(fd, SIOCETHTOOL, &request) == 0) {
		speed = ethtool_cmd_speed(&command);
		out->speed_mbps = speed == (uint32_t)SPEED_UNKNOWN ? 0 : speed;
		out->is_half_duplex = command.duplex == DUPLEX_HALF;
	}
	(void)close(fd);
}

static int read_attribute(const struct nlattr *attr, void *arg)
{
	struct link_health *out = arg;
	struct rtnl_link_stats64 stats = { 0 };
	size_t len = mnl_attr_get_payload_len(attr);

	if (mnl_attr_get_type(attr) != IFLA_STATS64)
		return MNL_CB_OK;
	memcpy(&stats, mnl_attr_get_payload(attr), len < sizeof(stats) ? len : sizeof(stats));
	out->packets = stats.rx_packets + stats.tx_packets;
	out->errors = stats.rx_errors + stats.tx_errors;
	return MNL_CB_OK;
}

static int read_link(const struct nlmsghdr *message, void *arg)
{
	if (message->nlmsg_type == RTM_NEWLINK)
		(void)mnl_attr_parse(message, sizeof(struct ifinfomsg), read_attribute, arg);
	return MNL_CB_OK;
}

static bool read_counters(const char *name, struct link_health *out)
{
	alignas(struct nlmsghdr) uint8_t bytes[NETLINK_REQUEST];
	struct nlmsghdr *request = netlink_request(bytes, RTM_GETLINK, 0);
	struct netlink nl = { .socket = NULL };
	struct xvs_error ignored = ERROR_INIT;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	bool is_there;

	info->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	is_there = netlink_open(&nl, &ignored) == 0 &&
		   netlink_talk(&nl, request, read_link, out, &ignored) == 0;
	netlink_close(&nl);
	return is_there;
}

bool link_health(const char *name, struct link_health *out)
{
	struct link_health health = { 0 };

	if (!read_counters(name, &health))
		return false;
	read_settings(name, &health);
	*out = health;
	return true;
}

enum link_noise link_noise(const struct link_health *before, const struct link_health *now,
			   uint32_t percent)
{
	uint64_t errors = now->errors - before->errors;
	uint64_t frames = now->packets - before->packets + errors;

	/* a device that was made anew has begun to count anew */
	if (now->errors < before->errors || now->packets < before->packets)
		return NOISE_LOW;
	if (frames < ENOUGH)
		return NOISE_UNKNOWN;
	return errors * 100 >= (uint64_t)percent * frames ? NOISE_HIGH : NOISE_LOW;
}
