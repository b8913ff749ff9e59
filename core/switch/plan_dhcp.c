/* SPDX-License-Identifier: Apache-2.0 */
/* switch/plan_dhcp.c - can the DHCP server of a switch be had, and are its guests there? */
#include "base/error.h"
#include "dhcp/process.h"
#include "switch/dhcp.h"

static bool has_port(const struct plan_switch *ps, const char *name)
{
	for (size_t i = 0; i < ps->port_count; i++) {
		if (strcmp(ps->ports[i].spec->name, name) == 0)
			return true;
	}
	return false;
}

static const char *nearest_port(const struct plan_switch *ps, const char *name)
{
	const char **names = ps->port_count ? calloc(ps->port_count, sizeof(*names)) : NULL;
	const char *nearest;

	if (!names)
		return NULL;
	for (size_t i = 0; i < ps->port_count; i++)
		names[i] = ps->ports[i].spec->name;
	nearest = str_nearest(name, names, ps->port_count);
	free(names);
	return nearest;
}

static void check_reserved(struct plan *p, const struct plan_switch *ps,
			   const struct dhcp_reserved_spec *r)
{
	const char *nearest;

	if (r->port[0] == '\0' || has_port(ps, r->port))
		return;
	nearest = nearest_port(ps, r->port);
	plan_error(p, r->at, "switch %s: dhcp: reserved %s: the switch has no port %s%s%s",
		   ps->spec->name, r->address, r->port, nearest ? ", the nearest is " : "",
		   nearest ? nearest : "");
}

void plan_dhcp(struct plan *p, struct plan_switch *ps)
{
	const struct dhcp_spec *d = &ps->spec->dhcp;
	struct xvs_error err = ERROR_INIT;
	const char *program;

	/* Where what is missing is tolerated, "dhcp show" says so, and it is tried again. */
	if (!dhcp_is_wanted(ps->spec) || p->w->is_tolerant)
		return;
	if (dhcp_program(&program, &err))
		plan_error(p, d->at, "switch %s: dhcp: %s", ps->spec->name, err.text);
	for (size_t i = 0; i < d->reserved_count; i++)
		check_reserved(p, ps, &d->reserved[i]);
}
