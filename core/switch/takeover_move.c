/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/takeover_move.c - addresses and routes move from uplinks to a host port, and back.
 *
 * The new place has an address before the old one loses it, so that no socket which is bound to it
 * ever has none.  The old device is left without a say: it answers no ARP for addresses that the host
 * has elsewhere, and speaks no IPv6, of which it would make itself addresses again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "switch/takeover.h"

#define NO_ARP "8" /* for no address at all */
#define NO_IPV6 "1"

/* ---- settings of the kernel, for one device ------------------------------------------------------ */

static int sysctl_open(const char *kind, const char *device, const char *name, int flags)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", kind, device, name);
	return open(path, flags | O_CLOEXEC);
}

static void sysctl_read(const char *kind, const char *device, const char *name,
			char out[SYSCTL_TEXT])
{
	int fd = sysctl_open(kind, device, name, O_RDONLY);
	ssize_t len = fd >= 0 ? read(fd, out, SYSCTL_TEXT - 1) : 0;

	out[len > 0 ? len : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (fd >= 0)
		(void)close(fd);
}

/* Where it cannot be (no IPv6), there is nothing to set. */
static void sysctl_write(const char *kind, const char *device, const char *name, const char *value)
{
	int fd = value[0] ? sysctl_open(kind, device, name, O_WRONLY) : -1;

	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		log_debug("device %s: %s stays as it is: %s", device, name, strerror(errno));
	(void)close(fd);
}

static void silence(const struct taken_device *d)
{
	sysctl_write("ipv4", d->device, "arp_ignore", NO_ARP);
}

static void unsilence(const struct taken_device *d)
{
	sysctl_write("ipv4", d->device, "arp_ignore", d->arp_ignore);
	sysctl_write("ipv6", d->device, "disable_ipv6", d->no_ipv6);
}

/* ---- moving -------------------------------------------------------------------------------------- */

struct ends {
	struct netlink nl;
	struct link_facts host;
	bool has_host;
};

static int ends_open(struct ends *e, const char *device, struct xvs_error *err)
{
	struct xvs_error none = ERROR_INIT;
	int code = netlink_open(&e->nl, err);

	if (code)
		return code;
	e->has_host = link_by_name(&e->nl, device, &e->host, &none) == 0;
	return 0;
}

/* A device that has gone has nothing, and can be given nothing. */
static bool find(struct ends *e, const char *name, struct link_facts *out, struct address_device *d)
{
	struct xvs_error none = ERROR_INIT;

	if (link_by_name(&e->nl, name, out, &none))
		return false;
	*d = (struct address_device){ out->index, out->name };
	return true;
}

static int take_from(struct ends *e, const struct taken_device *from, struct xvs_error *err)
{
	const struct address_device host = { e->host.index, e->host.name };
	struct address_device old;
	struct link_facts facts;
	bool has_old = find(e, from->device, &facts, &old);
	int code;

	if (has_old)
		silence(from);
	code = address_set_put(&e->nl, &from->set, &host, err);
	if (code == 0 && has_old)
		code = address_set_remove(&e->nl, &from->set, &old, err);
	if (code == 0)
		code = address_set_route(&e->nl, &from->set, &host, err);
	if (code == 0 && has_old)
		sysctl_write("ipv6", from->device, "disable_ipv6", NO_IPV6);
	return code;
}

int takeover_put(const struct takeover *t, struct xvs_error *err)
{
	struct ends e = { .has_host = false };
	int code = ends_open(&e, t->device, err);

	if (code)
		return code;
	if (!e.has_host)
		code = error_set(err, -ENODEV, "", "device %s, which takes addresses, is not there",
				 t->device);
	for (size_t i = 0; i < t->count && code == 0; i++) {
		if (!t->from[i].is_owed)
			code = take_from(&e, &t->from[i], err);
	}
	netlink_close(&e.nl);
	return code;
}

bool takeover_finds(const char *device)
{
	struct xvs_error none = ERROR_INIT;
	struct link_facts facts;
	struct netlink nl;
	bool is_there;

	if (netlink_open(&nl, &none))
		return false;
	is_there = link_by_name(&nl, device, &facts, &none) == 0;
	netlink_close(&nl);
	return is_there;
}

static int return_to(struct ends *e, const struct taken_device *from, struct xvs_error *err)
{
	const struct address_device host = { e->host.index, e->host.name };
	struct address_device old;
	struct link_facts facts;
	int code;

	if (!find(e, from->device, &facts, &old))
		return error_set(err, -ENODEV, "",
				 "device %s, whose addresses were taken, is not there",
				 from->device);
	unsilence(from);
	code = address_set_put(&e->nl, &from->set, &old, err);
	if (code == 0)
		code = address_set_route(&e->nl, &from->set, &old, err);
	if (code == 0 && e->has_host)
		code = address_set_remove(&e->nl, &from->set, &host, err);
	if (code == 0)
		address_set_announce(&from->set, &facts);
	return code;
}

int takeover_return(struct takeover *t, struct xvs_error *err)
{
	struct ends e = { .has_host = false };
	int code = ends_open(&e, t->device, err);
	int worst = 0;

	if (code)
		return code;
	/* One that is not there is no reason to leave others without. */
	for (size_t i = t->count; i-- > 0;) {
		code = return_to(&e, &t->from[i], err);
		worst = code ? code : worst;
		if (code == 0)
			takeover_remove(t, &t->from[i]);
	}
	netlink_close(&e.nl);
	return worst;
}

void takeover_announce(const struct takeover *t)
{
	struct xvs_error err = ERROR_INIT;
	struct ends e = { .has_host = false };

	if (ends_open(&e, t->device, &err))
		return;
	for (size_t i = 0; e.has_host && i < t->count; i++) {
		if (!t->from[i].is_owed)
			address_set_announce(&t->from[i].set, &e.host);
	}
	netlink_close(&e.nl);
}

/* ---- reading ------------------------------------------------------------------------------------- */

static struct taken_device *device_of(struct takeover *t, const char *name)
{
	struct taken_device *d = takeover_find(t, name);

	if (d) {
		d->is_owed = false;
		return d;
	}
	d = takeover_add(t, name);
	if (!d)
		return NULL;
	sysctl_read("ipv4", name, "arp_ignore", d->arp_ignore);
	sysctl_read("ipv6", name, "disable_ipv6", d->no_ipv6);
	return d;
}

static int add_set(struct taken_device *d, const struct address_set *set, struct xvs_error *err)
{
	int code = 0;

	for (size_t i = 0; i < set->count && code == 0; i++) {
		if (!address_set_has(&d->set, &set->items[i]))
			code = address_set_add(&d->set, &set->items[i]);
	}
	return code ? error_set(err, code, "",
				"device %s: too many addresses and routes, or no memory", d->device)
		    : 0;
}

int takeover_read(struct takeover *t, const char *device, struct xvs_error *err)
{
	struct address_set set = { .items = NULL };
	struct xvs_error none = ERROR_INIT;
	struct taken_device *d;
	struct link_facts facts;
	struct netlink nl;
	int code = netlink_open(&nl, err);

	if (code)
		return code;
	if (link_by_name(&nl, device, &facts, &none) == 0)
		code = address_set_read(&nl, facts.index, &set, err);
	netlink_close(&nl);
	if (code)
		return error_context(err, "device %s", device);
	d = device_of(t, device);
	code = d ? add_set(d, &set, err)
		 : error_set(err, -E2BIG, "", "addresses of more than %d devices", TAKEN_DEVICES);
	address_set_finish(&set);
	return code;
}
