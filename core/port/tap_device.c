/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/tap_device.c - making a tap device.
 *
 * A device for another namespace is made here under a name nobody has, moved, and gets its own
 * name there.  Opening /dev/net/tun inside would be shorter, but a tun descriptor keeps the
 * namespace alive in which it was opened: deleting a container's would hang on our port.
 */
#include "port/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/str.h"
#include "port/netns.h"

/* linux/if_tun.h of kernel 6.2: TUN_F_USO4 and TUN_F_USO6. */
enum { USO_FLAGS = 0x20 | 0x40, MTU_DEFAULT = 1500 };

static int refuse_existing(const char *name, const char *netns, struct xvs_error *err)
{
	if (netns)
		return error_set(
			err, -EBUSY, "device",
			"device %s exists already in %.40s: choose another name, or remove "
			"it with ip -n %.40s link del %s",
			name, netns, netns, name);
	return error_set(err, -EBUSY, "device",
			 "device %s exists already: choose another name, or remove it with "
			 "ip link del %s",
			 name, name);
}

/* ---- descriptors --------------------------------------------------------------------------- */

static int open_tun(int *fd, struct xvs_error *err)
{
	*fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*fd >= 0)
		return 0;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return error_set(err, -errno, "", "/dev/net/tun: %s; load it with modprobe tun",
				 strerror(errno));
	return error_set(err, -errno, "", "/dev/net/tun: %s", strerror(errno));
}

/* 'name' may be a template with %d; afterwards it is the device's name. */
static int attach_queue(int fd, char name[IFNAMSIZ], unsigned flags, struct xvs_error *err)
{
	struct ifreq request = { .ifr_flags = (short)flags };

	(void)str_copy(request.ifr_name, sizeof(request.ifr_name), name);
	if (ioctl(fd, TUNSETIFF, &request) == 0) {
		(void)str_copy(name, IFNAMSIZ, request.ifr_name);
		return 0;
	}
	if (errno == EBUSY)
		return refuse_existing(name, NULL, err);
	if (errno == EPERM)
		return error_set(err, -EPERM, "", "device %s: making a tap needs CAP_NET_ADMIN",
				 name);
	return error_set(err, -errno, "", "device %s: making the tap: %s", name, strerror(errno));
}

/* What the kernel may hand to us; what it takes from us is the same set. */
static uint32_t set_offloads(int fd, bool wanted)
{
	const unsigned int basic = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	const uint32_t ours = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6;

	if (wanted && ioctl(fd, TUNSETOFFLOAD, basic | USO_FLAGS) == 0)
		return ours | OFFLOAD_USO;
	if (wanted && ioctl(fd, TUNSETOFFLOAD, basic) == 0)
		return ours;
	(void)ioctl(fd, TUNSETOFFLOAD, 0);
	return 0;
}

static int open_queue(const struct backend_config *c, unsigned flags, struct tap_device *d, int *fd,
		      struct xvs_error *err)
{
	int header = VNET_BYTES;
	int code = open_tun(fd, err);

	if (code)
		return code;
	code = attach_queue(*fd, d->name, flags, err);
	if (code == 0 && ioctl(*fd, TUNSETVNETHDRSZ, &header))
		code = error_set(err, -errno, "", "device %s: virtio-net header: %s", d->name,
				 strerror(errno));
	if (code) {
		(void)close(*fd);
		return code;
	}
	d->offloads = OFFLOAD_TAG | set_offloads(*fd, c->offloads);
	return 0;
}

static void close_all(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)close(fds[i]);
}

static int open_queues(const struct backend_config *c, unsigned count, int *fds,
		       struct tap_device *d, struct xvs_error *err)
{
	const unsigned flags =
		IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (count > 1 ? IFF_MULTI_QUEUE : 0);

	for (unsigned i = 0; i < count; i++) {
		/* Only the first may make the device, the others must find it. */
		int code = open_queue(c, flags | (i == 0 ? IFF_TUN_EXCL : 0), d, &fds[i], err);

		if (code) {
			close_all(fds, i);
			return code;
		}
	}
	return 0;
}

/* ---- in the namespace of the device -------------------------------------------------------- */

struct setup {
	const struct backend_config *config;
	const char *name; /* that it shall have */
	struct tap_device *device;
};

