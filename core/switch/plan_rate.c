/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan_rate.c - limits of the ports of a switch: does what their policies say make sense, and
 * is what they reserve there to be had.
 */
#include <stdio.h>
#include <stdlib.h>

#include "policy/rate.h"
#include "switch/transaction.h"

struct rate_check {
	struct plan *p;
	const struct plan_switch *ps;
	struct plan_port *plan_ports; /* of it */
	struct plan_port *pp;
};

static void refuse(const struct rate_check *c, const char *field, const char *text)
{
	struct position at =
		policy_position(c->p->model, c->ps, c->pp, NULL, builtin_rate.id, field);

	if (!c->pp->is_tolerated)
		plan_error(c->p, at, "port %s/%s: policy %s, %s: %s", c->ps->spec->name,
			   c->pp->spec->name, builtin_rate.id, field, text);
	else if (c->pp->problem[0] == '\0')
		(void)snprintf(c->pp->problem, sizeof(c->pp->problem), "policy %s, %s: %s",
			       builtin_rate.id, field, text);
}

/* What goes with a limit that is not there says nothing, and is a mistake. */
static void check_pairs(const struct rate_check *c, const struct policy_rate *rate)
{
	if (rate->from_burst_kbytes && !rate->from_kbps)
		refuse(c, "from_burst_kbytes", "it needs a limit; give from_kbps too");
	if (rate->from_burst_packets && !rate->from_pps)
		refuse(c, "from_burst_packets", "it needs a limit; give from_pps too");
	if (rate->to_burst_kbytes && !rate->to_kbps)
		refuse(c, "to_burst_kbytes", "it needs a limit; give to_kbps too");
	if (rate->to_burst_packets && !rate->to_pps)
		refuse(c, "to_burst_packets", "it needs a limit; give to_pps too");
	if (rate->to_queue_ms && !rate->to_kbps && !rate->to_pps)
		refuse(c, "to_queue_ms", "nothing waits without a limit; give to_kbps or to_pps");
	if (rate->from_kbps && rate->reserve_kbps > rate->from_kbps)
		refuse(c, "reserve_kbps", "it is more than from_kbps lets through");
}

/* ---- reservations ------------------------------------------------------------------------------ */

static const struct policy_rate *rate_of(const struct settings *settings)
{
	return settings_bytes(settings, builtin_rate.id);
}

static uint64_t reserved_by(const struct settings *settings)
{
	const struct policy_rate *rate = rate_of(settings);

	return rate ? rate->reserve_kbps : 0;
}

/* What was reserved before is not in the way of who has it, but of who wants more. */
static bool is_as_before(const struct plan_port *pp)
{
	return pp->port && reserved_by(&pp->port->settings) == reserved_by(&pp->settings);
}

/* "vm1 600000, vm2 300000 and 2 others" */
static void name_takers(const struct rate_check *c, const bool *has_it, char *text, size_t room)
{
	enum { NAMED = 4 };
	uint32_t count = 0;
	size_t at = 0;

	for (size_t i = 0; i < c->ps->port_count; i++) {
		const struct plan_port *taker = &c->ps->ports[i];

		if (!has_it[i] || count++ >= NAMED)
			continue;
		at += (size_t)snprintf(text + at, room - at, "%s%.40s %llu", at ? ", " : "",
				       taker->spec->name,
				       (unsigned long long)reserved_by(&taker->settings));
	}
	if (count > NAMED)
		(void)snprintf(text + at, room - at, " and %u others", count - NAMED);
}

static void refuse_reservation(const struct rate_check *c, const struct policy_rate *rate,
			       uint64_t taken, const bool *has_it)
{
	char takers[240] = "";
	char text[PROBLEM_MAX];

	if (!rate->capacity_kbps) {
		refuse(c, "reserve_kbps",
		       "nobody says how much may be reserved; give capacity_kbps on the switch");
		return;
	}
	name_takers(c, has_it, takers, sizeof(takers));
	(void)snprintf(text, sizeof(text), "%llu does not fit, of %llu %llu are reserved%s%s",
		       (unsigned long long)rate->reserve_kbps,
		       (unsigned long long)rate->capacity_kbps, (unsigned long long)taken,
		       taken ? ": " : "", takers);
	refuse(c, "reserve_kbps", text);
}

/* Those who have theirs already, then those who want to. */
static void admit(struct rate_check *c, bool as_before, bool *has_it, uint64_t *taken)
{
	for (size_t i = 0; i < c->ps->port_count; i++) {
		const struct policy_rate *rate;

		c->pp = &c->plan_ports[i];
		rate = rate_of(&c->pp->settings);
		if (!rate || !rate->reserve_kbps || is_as_before(c->pp) != as_before)
			continue;
		if (rate->reserve_kbps > rate->capacity_kbps ||
		    *taken > rate->capacity_kbps - rate->reserve_kbps) {
			refuse_reservation(c, rate, *taken, has_it);
			continue;
		}
		has_it[i] = true;
		*taken += rate->reserve_kbps;
	}
}

static int admit_all(struct rate_check *c)
{
	bool *has_it = calloc(c->ps->port_count ? c->ps->port_count : 1, sizeof(*has_it));
	uint64_t taken = 0;

	if (!has_it)
		return -ENOMEM;
	admit(c, true, has_it, &taken);
	admit(c, false, has_it, &taken);
	free(has_it);
	return 0;
}

int plan_rates(struct plan *p, struct plan_switch *ps)
{
	struct rate_check c = { .p = p, .ps = ps, .plan_ports = ps->ports };

	for (size_t i = 0; i < ps->port_count; i++) {
		const struct policy_rate *rate = rate_of(&ps->ports[i].settings);

		c.pp = &ps->ports[i];
		if (rate)
			check_pairs(&c, rate);
	}
	return admit_all(&c);
}
