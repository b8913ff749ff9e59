/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/team_probe.c - does a link lead anywhere?  A neighbour that answers on one link and not on
 * another tells them apart, where the adjacent switch is up and what is behind it is not.
 *
 * Where it answers on none, it is not known which link is to blame: then links alone count.
 */
#include "base/clock.h"
#include "switch/team.h"

static void on_sent(struct frames *f)
{
	free(f);
}

static void ask(const struct team *t, const struct probe_target *target)
{
	struct frames *f = calloc(1, sizeof(*f));

	if (!f)
		return;
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		const struct team_link *l = &t->links[m];
		struct frame *frame = &f->frames[f->count];

		if (!l->port || !l->has_link)
			continue;
		frame->port = l->port->id;
		frame->like = t->port->id;
		frame->segment = t->spec.probe_vlan;
		frame->len = probe_write(frame->bytes, target, l->port->backend->mac);
		f->count++;
	}
	f->done = on_sent;
	path_send(t->w->path, f);
}

/* Has it been silent for as long as so many questions take? */
static bool is_silent(const struct team *t, uint32_t member, uint64_t now_ns)
{
	const struct team_link *l = &t->links[member];
	uint64_t heard_ns =
		atomic_load_explicit(&t->path->seen[member].answer_ns, memory_order_relaxed);
	uint64_t since_ns = heard_ns > l->asked_ns ? heard_ns : l->asked_ns;

	return now_ns > since_ns &&
	       now_ns - since_ns > (uint64_t)t->spec.probe_ms * t->spec.probe_lost * NS_PER_MS;
}

static void set_lost(const struct team *t, struct team_link *l, bool is_lost)
{
	if (l->is_lost == is_lost)
		return;
	l->is_lost = is_lost;
	log_message_at(is_lost ? XVS_LOG_WARN : XVS_LOG_INFO, MSG_TEAM_LINK,
		       "team %s: uplink %s: %s %s there", team_target(t), l->port->spec.name,
		       t->spec.probe, is_lost ? "does not answer" : "answers");
}

static void set_blind(struct team *t, bool is_blind)
{
	if (t->is_blind == is_blind)
		return;
	t->is_blind = is_blind;
	if (is_blind)
		log_message_at(XVS_LOG_WARN, MSG_TEAM_LINK,
			       "team %s: %s answers by no uplink, so links alone count",
			       team_target(t), t->spec.probe);
}

static void judge(struct team *t, uint64_t now_ns)
{
	bool is_silent_at[TEAM_MEMBERS] = { false };
	uint32_t linked = 0;
	uint32_t silent = 0;

	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		struct team_link *l = &t->links[m];

		if (!l->port || !l->has_link) {
			l->asked_ns = 0;
			continue;
		}
		if (l->asked_ns == 0)
			l->asked_ns = now_ns;
		is_silent_at[m] = is_silent(t, m, now_ns);
		linked++;
		silent += is_silent_at[m];
	}
	set_blind(t, linked > 0 && silent == linked);
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		if (t->links[m].port)
			set_lost(t, &t->links[m], is_silent_at[m] && !t->is_blind);
}

bool probe_target_of(const struct team *t, struct probe_target *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct xvs_ip ip;

	memset(out, 0, sizeof(*out));
	if (!t->spec.probe[0] || !ip_parse(t->spec.probe, &ip))
		return false;
	out->is_set = true;
	out->is_ipv6 = memcmp(ip.addr, mapped, sizeof(mapped)) != 0;
	memcpy(out->ip, out->is_ipv6 ? ip.addr : ip.addr + 12, out->is_ipv6 ? 16 : 4);
	return true;
}

void probe_tick(struct team *t, uint64_t now_ns)
{
	struct probe_target target;

	if (!t->port || !probe_target_of(t, &target)) {
		t->is_blind = false;
		for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
			t->links[m].is_lost = false;
			t->links[m].asked_ns = 0;
		}
		return;
	}
	judge(t, now_ns);
	if (now_ns < t->probe_due_ns)
		return;
	t->probe_due_ns = now_ns + (uint64_t)t->spec.probe_ms * NS_PER_MS;
	ask(t, &target);
}
