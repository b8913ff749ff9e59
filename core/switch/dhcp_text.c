/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/dhcp_text.c - what dnsmasq is told.
 *
 * Nothing of the host is read: neither /etc/dnsmasq.conf (we name our own file), nor /etc/hosts, nor,
 * unless it was asked for, /etc/resolv.conf.  Every value was checked to be an address or a name, so
 * none can say more than it should.
 */
#include "base/ipv4.h"
#include "base/str.h"
#include "switch/dhcp.h"

static void add_who(struct strbuf *out, const struct port *server)
{
	strbuf_add(out, "keep-in-foreground\nlog-facility=-\npid-file=\n");
	strbuf_add(out, "no-hosts\nquiet-dhcp\ndhcp-authoritative\n");
	/* The device alone; beside others that serve in this namespace. */
	strbuf_add(out, "bind-dynamic\nexcept-interface=lo\ninterface=%s\n",
		   server->backend->device);
}

static void add_range(struct strbuf *out, const struct dhcp_spec *d, struct ipv4 net)
{
	char from[IPV4_TEXT];
	char to[IPV4_TEXT];
	char mask[IPV4_TEXT];
	uint32_t first = 0;
	uint32_t last = 0;

	(void)ipv4_range_parse(d->range, &first, &last);
	strbuf_add(out, "dhcp-range=%s,%s,%s,%u\ndhcp-lease-max=%zu\n", ipv4_print(first, from),
		   ipv4_print(last, to), ipv4_print(ipv4_mask(net.len), mask), d->lease_s,
		   last - first + 1 + d->reserved_count);
}

/* Without a value dnsmasq would tell its own address; "no value" has to be said. */
static void add_gateway(struct strbuf *out, const struct switch_spec *s)
{
	struct ipv4 inside;
	char text[IPV4_TEXT];

	if (s->dhcp.gateway[0])
		strbuf_add(out, "dhcp-option=option:router,%s\n", s->dhcp.gateway);
	else if (s->type == SWITCH_NAT && ipv4_parse(s->nat.inside, &inside))
		strbuf_add(out, "dhcp-option=option:router,%s\n", ipv4_print(inside.address, text));
	else
		strbuf_add(out, "dhcp-option=option:router\n");
}

static void add_dns(struct strbuf *out, const struct dhcp_spec *d, struct ipv4 net)
{
	char text[IPV4_TEXT];

	strbuf_add(out, "dhcp-option=option:dns-server");
	for (size_t i = 0; i < d->dns_count; i++)
		strbuf_add(out, ",%s", d->dns[i]);
	if (d->dns_count == 0 && d->resolver.is_wanted)
		strbuf_add(out, ",%s", ipv4_print(net.address, text));
	strbuf_add(out, "\n");
}

static void add_resolver(struct strbuf *out, const struct dhcp_resolver_spec *r)
{
	if (!r->is_wanted) {
		strbuf_add(out, "port=0\n");
		return;
	}
	/* Private names are nobody's business outside; and no guest names itself "wpad" (VU#598349). */
	strbuf_add(out, "domain-needed\nbogus-priv\n"
			"dhcp-name-match=set:wpad,wpad\ndhcp-ignore-names=tag:wpad\n");
	if (!r->uses_host)
		strbuf_add(out, "no-resolv\n");
	if (r->domain[0])
		strbuf_add(out, "domain=%s\nlocal=/%s/\nexpand-hosts\n", r->domain, r->domain);
	for (size_t i = 0; i < r->forward_count; i++)
		strbuf_add(out, "server=%s\n", r->forward[i]);
}

static bool mac_of(const struct vswitch *sw, const struct dhcp_reserved_spec *r, uint8_t mac[6])
{
	const struct port *p = r->port[0] ? vswitch_port(sw, r->port) : NULL;

	if (r->has_mac)
		memcpy(mac, r->mac, 6);
	return r->has_mac || (p && port_has_mac(p, mac));
}

static void add_reserved(struct strbuf *out, const struct vswitch *sw,
			 const struct dhcp_reserved_spec *r)
{
	const char *name = r->name[0] ? r->name : r->port;
	char text[MAC_TEXT];
	uint8_t mac[6];

	if (!mac_of(sw, r, mac))
		return;
	strbuf_add(out, "dhcp-host=%s,%s%s%s\n", mac_print(mac, text), r->address,
		   dhcp_name_valid(name) ? "," : "", dhcp_name_valid(name) ? name : "");
}

char *dhcp_text(const struct vswitch *sw, const struct switch_spec *s, const struct port *server)
{
	struct strbuf out = { 0 };
	struct ipv4 net = { 0 };

	(void)ipv4_parse(server->spec.address, &net);
	strbuf_add(&out, "# Made by xvsd for switch %s; changes are lost.\n", s->name);
	add_who(&out, server);
	add_range(&out, &s->dhcp, net);
	add_gateway(&out, s);
	add_dns(&out, &s->dhcp, net);
	add_resolver(&out, &s->dhcp.resolver);
	for (size_t i = 0; i < s->dhcp.reserved_count; i++)
		add_reserved(&out, sw, &s->dhcp.reserved[i]);
	if (!out.failed)
		return out.text;
	strbuf_finish(&out);
	return NULL;
}
