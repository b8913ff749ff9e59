/* SPDX-License-Identifier: Apache-2.0 */
/* path/passage.c - who has heard whom: links of a team that ask each other what passes between them. */
#include "packet/passage.h"

#include "path/team.h"
#include "path/worker.h"

enum { VID_MASK = 0xfff };

void path_team_listen(struct path_team *t, uint64_t nonce)
{
	atomic_store_explicit(&t->nonce, 0, memory_order_relaxed);
	for (uint32_t i = 0; nonce && i < TEAM_PASSAGES; i++)
		for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
			atomic_store_explicit(&t->heard[i][m], 0, memory_order_relaxed);
	/* with team_hear(): who sees the nonce sees nobody heard */
	atomic_store_explicit(&t->nonce, nonce, memory_order_release);
}

bool path_port_carries(const struct path_port *p, uint32_t segment)
{
	const struct port_conf *conf = rcu_read(&p->conf);

	return conf && segment_is_carried(conf, segment);
}

void team_hear(struct path_team *t, uint32_t member, const struct packet *p)
{
	uint16_t vlan = p->x.flags & XVS_PKT_VLAN ? p->x.vlan_tci & VID_MASK : 0;
	uint64_t nonce = atomic_load_explicit(&t->nonce, memory_order_acquire);
	struct passage got;

	if (nonce == 0 || !passage_read(p->x.data, p->x.linear, vlan, &got) || got.nonce != nonce ||
	    got.place >= TEAM_PASSAGES || got.from >= TEAM_MEMBERS)
		return;
	(void)atomic_fetch_or_explicit(&t->heard[got.place][got.from], (uint8_t)(1u << member),
				       memory_order_relaxed);
}
