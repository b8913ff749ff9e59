/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/controller.c - one controller: its role, its configuration, what it wants to hear.
 *
 * Source: OpenFlow 1.3.5, 6.3.6, 7.3.2, 7.3.9, 7.3.10; 1.4.0, 7.4.4.
 */
#include <string.h>

#include "agent/agent.h"
#include "xvs/ext/sdk.h"

const char *of_role_name(uint32_t role)
{
	return role == OF_ROLE_MASTER ? "master" : role == OF_ROLE_SLAVE ? "slave" : "equal";
}

/* 1.3.5, 7.3.10: a slave hears of ports alone. */
void of_controller_default(struct of_controller *c)
{
	c->role = OF_ROLE_EQUAL;
	c->config = (struct of_config){ .miss_send_len = 128 };
	c->async.masks[OF_ASYNC_PACKET_IN][0] =
		1u << OF_PACKET_IN_NO_MATCH | 1u << OF_PACKET_IN_ACTION |
		1u << OF_PACKET_IN_ACTION_SET | 1u << OF_PACKET_IN_GROUP |
		1u << OF_PACKET_IN_PACKET_OUT;
	c->async.masks[OF_ASYNC_PORT_STATUS][0] = 7;
	c->async.masks[OF_ASYNC_PORT_STATUS][1] = 7;
	c->async.masks[OF_ASYNC_FLOW_REMOVED][0] = 0x3f;
	c->async.masks[OF_ASYNC_ROLE_STATUS][0] = 7;
	c->async.masks[OF_ASYNC_ROLE_STATUS][1] = 7;
	c->async.masks[OF_ASYNC_TABLE_STATUS][0] =
		1u << OF_TABLE_VACANCY_DOWN | 1u << OF_TABLE_VACANCY_UP;
	c->async.has[0] = c->async.has[1] = (1u << OF_ASYNC_KINDS) - 1;
}

bool of_controller_wants(const struct of_controller *c, uint32_t kind, uint32_t reason)
{
	/* before 1.4 these reasons are told as ACTION */
	if (kind == OF_ASYNC_PACKET_IN && c->connection &&
	    c->connection->dialect.version < OF_V14 && reason >= OF_PACKET_IN_ACTION_SET)
		reason = OF_PACKET_IN_ACTION;
	return c->async.masks[kind][c->role == OF_ROLE_SLAVE] >> reason & 1;
}

/* What workers need to know before they tell. */
void of_agent_note_wants(struct of_agent *a)
{
	bool misses = false;
	bool ttl = false;
	uint16_t len = 0;

	for (const struct of_controller *c = a->controllers; c; c = c->next) {
		if (!c->connection || !c->connection->is_open)
			continue;
		misses |= c->connection->dialect.version == OF_V10;
		ttl |= of_controller_wants(c, OF_ASYNC_PACKET_IN, OF_PACKET_IN_INVALID_TTL);
		if (c->config.miss_send_len > len)
			len = c->config.miss_send_len;
	}
	__atomic_store_n(&a->pipeline.miss_send_len, len, __ATOMIC_RELAXED);
	if (misses == a->pipeline.tells_misses && ttl == a->pipeline.tells_ttl)
		return;
	__atomic_store_n(&a->pipeline.tells_misses, misses, __ATOMIC_RELEASE);
	__atomic_store_n(&a->pipeline.tells_ttl, ttl, __ATOMIC_RELEASE);
	a->flow->invalidate(a->host, UINT64_MAX);
}

void of_controller_set_async(struct of_controller *c, const struct of_async *async)
{
	for (uint32_t kind = 0; kind < OF_ASYNC_KINDS; kind++) {
		for (uint32_t i = 0; i < 2; i++) {
			if (async->has[i] >> kind & 1)
				c->async.masks[kind][i] = async->masks[kind][i];
		}
	}
	of_agent_note_wants(c->agent);
}

