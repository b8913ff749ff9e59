/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/announce.c - addresses whose packets leave by another uplink from now on are told of there:
 * the adjacent switches learn them from a broadcast with such a source.
 *
 * A reverse ARP request does that, says nothing that could be wrong, and is what virtual switches are known
 * by.  An adapter of the host has an address that we gave it: it is told of by gratuitous ARP (RFC
 * 5227, section 3), which reaches routers on the way too.
 *
 * Where groups are listened to, adjacent switches learn from reports (RFC 4541).  So who sits behind a port
 * that moved is asked, and what it answers leaves by the new uplink.  IGMP alone: hosts heed no question
 * of MLD that comes from no querier.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "packet/igmp.h"
#include "switch/team.h"
#include "xvs/ext/sdk.h"

enum {
	ARP_FRAME_BYTES = 60,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_RARP = 0x8035,
	ARP_REQUEST = 1,
	RARP_REQUEST = 3,
	ROUND_NS = 1000000000,
};

/* Both addresses of hardware are the sender's; of protocol they are 'ip', or zero. */
static void arp_write(struct frame *f, uint16_t ethertype, uint16_t operation, const uint8_t mac[6],
		      const uint8_t ip[4])
{
	uint8_t *b = f->bytes;

	memset(b, 0, ARP_FRAME_BYTES);
	xvs_build_arp_request(mac, ip, ip, b);
	put_be16(b + 12, ethertype);
	put_be16(b + 20, operation);
	if (operation == RARP_REQUEST)
		memcpy(b + 32, mac, 6);
	f->len = ARP_FRAME_BYTES;
}

void announce_rarp(struct frame *f, const uint8_t mac[6])
{
	static const uint8_t no_ip[4];

	arp_write(f, ETHERTYPE_RARP, RARP_REQUEST, mac, no_ip);
}

/* ---- who has moved ----------------------------------------------------------------------------- */

struct listing {
	struct team *t;
	struct frames *first, *last;
	uint64_t asked[PORTS_MAX / 64]; /* ports that were, by number */
};

static struct frame *add_frame(struct listing *l, uint32_t segment)
{
	struct frames *f = l->last;

	if (!f || f->count == FRAMES_MAX) {
		f = calloc(1, sizeof(*f));
		if (!f)
			return NULL;
		*(l->last ? &l->last->next : &l->first) = f;
		l->last = f;
	}
	f->frames[f->count].segment = segment;
	return &f->frames[f->count++];
}

/* To leave by a member. */
static struct frame *add_out(struct listing *l, uint32_t segment, uint32_t member)
{
	struct frame *frame = add_frame(l, segment);

	if (!frame)
		return NULL;
	frame->port = l->t->links[member].port->id;
	frame->like = l->t->port->id;
	return frame;
}

/* IPv4 alone: an IPv6 adapter announces itself when it likes, and the frame is learned from anyway. */
static bool has_ipv4(const struct port *p, uint8_t ip[4])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct xvs_ip parsed;

	if (!p->spec.address[0] || !ip_parse(p->spec.address, &parsed) ||
	    memcmp(parsed.addr, mapped, sizeof(mapped)) != 0)
		return false;
	memcpy(ip, parsed.addr + 12, 4);
	return true;
}

/* Once a port, whatever addresses it has. */
static void ask_listeners(struct listing *l, const struct port *p, uint32_t segment)
{
	uint64_t bit = UINT64_C(1) << (p->id % 64);
	struct frame *f;

	if (l->asked[p->id / 64] & bit)
		return;
	l->asked[p->id / 64] |= bit;
	f = add_frame(l, segment);
	if (!f)
		return;
	f->port = p->id;
	f->like = p->id;
	f->len = igmp_query_write(f->bytes, l->t->port->backend->mac);
}

static void add_address(void *arg, const struct l2_info *info)
{
	struct listing *l = arg;
	struct team *t = l->t;
	const struct port *p = t->w->by_id[info->port->id];
	uint32_t home = team_home(t->path->table, info->port->id, info->mac);
	uint32_t segment = info->segment;
	struct frame *f;
	uint8_t ip[4];

	if (!p || p->spec.role == PORT_UPLINK || home >= TEAM_MEMBERS || !t->links[home].port ||
	    home == team_home(&t->before, info->port->id, info->mac))
		return;
	if (segment == L2_ANY)
		segment = port_segment(p);
	f = add_out(l, segment, home);
	if (f)
		announce_rarp(f, info->mac);
	f = has_ipv4(p, ip) ? add_out(l, segment, home) : NULL;
	if (f)
		arp_write(f, ETHERTYPE_ARP, ARP_REQUEST, info->mac, ip);
	ask_listeners(l, p, segment);
}

/* ---- telling ----------------------------------------------------------------------------------- */

static void send_next(struct team *t);

static void on_sent(struct frames *f)
{
	struct team *t = f->arg;

	if (t) {
		t->outgoing = f->next;
		send_next(t);
	}
	free(f);
}

static void send_next(struct team *t)
{
	if (!t->outgoing)
		return;
	t->outgoing->done = on_sent;
	t->outgoing->arg = t;
	path_send(t->w->path, t->outgoing);
}

static void tell_all(struct team *t)
{
	struct listing l = { .t = t };
	struct frames *at = t->outgoing;

	if (!t->path->table || !t->port)
		return;
	l2_list(&t->sw->path_switch->l2, add_address, &l);
	if (!at) {
		t->outgoing = l.first;
		send_next(t);
		return;
	}
	while (at->next)
		at = at->next;
	at->next = l.first;
}

void announce_tick(struct team *t, uint64_t now_ns)
{
	if (t->rounds_left == 0 || now_ns < t->round_ns)
		return;
	t->rounds_left--;
	t->round_ns = now_ns + ROUND_NS;
	tell_all(t);
}

/* What has not been told of yet is told of with it. */
void announce_begin(struct team *t, const struct team_table *old)
{
	if (t->rounds_left == 0)
		t->before = *old;
	t->rounds_left = t->spec.announce;
	t->round_ns = 0;
	announce_tick(t, clock_ns());
}

void announce_end(struct team *t)
{
	struct frames *f = t->outgoing;

	/* The first is with a worker. */
	while (f && f->next) {
		struct frames *next = f->next;

		f->next = next->next;
		free(next);
	}
	if (f)
		f->arg = NULL;
	t->outgoing = NULL;
}
