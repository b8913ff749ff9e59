/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan_mac.c - addresses of adapters: the configuration's, or one of the host's pool that
 * stays the port's as long as there is the port.
 *
 * A port asks for the place in the range that its UUID hashes to, and gets the next free one: so a
 * port that is removed and made again with its UUID most likely has its address again.
 */
#include "base/error.h"
#include "base/hash.h"
#include "switch/nat.h"
#include "switch/plan.h"

enum {
	SHARED_BITS = 16, /* of the range that is used unless one is given: of one host */
	HOST_BITS = 24,
	LOCAL = 0x02, /* locally administered: IEEE 802, 8.4.4 */
};

/* Addresses as numbers, in order. */
struct taken {
	uint64_t *macs;
	size_t count;
};

static uint64_t number_of(const uint8_t mac[6])
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 6; i++)
		n = n << 8 | mac[i];
	return n;
}

static void mac_of(uint64_t number, uint8_t mac[6])
{
	for (unsigned i = 6; i-- > 0; number >>= 8)
		mac[i] = (uint8_t)number;
}

/* ---- the range ----------------------------------------------------------------------------------- */

/* The first digit is neither that of QEMU's addresses (52:54:00) nor of containers' (02:42). */
static uint64_t made_of(uint64_t host_id)
{
	uint64_t digit = 1 + (host_id >> HOST_BITS) % 14;

	digit += digit >= 5;
	return (digit << 4 | LOCAL) << (HOST_BITS + SHARED_BITS) |
	       (host_id & ((UINT64_C(1) << HOST_BITS) - 1)) << SHARED_BITS;
}

static void range_of(const struct world *w, const struct mac_pool_spec *s, uint64_t range[2])
{
	if (s->is_given) {
		range[0] = number_of(s->first);
		range[1] = number_of(s->last);
		return;
	}
	range[0] = made_of(w->host_id);
	range[1] = range[0] | ((UINT64_C(1) << SHARED_BITS) - 1);
}

/* ---- what is taken ------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;

	return (*left > *right) - (*left < *right);
}

/* Where it is, or belongs. */
static size_t place_of(const struct taken *t, uint64_t mac)
{
	size_t low = 0;
	size_t high = t->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->macs[middle] < mac)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_taken(const struct taken *t, uint64_t mac)
{
	size_t at = place_of(t, mac);

	return at < t->count && t->macs[at] == mac;
}

static int take(struct taken *t, uint64_t mac)
{
	size_t at = place_of(t, mac);
	size_t behind = t->count - at;

	if (!ARRAY_ADD(&t->macs, &t->count))
		return -ENOMEM;
	memmove(&t->macs[at + 1], &t->macs[at], behind * sizeof(t->macs[0]));
	t->macs[at] = mac;
	return 0;
}

static int add(struct taken *t, const uint8_t mac[6])
{
	uint64_t *place = ARRAY_ADD(&t->macs, &t->count);

	if (!place)
		return -ENOMEM;
	*place = number_of(mac);
	return 0;
}

/* Ports', gateways', and those of devices that are in use now. */
static int add_switch(struct taken *t, const struct plan_switch *ps)
{
	uint8_t mac[6];
	int result = 0;

	if (ps->spec->type == SWITCH_NAT) {
		nat_mac(&ps->spec->nat, ps->uuid, mac);
		result = add(t, mac);
	}
	for (size_t i = 0; i < ps->port_count && result == 0; i++)
		if (ps->ports[i].has_mac)
			result = add(t, ps->ports[i].mac);
	for (size_t i = 0; ps->sw && i < ps->sw->port_count && result == 0; i++) {
		const struct port *p = ps->sw->ports[i];

		if (p->backend && p->spec.role == PORT_UPLINK)
			result = add(t, p->backend->mac);
	}
	return result;
}

static int taken_make(const struct plan *p, struct taken *t)
{
	int result = 0;

	for (size_t i = 0; i < p->switch_count && result == 0; i++)
		result = add_switch(t, &p->switches[i]);
	if (t->count)
		qsort(t->macs, t->count, sizeof(t->macs[0]), by_number);
	return result;
}

/* ---- leases -------------------------------------------------------------------------------------- */

/* Its adapter is made by us, or by somebody who is told: of others the address is what it is. */
static bool is_served(const struct port_spec *spec)
{
	return spec->role != PORT_UPLINK && !spec->has_mac &&
	       (strcmp(spec->backend.kind, "tap") == 0 ||
		strcmp(spec->backend.kind, "vhost-user") == 0);
}

static void give(struct plan_port *pp, const uint8_t mac[6])
{
	pp->has_mac = true;
	memcpy(pp->mac, mac, sizeof(pp->mac));
}

