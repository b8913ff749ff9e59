/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/dhcp.c - the DHCP server follows what is in force: it is told when all ports are as they are
 * to be, and before those that go are gone.
 */
#include "switch/dhcp.h"

#include "base/error.h"

const struct port_spec *dhcp_port_spec(const struct switch_spec *s)
{
	for (size_t i = 0; i < s->port_count; i++) {
		const struct port_spec *p = &s->ports[i];

		if (p->role == PORT_HOST &&
		    (s->dhcp.port[0] == '\0' || strcmp(p->name, s->dhcp.port) == 0))
			return p;
	}
	return NULL;
}

struct port *dhcp_port(const struct vswitch *sw, const struct switch_spec *s)
{
	const struct port_spec *spec = dhcp_port_spec(s);

	return spec ? vswitch_port(sw, spec->name) : NULL;
}

/* ---- what differs -------------------------------------------------------------------------------- */

static bool texts_differ(char (*a)[64], size_t a_count, char (*b)[64], size_t b_count)
{
	bool differs = a_count != b_count;

	for (size_t i = 0; i < a_count && !differs; i++)
		differs = strcmp(a[i], b[i]) != 0;
	return differs;
}

static bool reserved_differ(const struct dhcp_spec *a, const struct dhcp_spec *b)
{
	const size_t from = sizeof(struct position); /* whose line is no difference */
	bool differs = a->reserved_count != b->reserved_count;

	for (size_t i = 0; i < a->reserved_count && !differs; i++)
		differs = memcmp((const char *)&a->reserved[i] + from,
				 (const char *)&b->reserved[i] + from,
				 sizeof(a->reserved[i]) - from) != 0;
	return differs;
}

static bool resolvers_differ(const struct dhcp_resolver_spec *a, const struct dhcp_resolver_spec *b)
{
	return a->is_wanted != b->is_wanted || a->uses_host != b->uses_host ||
	       strcmp(a->domain, b->domain) != 0 ||
	       texts_differ(a->forward, a->forward_count, b->forward, b->forward_count);
}

char *dhcp_differences(const struct dhcp_spec *a, const struct dhcp_spec *b)
{
	const struct {
		const char *name;
		bool differs;
	} parts[] = {
		{ "port", strcmp(a->port, b->port) != 0 },
		{ "range", strcmp(a->range, b->range) != 0 },
		{ "lease_s", a->lease_s != b->lease_s },
		{ "gateway", strcmp(a->gateway, b->gateway) != 0 },
		{ "dns", texts_differ(a->dns, a->dns_count, b->dns, b->dns_count) },
		{ "resolver", resolvers_differ(&a->resolver, &b->resolver) },
		{ "reserved", reserved_differ(a, b) },
	};
	struct strbuf text = { 0 };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].differs)
			strbuf_add(&text, "%s%s", text.text ? ", " : "", parts[i].name);
	}
	return text.text;
}

/* ---- the step ------------------------------------------------------------------------------------ */

int dhcp_step_prepare(struct step *s)
{
	const struct world *w = s->t->w;
	const struct dhcp_places places = { .name = s->sw->name,
					    .run_dir = w->dhcp_dir,
					    .state_dir = w->state_dir };

	if (s->sw->dhcp || !s->plan_switch || !dhcp_is_wanted(s->plan_switch->spec) || !w->dhcp_dir)
		return 0;
	s->prepared = dhcp_server_create(w->loop, &places);
	return s->prepared ? 0 : -ENOMEM;
}

static void served(void *arg)
{
	struct step *s = arg;

	transaction_wake(s->t);
}

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

static bool is_new(const struct plan_switch *ps, const struct port *server)
{
	const struct plan_port *pp = plan_switch_port(ps, server);

	return pp && pp->is_new;
}

/* Names with which dnsmasq would mean something else. */
static bool is_plain(const char *device)
{
	return device[0] && !strpbrk(device, ",*#\"'\\=");
}

static void why_not(struct vswitch *sw, const struct port *server, const char *name)
{
	if (!server || !server->backend)
		(void)snprintf(sw->dhcp_problem, sizeof(sw->dhcp_problem),
			       "host port %.64s is not up", name);
	else
		(void)snprintf(sw->dhcp_problem, sizeof(sw->dhcp_problem),
			       "host port %.64s: device %.32s has a name that dnsmasq cannot be "
			       "told",
			       name, server->backend->device);
}

static int serve(struct step *s, struct xvs_error *err)
{
	struct vswitch *sw = s->sw;
	const struct switch_spec *spec = s->plan_switch ? s->plan_switch->spec : NULL;
	struct port *server = NULL;
	struct dhcp_wanted wanted = { .text = NULL };
	char *text = NULL;
	bool is_done;

	(void)err;
	if (s->prepared) {
		sw->dhcp = s->prepared;
		s->prepared = NULL;
	}
	if (!sw->dhcp)
		return 0;
	sw->dhcp_problem[0] = '\0';
	if (spec && dhcp_is_wanted(spec)) {
		server = dhcp_port(sw, spec);
		if (server && server->backend && is_plain(server->backend->device))
			text = dhcp_text(sw, spec, server);
		else
			why_not(sw, server, dhcp_port_spec(spec)->name);
	}
	wanted.text = text;
	if (text) {
		wanted.netns = or_null(server->spec.backend.netns);
		wanted.is_new = is_new(s->plan_switch, server);
	}
	is_done = dhcp_server_serve(sw->dhcp, text ? &wanted : NULL, served, s);
	free(text);
	return is_done ? 0 : STEP_WAITS;
}

static void step_free(struct step *s)
{
	dhcp_server_destroy(s->prepared);
}

const struct step_ops step_dhcp = { serve, NULL, step_free };
