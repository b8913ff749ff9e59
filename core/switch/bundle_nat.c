/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/bundle_nat.c - sessions of a nat switch that are of a port: those of inside addresses whose adapter
 * is behind it.  They go where the other host's NAT has their outside end, and end where it has not.
 *
 *   xvs.nat/1          entries (nat/move.h)
 *
 * Which inside addresses are the port's is the target's to judge: of its NAT's inside, not the gateway's,
 * nobody else's neighbour, without a session before.  What is refused is counted, and told.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/ipv4.h"
#include "nat/move.h"
#include "path/nat.h"
#include "switch/bundle_part.h"

enum { RECORD_BYTES = 945 * NAT_ENTRY_BYTES };

/* ---- whose they are ------------------------------------------------------------------------ */

struct insides {
	const struct port *port;
	size_t count;
	struct nat_prefix list[NAT_WATCH_PREFIXES];
};

static const struct path_port *owner_here(const struct port *p, const uint8_t mac[6])
{
	bool is_static;

	return l2_owner(&p->sw->path_switch->l2, settings_filing(&p->settings), mac, &is_static);
}

static bool is_behind(const struct port *p, const uint8_t mac[6])
{
	uint8_t own[6];

	return (port_has_mac(p, own) && memcmp(own, mac, sizeof(own)) == 0) ||
	       owner_here(p, mac) == p->path_port;
}

static void add_prefix(struct insides *all, struct nat_prefix prefix)
{
	if (all->count < NAT_WATCH_PREFIXES)
		all->list[all->count++] = prefix;
}

static void add_address(void *arg, uint32_t address, const uint8_t mac[6])
{
	struct insides *all = arg;

	if (is_behind(all->port, mac))
		add_prefix(all, (struct nat_prefix){ address, UINT32_MAX });
}

/* Networks behind a router that is behind the port. */
static void add_routes(struct insides *all, const struct nat_facts *f)
{
	size_t count = all->count;

	for (uint32_t i = 0; i < f->route_count; i++) {
		for (size_t n = 0; n < count; n++) {
			if (all->list[n].address == f->routes[i].via)
				add_prefix(all, f->routes[i].to);
		}
	}
}

static void insides_of(const struct port *p, struct insides *out)
{
	const struct nat_facts *f = path_nat_facts(p->sw->nat);

	*out = (struct insides){ .port = p };
	path_nat_insides(p->sw->nat, add_address, out);
	if (f)
		add_routes(out, f);
}

/* ---- out ----------------------------------------------------------------------------------- */

int part_open_nat(struct bundle *b, const struct port *p, struct xvs_error *err)
{
	if (!p->sw->nat)
		return 0;
	b->nat = nat_watch_create(path_nat_table(p->sw->nat));
	return b->nat ? 0 : error_set(err, -ENOMEM, "", "port %s: out of memory", p->full_name);
}

/* The switch may have become another one meanwhile. */
static bool is_there(const struct bundle *b, const struct port *p)
{
	return b->nat && p->sw->nat && nat_watch_is_of(b->nat, path_nat_table(p->sw->nat));
}

static void begin(const struct bundle *b, const struct port *p)
{
	struct insides all;

	insides_of(p, &all);
	nat_watch_begin(b->nat, all.list, all.count);
}

int part_save_nat(struct outlet *o, struct xvs_error *err)
{
	uint8_t bytes[RECORD_BYTES];
	bool more = true;

	if (!is_there(o->b, o->port))
		return 0;
	if (!o->part->is_begun)
		begin(o->b, o->port);
	o->part->is_begun = true;
	while (more) {
		size_t len = nat_watch_next(o->b->nat, clock_ns(), bytes, sizeof(bytes), &more);
		int code = len ? outlet_put(o, bytes, len, err) : 0;

		if (code < 0)
			return code;
		if (more && clock_ns() >= o->deadline_ns)
			return 1;
	}
	return 0;
}

void part_end_nat(struct bundle *b, const struct port *p, bool has_moved)
{
	if (p && has_moved && is_there(b, p)) {
		begin(b, p);
		(void)nat_watch_end(b->nat);
	}
	nat_watch_destroy(b->nat);
	b->nat = NULL;
}

json_t *bundle_nat_shares(struct bundle *b)
{
	const struct port *p = bundle_port(b, NULL);
	struct nat_share shares[NAT_ADDRESSES_MAX];
	json_t *all;
	char text[IPV4_TEXT];
	size_t count;

	if (!p || !is_there(b, p))
		return NULL;
	begin(b, p);
	count = nat_watch_shares(b->nat, shares);
	all = json_object();
	for (size_t i = 0; i < count; i++)
		(void)json_object_set_new(all, ipv4_print(shares[i].outside, text),
					  json_integer((json_int_t)shares[i].sessions));
	return all;
}

