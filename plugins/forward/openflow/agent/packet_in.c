/* SPDX-License-Identifier: Apache-2.0 */
/* agent/packet_in.c - what workers have posted: packets, told to those who want them; sets that they need. */
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

static bool hears(const struct of_controller *c, const struct of_packet_in *in)
{
	return c->connection && c->connection->is_open &&
	       (!in->to_old_only || c->connection->dialect.version == OF_V10) &&
	       of_controller_wants(c, OF_ASYNC_PACKET_IN, in->reason);
}

static bool wants_it_cut(const struct of_controller *c, const struct of_packet_in *in,
			 const struct of_packet_in_view *view)
{
	uint32_t len = wanted(c, in);

	return len < view->len && len != OF_MAX_LEN_NO_BUFFER && view->len == view->total_len;
}

/*
 * The one controller that shall come back for the rest; else NULL, and all get the whole: what is kept for
 * several would be sent by the first of them that answers.
 */
static const struct of_controller *keeper(const struct of_agent *a, const struct of_packet_in *in,
					  const struct of_packet_in_view *view)
{
	const struct of_controller *found = NULL;

	for (const struct of_controller *c = a->controllers; c; c = c->next) {
		if (!hears(c, in) || !wants_it_cut(c, in, view))
			continue;
		if (found)
			return NULL;
		found = c;
	}
	return found;
}

/* To its length if the rest is kept. */
static void cut(struct of_controller *c, const struct of_packet_in *in,
		struct of_packet_in_view *view)
{
	const struct of_bytes packet = { view->packet, view->len };
	struct of_agent *a = c->agent;

	view->buffer_id = of_buffers_keep(&a->buffers, c, packet, view->fields->in_port,
					  a->host->now(a->host));
	if (view->buffer_id != OF_NO_BUFFER)
		view->len = wanted(c, in);
}

enum told { NOT_WANTED, TOLD, LEFT_BEHIND };

/* Left behind: there is so much for it to read that it is told of it late, or not at all. */
static enum told tell(struct of_controller *c, const struct of_packet_in *in,
		      const struct of_packet_in_view *whole_view, bool may_cut)
{
	struct of_packet_in_view view = *whole_view;
	struct of_to to;

	if (!hears(c, in))
		return NOT_WANTED;
	if (!of_connection_has_room(c->connection)) {
		c->agent->packet_ins_lost++;
		return LEFT_BEHIND;
	}
	if (may_cut)
		cut(c, in, &view);
	to = of_connection_to(c->connection, 0);
	of_put_packet_in(&to, &view);
	of_connection_flush(c->connection);
	c->agent->packet_ins++;
	return of_connection_is_full(c->connection) ? LEFT_BEHIND : TOLD;
}

void of_agent_share_packet_ins(struct of_agent *a)
{
	uint32_t parts = 0;

	for (uint32_t id = 1; id < a->pipeline.ports_max; id++)
		parts += a->ports[id].is_there;
	of_admission_set(&a->pipeline.admission, a->settings.packet_in_pps, parts);
}

/* A worker has a flow to several ports. */
static void make_set(struct of_agent *a, const void *ports)
{
	struct of_set_ports wanted;

	memcpy(&wanted, ports, sizeof(wanted));
	if (of_sets_make(&a->pipeline.sets, &wanted, a->host->now(a->host)) > 0)
		a->flow->invalidate(a->host, OF_TAG_SETS);
}

void of_agent_mail(void *agent, const struct xvs_mail *m)
{
	static uint8_t bytes[OF_PACKET_IN_MAX + TAG_BYTES];
	struct of_agent *a = agent;
	struct of_packet_in in;
	struct of_fields fields = { 0 };
	struct of_packet_in_view v;
	const struct of_controller *one;
	uint32_t told[LEFT_BEHIND + 1] = { 0 };

	a->packet_ins_lost += m->lost; /* whatever arrives next says so */
	if (m->bytes_len == sizeof(struct of_set_ports) && !m->packet) {
		make_set(a, m->bytes);
		return;
	}
	if (m->bytes_len != sizeof(in) || !m->packet || m->packet_len > OF_PACKET_IN_MAX)
		return;
	memcpy(&in, m->bytes, sizeof(in));
	of_admission_end(&a->pipeline.admission, in.port);
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
	one = keeper(a, &in, &v);
	for (struct of_controller *c = a->controllers; c; c = c->next)
		told[tell(c, &in, &v, c == one)]++;
	/* one of several that does not read is its own affair */
	of_admission_slow(&a->pipeline.admission, told[LEFT_BEHIND] && !told[TOLD]);
}