static int check_free(void *arg, struct xvs_error *err)
{
	const struct setup *s = arg;
	struct link_facts facts;
	struct netlink nl;
	int code = netlink_open(&nl, err);

	if (code)
		return code;
	code = link_by_name(&nl, s->name, &facts, err);
	netlink_close(&nl);
	if (code == 0)
		return refuse_existing(s->name, s->config->netns, err);
	return code == -ENODEV ? 0 : code;
}

static bool is_zero(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return memcmp(mac, zero, sizeof(zero)) == 0;
}

static int change_device(struct netlink *nl, const struct setup *s, struct xvs_error *err)
{
	const struct backend_config *c = s->config;
	const struct link_change rename = { .name = s->name };
	const struct link_change values = {
		.mac = is_zero(c->mac) ? NULL : c->mac,
		.mtu = c->mtu ? c->mtu : MTU_DEFAULT,
	};
	const struct link_change up = { .state = LINK_UP };
	const uint32_t index = s->device->index;
	int code = 0;

	if (strcmp(s->name, s->device->name) != 0)
		code = link_change(nl, index, s->device->name, &rename, err);
	if (code == 0)
		code = link_change(nl, index, s->name, &values, err);
	if (code == 0 && c->address)
		code = link_add_address(nl, index, s->name, c->address, err);
	if (code == 0)
		code = link_change(nl, index, s->name, &up, err);
	return code;
}

static int configure(void *arg, struct xvs_error *err)
{
	const struct setup *s = arg;
	struct link_facts facts;
	struct netlink nl;
	int code = netlink_open(&nl, err);

	if (code)
		return code;
	/* The move may have given it another index. */
	code = link_by_name(&nl, s->device->name, &facts, err);
	if (code == 0) {
		s->device->index = facts.index;
		code = change_device(&nl, s, err);
	}
	netlink_close(&nl);
	if (code == 0)
		(void)str_copy(s->device->name, sizeof(s->device->name), s->name);
	return code;
}

/* ---- the two ways ---------------------------------------------------------------------------- */

static int move_device(struct tap_device *d, int netns, struct xvs_error *err)
{
	struct link_facts facts;
	struct netlink nl;
	int code = netlink_open(&nl, err);

	if (code)
		return code;
	code = link_by_name(&nl, d->name, &facts, err);
	if (code == 0)
		code = link_move(&nl, facts.index, d->name, netns, err);
	/* The move itself has given the namespace a number, for the message about it. */
	if (code == 0)
		code = link_netns_id(&nl, netns, &d->nsid, err);
	netlink_close(&nl);
	return code;
}

static int open_here(struct setup *s, unsigned count, int *fds, struct xvs_error *err)
{
	int code;

	(void)str_copy(s->device->name, sizeof(s->device->name), s->name);
	code = open_queues(s->config, count, fds, s->device, err);
	if (code)
		return code;
	code = configure(s, err);
	if (code)
		close_all(fds, count);
	return code;
}

static int open_there(struct setup *s, unsigned count, int *fds, struct xvs_error *err)
{
	int netns;
	int code = netns_open(s->config->netns, &netns, err);

	if (code)
		return code;
	code = netns_run(netns, check_free, s, err);
	if (code)
		goto close_netns;
	(void)str_copy(s->device->name, sizeof(s->device->name), "xvstap%d");
	code = open_queues(s->config, count, fds, s->device, err);
	if (code)
		goto close_netns;
	code = move_device(s->device, netns, err);
	if (code == 0)
		code = netns_run(netns, configure, s, err);
	if (code)
		close_all(fds, count);
close_netns:
	(void)close(netns);
	return code;
}

int tap_device_open(const struct backend_config *c, unsigned count, int *fds,
		    struct tap_device *out, struct xvs_error *err)
{
	struct tap_device device = { .nsid = LINK_HERE };
	struct setup s = { .config = c, .device = &device };
	int code;

	if (!c->device)
		return error_set(err, -EINVAL, "device", "a tap needs a device name");
	if (c->peer_name && !c->netns)
		return error_set(err, -EINVAL, "peer_name", "a name inside needs netns as well");
	s.name = c->peer_name ? c->peer_name : c->device;
	code = link_check_name(s.name, err);
	if (code)
		return code;
	code = c->netns ? open_there(&s, count, fds, err) : open_here(&s, count, fds, err);
	if (code)
		return code;
	*out = device;
	return 0;
}
