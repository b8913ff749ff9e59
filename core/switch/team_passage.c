/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/team_passage.c - which VLANs pass the adjacent switches from link to link, and which do so with
 * frames as large as the MTU.  A trunk that lacks a VLAN is found before a guest is moved to that link.
 *
 * A link has a VLAN if any other hears it there or it hears any other; where there are two links, both
 * are told of.  What is missing twice, a moment apart, is told.
 */
#include "base/clock.h"
#include "base/random.h"
#include "packet/passage.h"
#include "switch/team.h"

enum { ANSWER_S = 1, AGAIN_S = 2, ETHER_BYTES = 14, KINDS = 2, SMALL = 0, LARGE = 1 };

static uint32_t bits(uint32_t set)
{
	return (uint32_t)__builtin_popcount(set);
}

static uint32_t linked(const struct team *t)
{
	uint32_t set = 0;

	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		set |= (uint32_t)(t->links[m].port && t->links[m].has_link &&
				  t->links[m].port->is_open)
		       << m;
	return set;
}

/* ---- asking ---------------------------------------------------------------------------------------- */

static void add_vlan(const struct team *t, struct passage_vlan *list, uint32_t *count,
		     uint32_t vlan)
{
	for (uint32_t i = 0; i < *count; i++)
		if (list[i].vlan == vlan)
			return;
	if (*count == PASSAGE_VLANS || !path_port_carries(t->port->path_port, vlan))
		return;
	list[*count] = (struct passage_vlan){ .vlan = (uint16_t)vlan };
	for (uint32_t i = 0; i < t->vlan_count; i++)
		if (t->vlans[i].vlan == vlan)
			list[*count] = t->vlans[i];
	(*count)++;
}

/* Those that ports of the switch are in, with what is known of them. */
static void find_vlans(struct team *t)
{
	struct passage_vlan list[PASSAGE_VLANS];
	uint32_t count = 0;

	for (size_t i = 0; i < t->sw->port_count; i++)
		if (t->sw->ports[i]->spec.role != PORT_UPLINK)
			add_vlan(t, list, &count, port_segment(t->sw->ports[i]));
	memcpy(t->vlans, list, count * sizeof(list[0]));
	t->vlan_count = count;
}

static void on_sent(struct frames *f)
{
	free(f);
}

static void add_frames(const struct team *t, struct frames *f, uint32_t vlan, uint32_t member)
{
	const struct port *p = t->links[member].port;
	uint32_t native = port_segment(t->port);

	for (uint32_t kind = 0; kind < KINDS; kind++) {
		const struct passage asked = {
			.nonce = t->nonce,
			.place = (uint16_t)(vlan * KINDS + kind),
			.vlan = t->vlans[vlan].vlan == native ? 0 : t->vlans[vlan].vlan,
			.from = (uint8_t)member,
		};
		struct frame *frame = &f->frames[f->count++];

		frame->port = p->id;
		frame->like = t->port->id;
		frame->segment = t->vlans[vlan].vlan;
		frame->len = passage_write(frame->bytes, &asked, p->backend->mac);
		frame->padded = kind == LARGE ? ETHER_BYTES + t->port->backend->mtu : 0;
	}
}

static bool send_vlan(const struct team *t, uint32_t vlan)
{
	struct frames *f = calloc(1, sizeof(*f));

	if (!f)
		return false;
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		if (t->asked >> m & 1)
			add_frames(t, f, vlan, m);
	f->done = on_sent;
	path_send(t->w->path, f);
	return true;
}

/* What was known of a link that takes no part says nothing of it when it does again. */
static void forget_others(struct team *t, uint32_t members)
{
	for (uint32_t i = 0; i < t->vlan_count; i++) {
		for (uint32_t kind = 0; kind < KINDS; kind++) {
			t->vlans[i].lost[kind] &= (uint8_t)members;
			t->vlans[i].missed[kind] &= (uint8_t)members;
		}
	}
}