void plan_kept_mac(const struct plan *p, struct plan_port *pp)
{
	const uint8_t *lease;

	if (pp->spec->has_mac)
		give(pp, pp->spec->mac);
	pp->is_pooled = is_served(pp->spec);
	lease = pp->is_pooled ? model_lease(p->model, pp->uuid) : NULL;
	if (lease)
		give(pp, lease);
}

/* The first that nobody has; false: there is none. */
static bool find_free(const struct taken *t, uint64_t first, uint64_t last, uint64_t *mac)
{
	uint64_t size = last - first + 1;
	uint64_t tries = size < t->count + 1 ? size : t->count + 1;

	for (uint64_t i = 0; i < tries; i++) {
		if (!is_taken(t, *mac))
			return true;
		*mac = *mac == last ? first : *mac + 1;
	}
	return false;
}

static void refuse_exhausted(struct plan *p, const struct plan_switch *ps,
			     const struct plan_port *pp, const uint64_t range[2])
{
	uint8_t first[6];
	uint8_t last[6];
	char from[MAC_TEXT];
	char to[MAC_TEXT];

	mac_of(range[0], first);
	mac_of(range[1], last);
	plan_error(p, pp->spec->at,
		   "port %s/%s: no address is left between %s and %s; give the port a mac:, or "
		   "daemon.mac_pool a larger range",
		   ps->spec->name, pp->spec->name, mac_print(first, from), mac_print(last, to));
}

static int lease_new(struct plan *p, const struct plan_switch *ps, struct plan_port *pp,
		     struct taken *t)
{
	uint64_t range[2];
	uint64_t wanted;
	uint8_t mac[6];

	range_of(p->w, &p->model->file->spec->daemon.mac_pool, range);
	wanted = range[0] + hash_lasting(pp->uuid, sizeof(pp->uuid), HASH_LASTING_EMPTY) %
				    (range[1] - range[0] + 1);
	if (!find_free(t, range[0], range[1], &wanted)) {
		refuse_exhausted(p, ps, pp, range);
		return 0;
	}
	mac_of(wanted, mac);
	give(pp, mac);
	return take(t, wanted);
}

/* What is leased is what ports have: nothing else is kept. */
static int keep_leases(const struct plan *p)
{
	p->model->lease_count = 0;
	free(p->model->leases);
	p->model->leases = NULL;
	for (size_t i = 0; i < p->switch_count; i++) {
		const struct plan_switch *ps = &p->switches[i];

		for (size_t n = 0; n < ps->port_count; n++) {
			const struct plan_port *pp = &ps->ports[n];

			if (pp->is_pooled && pp->has_mac && !model_lease(p->model, pp->uuid) &&
			    model_add_lease(p->model, pp->uuid, pp->mac) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* ---- all ports ----------------------------------------------------------------------------------- */

static void check_address(struct plan *p, const struct plan_switch *ps, size_t idx)
{
	const struct plan_port *pp = &ps->ports[idx];
	char text[MAC_TEXT];

	for (size_t i = 0; i < idx; i++) {
		const struct plan_port *other = &ps->ports[i];

		if (!pp->has_mac || !other->has_mac || memcmp(pp->mac, other->mac, 6) != 0 ||
		    settings_filing(&pp->settings) != settings_filing(&other->settings))
			continue;
		plan_error(p, pp->spec->at,
			   "port %s/%s: address %s belongs to port %s in the same segment%s",
			   ps->spec->name, pp->spec->name, mac_print(pp->mac, text),
			   other->spec->name,
			   pp->is_pooled || other->is_pooled ? ", from the pool of the host" : "");
		return;
	}
}

int plan_macs(struct plan *p)
{
	struct taken t = { .macs = NULL };
	int result = taken_make(p, &t);

	for (size_t i = 0; i < p->switch_count; i++) {
		struct plan_switch *ps = &p->switches[i];

		for (size_t n = 0; n < ps->port_count && result == 0; n++)
			if (ps->ports[n].is_pooled && !ps->ports[n].has_mac)
				result = lease_new(p, ps, &ps->ports[n], &t);
		for (size_t n = 0; n < ps->port_count; n++)
			check_address(p, ps, n);
	}
	free(t.macs);
	return result == 0 ? keep_leases(p) : result;
}

void plan_put_mac(const struct plan_port *pp, struct port_spec *spec)
{
	spec->has_mac = pp->has_mac;
	spec->is_pooled = pp->is_pooled && pp->has_mac;
	memcpy(spec->mac, pp->mac, sizeof(spec->mac));
}
