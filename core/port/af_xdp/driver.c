/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/driver.c - a driver's name and its number of receive queues.
 */
#include "port/af_xdp/driver.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

static bool ask(int fd, const char *device, void *command)
{
	struct ifreq request = { .ifr_data = command };

	(void)str_copy(request.ifr_name, sizeof(request.ifr_name), device);
	return ioctl(fd, SIOCETHTOOL, &request) == 0;
}

void driver_read(const char *device, struct driver *out)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*out = (struct driver){ .queues = 1 };
	if (fd < 0)
		return;
	if (ask(fd, device, &info)) {
		info.driver[sizeof(info.driver) - 1] = '\0';
		(void)str_copy(out->name, sizeof(out->name), info.driver);
	}
	if (ask(fd, device, &channels) && channels.rx_count + channels.combined_count > 0)
		out->queues = channels.rx_count + channels.combined_count;
	/* a pair of veths passes the kernel's packets on as they are, and their tags beside them */
	out->gives_tags = strcmp(out->name, "veth") == 0;
	(void)close(fd);
}
