/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/team_health.c - is a link that is up good enough?  Its speed, its duplex and the errors that its
 * driver counts, as far as the operator asks for them.
 *
 * Where no link that could send is, the slow ones go on: little is better than nothing.
 */
#include "base/clock.h"
#include "switch/team.h"

enum { WINDOW_S = 10, QUIET_WINDOWS = 6 };

static bool is_asked_for(const struct team_spec *s)
{
	return s->min_speed_mbps || s->full_duplex || s->max_errors_percent;
}

/*
 * A noisy link that is not used any more has few frames, and stays noisy: used again at once, it would
 * come and go with each window.  After a minute of that it is tried.
 */
static bool is_still_noisy(struct team_link *l, bool was_noisy)
{
	return was_noisy && ++l->quiet_windows < QUIET_WINDOWS;
}

static bool judge_window(struct team_link *l, const struct link_health *now, uint32_t percent,
			 bool was_noisy)
{
	enum link_noise noise = link_noise(&l->counted, now, percent);
	bool is_noisy = noise == NOISE_UNKNOWN ? is_still_noisy(l, was_noisy) : noise == NOISE_HIGH;

	if (noise != NOISE_UNKNOWN || !is_noisy)
		l->quiet_windows = 0;
	return is_noisy;
}

/* Errors are counted over a while, and what that told stands until the next is over. */
static bool is_noisy(const struct team_spec *s, struct team_link *l, const struct link_health *now,
		     uint64_t now_ns)
{
	bool is_over = l->window_ns != 0 && now_ns >= l->window_ns;
	bool was_noisy = l->fault == LINK_NOISY;

	if (!s->max_errors_percent)
		return false;
	if (is_over)
		was_noisy = judge_window(l, now, s->max_errors_percent, was_noisy);
	if (is_over || l->window_ns == 0) {
		l->window_ns = now_ns + WINDOW_S * NS_PER_S;
		l->counted = *now;
	}
	return was_noisy;
}

enum link_fault team_link_fault(const struct team_spec *s, struct team_link *l,
				const struct link_health *now, uint64_t now_ns)
{
	bool noisy = is_noisy(s, l, now, now_ns);

	if (now->speed_mbps && now->speed_mbps < s->min_speed_mbps)
		return LINK_SLOW;
	if (s->full_duplex && now->is_half_duplex)
		return LINK_HALF;
	return noisy ? LINK_NOISY : LINK_FINE;
}

static void set_fault(const struct team *t, struct team_link *l, enum link_fault fault)
{
	static const char *const what[] = { "is as it should be again",
					    "is slower than min_speed_mbps", "is half duplex",
					    "has more errors than max_errors_percent" };

	if (l->fault == fault)
		return;
	l->fault = fault;
	log_message_at(fault ? XVS_LOG_WARN : XVS_LOG_INFO, MSG_TEAM_LINK,
		       "team %s: uplink %s: its link %s", team_target(t), l->port->spec.name,
		       what[fault]);
}

/* Where nothing can be said of it, it is fine. */
static void look_at(const struct team *t, struct team_link *l, uint64_t now_ns)
{
	struct link_health now;

	if (!l->port || !l->has_link || !l->port->backend || !l->port->backend->ifindex ||
	    !link_health(l->port->spec.backend.device, &now)) {
		l->fault = LINK_FINE;
		l->window_ns = 0;
		l->quiet_windows = 0;
		return;
	}
	set_fault(t, l, team_link_fault(&t->spec, l, &now, now_ns));
}

static void set_unfit(struct team *t, bool is_unfit)
{
	if (t->is_unfit == is_unfit)
		return;
	t->is_unfit = is_unfit;
	if (is_unfit)
		log_message_at(XVS_LOG_WARN, MSG_TEAM_LINK,
			       "team %s: no uplink is as it should be, so those that have a link "
			       "are used",
			       team_target(t));
}

void team_health_tick(struct team *t, uint64_t now_ns)
{
	if (!is_asked_for(&t->spec)) {
		for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
			t->links[m].fault = LINK_FINE;
		return;
	}
	if (now_ns < t->health_due_ns)
		return;
	t->health_due_ns = now_ns + NS_PER_S;
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		look_at(t, &t->links[m], now_ns);
}

void team_health_weigh(struct team *t)
{
	uint32_t able = 0;
	uint32_t faulty = 0;

	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		const struct team_link *l = &t->links[m];

		if (!l->port || !l->could_send || team_place(t, l) == PLACE_UNUSED)
			continue;
		able++;
		faulty += l->fault != LINK_FINE;
	}
	set_unfit(t, able > 0 && faulty == able);
}