/* Fragments are handled as they come; nothing else is offered (1.3.5, 7.3.2). */
of_fault of_controller_config(struct of_controller *c, const struct of_config *config)
{
	if (config->flags & 3)
		return OF_SWITCH_CONFIG_FLAGS;
	c->config = *config;
	of_agent_note_wants(c->agent);
	return OF_OK;
}

/* ---- features ------------------------------------------------------------------------------------- */

uint64_t of_agent_datapath_id(const struct of_agent *a)
{
	uint64_t id = 0;

	if (a->settings.datapath_id)
		return a->settings.datapath_id;
	/* the upper 16 bits are the implementer's: 1.3.5, 7.3.1 */
	for (uint32_t i = 10; i < 16; i++)
		id = id << 8 | a->uuid[i];
	return id ? id : 1;
}

void of_controller_features(struct of_controller *c, const struct of_message *m)
{
	struct of_agent *a = c->agent;
	struct of_port_view ports[1024];
	struct of_features_view v = {
		.datapath_id = of_agent_datapath_id(a),
		.buffers = OF_BUFFERS,
		.tables = OF_TABLES,
		.capabilities = OF_CAP_FLOW_STATS | OF_CAP_TABLE_STATS | OF_CAP_PORT_STATS |
				OF_CAP_GROUP_STATS,
		.ports = ports,
	};
	struct of_to to = of_answer(c, m);

	for (uint32_t id = 1; id < a->pipeline.ports_max && v.port_count < 1024; id++) {
		if (a->ports[id].is_there)
			of_agent_port_view(a, &a->ports[id], &ports[v.port_count++]);
	}
	of_put_features(&to, &v);
}

/* ---- roles ---------------------------------------------------------------------------------------- */

/* 1.4.0, 7.4.4. */
static void tell_role(struct of_controller *c, uint8_t reason)
{
	struct of_to to;

	if (!c->connection || c->connection->dialect.version < OF_V14 ||
	    !of_controller_wants(c, OF_ASYNC_ROLE_STATUS, reason) ||
	    !of_connection_has_room(c->connection))
		return;
	to = of_connection_to(c->connection, 0);
	of_put_role_status(&to, c->role, reason,
			   c->agent->has_generation ? c->agent->generation_id : UINT64_MAX);
	of_connection_flush(c->connection);
}

static void log_role(const struct of_controller *c)
{
	if (c->connection)
		xvs_logf(c->agent->host, XVS_LOG_INFO, "controller %s is %s now",
			 c->connection->peer, of_role_name(c->role));
}

static void only_master(struct of_controller *master)
{
	for (struct of_controller *c = master->agent->controllers; c; c = c->next) {
		if (c == master || c->role != OF_ROLE_MASTER)
			continue;
		c->role = OF_ROLE_SLAVE;
		log_role(c);
		tell_role(c, OF_ROLE_BY_MASTER);
	}
}

of_fault of_controller_role(struct of_controller *c, const struct of_message *m)
{
	struct of_agent *a = c->agent;
	uint32_t role = m->role.role;
	bool is_election = role == OF_ROLE_MASTER || role == OF_ROLE_SLAVE;
	struct of_to to;

	if (is_election && m->role.has_generation) {
		/* a difference in a circle: 1.3.5, 6.3.6 */
		if (a->has_generation && (int64_t)(m->role.generation_id - a->generation_id) < 0)
			return OF_ROLE_STALE;
		a->has_generation = true;
		a->generation_id = m->role.generation_id;
	}
	if (role != OF_ROLE_NOCHANGE && c->role != role) {
		c->role = role;
		log_role(c);
	}
	if (role == OF_ROLE_MASTER)
		only_master(c);
	of_agent_note_wants(a);
	to = of_answer(c, m);
	of_put_role_reply(&to, c->role, a->has_generation ? a->generation_id : UINT64_MAX);
	return OF_OK;
}