/* ---- in ------------------------------------------------------------------------------------ */

void bundle_nat_judge(struct world *w, const char *switch_name, const json_t *shares,
		      void (*ends)(void *arg, const char *what, const char *why), void *arg)
{
	const struct vswitch *sw = world_switch(w, switch_name);
	const struct nat_rules *r = sw && sw->nat ? nat_table_rules(path_nat_table(sw->nat)) : NULL;
	const char *key;
	json_t *count;

	if (json_object_size(shares) > NAT_ADDRESSES_MAX)
		return;
	/* NOLINTNEXTLINE: the macro of jansson takes no const */
	json_object_foreach((json_t *)(uintptr_t)shares, key, count)
	{
		struct ipv4 ip;
		char why[160];

		if (!ipv4_parse(key, &ip) || (r && nat_rules_have(r, ip.address)) ||
		    json_integer_value(count) <= 0)
			continue;
		(void)snprintf(why, sizeof(why),
			       "%lld sessions by outside address %.15s end: the switch there %s",
			       (long long)json_integer_value(count), key,
			       r ? "does not have it" : "translates no addresses");
		ends(arg, "state of " BUNDLE_NAT, why);
	}
}

static bool is_inside(const struct nat_facts *f, uint32_t address)
{
	if (address == f->inside.address)
		return false;
	for (uint32_t i = 0; i < f->route_count; i++) {
		if (nat_prefix_has(f->routes[i].to, address))
			return true;
	}
	return nat_prefix_has(f->inside.prefix, address);
}

/* An address that was not known to be the port's yet. */
static bool may_be_own(const struct port *p, uint32_t address)
{
	const struct nat_facts *f = path_nat_facts(p->sw->nat);
	const struct path_port *owner = NULL;
	uint8_t mac[6];

	if (!f || !is_inside(f, address) || nat_has_inside(path_nat_table(p->sw->nat), address))
		return false;
	if (path_nat_inside_mac(p->sw->nat, address, mac))
		owner = owner_here(p, mac);
	return !owner || owner == p->path_port;
}

static bool is_own(void *arg, uint32_t inside)
{
	const struct port *p = arg;
	struct arrived_nat *n = &p->arrival->nat;

	for (size_t i = 0; i < n->count; i++) {
		if (n->insides[i].address == inside)
			return true;
	}
	if (n->count == ARRIVED_INSIDES || !may_be_own(p, inside))
		return false;
	n->insides[n->count++] = (struct nat_prefix){ inside, UINT32_MAX };
	return true;
}

int part_restore_nat(struct port *p, struct cursor *c, struct xvs_error *err)
{
	struct nat_adoption adoption = { is_own, p, p->arrival->nat.counts };
	int code;

	if (!p->sw->nat)
		return 0; /* they end, as was said when it was admitted */
	code = nat_adopt(path_nat_table(p->sw->nat), clock_ns(), c->at, cursor_left(c), &adoption);
	p->arrival->nat.counts = adoption.counts;
	if (code)
		return error_set(err, -EPROTO, "", "port %s: a record of NAT sessions is malformed",
				 p->full_name);
	return 0;
}

void arrival_nat_end(const struct port *p)
{
	const struct arrived_nat *n = &p->arrival->nat;
	struct nat_watch *w =
		n->count && p->sw->nat ? nat_watch_create(path_nat_table(p->sw->nat)) : NULL;

	if (!w)
		return; /* or they end when they were idle for too long */
	nat_watch_begin(w, n->insides, n->count);
	(void)nat_watch_end(w);
	nat_watch_destroy(w);
}

void bundle_untaken(struct world *w, const char *target,
		    void (*ends)(void *arg, const char *what, const char *why), void *arg)
{
	const struct port *p = world_port(w, target);
	const struct nat_adopted *counts = p && p->arrival ? &p->arrival->nat.counts : NULL;
	char why[160];

	if (!counts || counts->foreign + counts->busy == 0)
		return;
	(void)snprintf(
		why, sizeof(why),
		"%u sessions end: of %u no pool or forward here has the outside end, of %u it "
		"is in use, or there is no room",
		counts->foreign + counts->busy, counts->foreign, counts->busy);
	ends(arg, "state of " BUNDLE_NAT, why);
}
