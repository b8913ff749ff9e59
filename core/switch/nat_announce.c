/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/nat_announce.c - stations on the wire learn which adapter has the outside addresses, when there is
 * a link anew or the addresses are: gratuitous ARP (RFC 5227, section 3).  Else they would send to whoever
 * had them before, until they forget.
 */
#include "base/bytes.h"
#include "base/ipv4.h"
#include "path/team.h"
#include "switch/nat.h"
#include "xvs/ext/sdk.h"

enum { ARP_FRAME_BYTES = 60 };

static void on_sent(struct frames *f)
{
	free(f);
}

static void add(struct frames *all, const struct port *p, uint32_t address)
{
	struct frame *f = &all->frames[all->count++];
	uint8_t ip[4];

	*f = (struct frame){
		.port = p->id, .like = p->id, .segment = port_segment(p), .len = ARP_FRAME_BYTES
	};
	put_be32(ip, address);
	xvs_build_arp_request(p->sw->nat_mac, ip, ip, f->bytes);
}

static bool is_reached(const struct port *p)
{
	return p->is_open && p->path_port && p->backend->up && !port_is_blocked(p);
}

void nat_announce(struct port *p)
{
	const struct switch_spec *spec = model_switch(p->w->model, p->sw->name);
	bool was_told = p->sw->is_nat_told;
	struct frames *all;
	struct ipv4 ip;

	p->sw->is_nat_told = is_reached(p);
	if (was_told || !p->sw->is_nat_told || !spec || !p->sw->nat)
		return;
	/* Without memory neighbours learn it later, as they always could. */
	all = calloc(1, sizeof(*all));
	if (!all)
		return;
	for (size_t i = 0; i < spec->nat.outside.address_count && all->count < FRAMES_MAX; i++) {
		if (ipv4_parse(spec->nat.outside.addresses[i], &ip))
			add(all, p, ip.address);
	}
	all->done = on_sent;
	path_send(p->w->path, all);
}