static void ask(struct team *t, uint64_t now_ns)
{
	bool is_sent = true;

	t->asked = linked(t);
	t->passage_due_ns = now_ns + t->spec.check_s * NS_PER_S;
	if (bits(t->asked) < 2) {
		t->vlan_count = 0;
		return;
	}
	forget_others(t, t->asked);
	find_vlans(t);
	random_fill(&t->nonce, sizeof(t->nonce));
	path_team_listen(t->path, t->nonce);
	for (uint32_t i = 0; i < t->vlan_count && is_sent; i++)
		is_sent = send_vlan(t, i);
	t->answers_ns = is_sent ? now_ns + ANSWER_S * NS_PER_S : 0;
}

/* ---- judging --------------------------------------------------------------------------------------- */

/* Members that heard nobody, and whom nobody heard, at this place. */
static uint32_t silent(const struct team *t, uint32_t place, uint32_t members)
{
	uint32_t met = 0;

	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		uint32_t by = path_team_heard(t->path, place, m) & members & ~(1u << m);

		met |= by | (uint32_t)(by != 0) << m;
	}
	return members & ~met;
}

static void tell(const struct team *t, const struct passage_vlan *v, uint32_t before, uint32_t now,
		 const char *what)
{
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		bool is_lost = now >> m & 1;

		if (!t->links[m].port || is_lost == (before >> m & 1))
			continue;
		log_message_at(is_lost ? XVS_LOG_WARN : XVS_LOG_INFO, MSG_TEAM_LINK,
			       "team %s: uplink %s: %s VLAN %u %s between it and the other uplinks",
			       team_target(t), t->links[m].port->spec.name, what, v->vlan,
			       is_lost ? "do not pass" : "pass");
	}
}

/* True: something is missing for the first time. */
static bool judge_kind(const struct team *t, struct passage_vlan *v, uint32_t kind, uint32_t lost)
{
	static const char *const what[KINDS] = { "frames of", "frames as large as the MTU of" };
	uint32_t known = lost & v->missed[kind];
	bool is_new = (lost & ~v->missed[kind]) != 0;

	tell(t, v, v->lost[kind], known, what[kind]);
	v->lost[kind] = (uint8_t)known;
	v->missed[kind] = (uint8_t)lost;
	return is_new;
}

static void judge(struct team *t, uint64_t now_ns)
{
	uint32_t members = t->asked & linked(t);
	bool is_new = false;

	t->answers_ns = 0;
	if (bits(members) < 2) {
		path_team_listen(t->path, 0);
		t->vlan_count = 0;
		return;
	}
	forget_others(t, members);
	for (uint32_t i = 0; i < t->vlan_count; i++) {
		uint32_t small = silent(t, i * KINDS + SMALL, members);
		uint32_t large = silent(t, i * KINDS + LARGE, members) & ~small;

		is_new |= judge_kind(t, &t->vlans[i], SMALL, small);
		is_new |= judge_kind(t, &t->vlans[i], LARGE, large);
	}
	path_team_listen(t->path, 0);
	if (is_new)
		t->passage_due_ns = now_ns + AGAIN_S * NS_PER_S;
}

void passage_tick(struct team *t, uint64_t now_ns)
{
	if (t->spec.check_s == 0 || !t->port || !t->port->path_port || !t->port->backend) {
		t->vlan_count = 0;
		t->answers_ns = 0;
		t->passage_due_ns = 0;
		return;
	}
	if (t->answers_ns == 0 && now_ns >= t->passage_due_ns)
		ask(t, now_ns);
	else if (t->answers_ns != 0 && now_ns >= t->answers_ns)
		judge(t, now_ns);
}

json_t *passage_json(const struct team *t, uint32_t member, bool large)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < t->vlan_count; i++)
		if (t->vlans[i].lost[large ? LARGE : SMALL] >> member & 1)
			(void)json_array_append_new(list, json_integer(t->vlans[i].vlan));
	if (json_array_size(list) > 0)
		return list;
	json_decref(list);
	return NULL;
}
