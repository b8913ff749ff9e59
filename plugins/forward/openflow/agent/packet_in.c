/* SPDX-License-Identifier: Apache-2.0 */
/* agent/packet_in.c - packets that workers have posted, told to those who want them. */
#include <string.h>

#include "agent/agent.h"

enum { TAG_AT = 12, TAG_BYTES = 4 };

/* As it is on the wire: its tag is beside the bytes. */
static uint32_t whole(const struct xvs_mail *m, uint8_t *out)
{
	uint16_t type = m->flags & XVS_PKT_SVLAN ? 0x88a8 : 0x8100;

	if (!(m->flags & XVS_PKT_VLAN) || m->packet_len < TAG_AT) {
		memcpy(out, m->packet, m->packet_len);
		return m->packet_len;
	}
	memcpy(out, m->packet, TAG_AT);
	out[TAG_AT] = (uint8_t)(type >> 8);
	out[TAG_AT + 1] = (uint8_t)type;
	out[TAG_AT + 2] = (uint8_t)(m->vlan_tci >> 8);
	out[TAG_AT + 3] = (uint8_t)m->vlan_tci;
	memcpy(out + TAG_AT + TAG_BYTES, m->packet + TAG_AT, m->packet_len - TAG_AT);
	return m->packet_len + TAG_BYTES;
}

/* A miss and a packet whose time has ended are cut as the controller said for all of them. */
static uint32_t wanted(const struct of_controller *c, const struct of_packet_in *in)
{
	if (in->to_old_only || in->reason == OF_PACKET_IN_INVALID_TTL)
		return c->config.miss_send_len;
	return in->max_len;
}

static void tell(struct of_controller *c, const struct of_packet_in *in,
		 const struct of_packet_in_view *view)
{
	struct of_packet_in_view v = *view;
	uint32_t len = wanted(c, in);
	struct of_to to;

	if (!c->connection || !c->connection->is_open ||
	    (in->to_old_only && c->connection->dialect.version != OF_V10) ||
	    !of_controller_wants(c, OF_ASYNC_PACKET_IN, in->reason))
		return;
	if (!of_connection_has_room(c->connection)) {
		c->agent->packet_ins_lost++;
		return;
	}
	/* nothing is kept here, so a controller that wants the rest later gets it now */
	if (v.len > len && len != OF_MAX_LEN_NO_BUFFER && len != 0)
		v.len = len;
	else if (len == 0)
		v.len = 0;
	to = of_connection_to(c->connection, 0);
	of_put_packet_in(&to, &v);
	of_connection_flush(c->connection);
	c->agent->packet_ins++;
}

void of_agent_mail(void *agent, const struct xvs_mail *m)
{
	static uint8_t bytes[OF_PACKET_IN_MAX + TAG_BYTES];
	struct of_agent *a = agent;
	struct of_packet_in in;
	struct of_fields fields = { 0 };
	struct of_packet_in_view v;

	if (m->bytes_len != sizeof(in) || !m->packet || m->packet_len > OF_PACKET_IN_MAX)
		return;
	a->packet_ins_lost += m->lost;
	memcpy(&in, m->bytes, sizeof(in));
	fields.in_port = fields.in_phy_port = in.in_port;
	fields.metadata = in.metadata;
	fields.tunnel_id = in.tunnel_id;
	v = (struct of_packet_in_view){
		.buffer_id = OF_NO_BUFFER,
		.total_len = m->wire_len + (m->flags & XVS_PKT_VLAN ? TAG_BYTES : 0u),
		.reason = in.reason,
		.table = in.table,
		.cookie = in.cookie,
		.fields = &fields,
		.packet = bytes,
		.len = whole(m, bytes),
	};
	for (struct of_controller *c = a->controllers; c; c = c->next)
		tell(c, &in, &v);
}
