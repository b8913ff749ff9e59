/* SPDX-License-Identifier: Apache-2.0 */
/* agent/dispatch.c - which message goes where, and who may send it. */
#include <errno.h>
#include <stdlib.h>

#include "agent/job.h"
#include "agent/queues.h"
#include "agent/tables.h"

struct of_to of_answer(struct of_controller *c, const struct of_message *m)
{
	return of_connection_to(c->connection, m->xid);
}

void of_refuse(struct of_controller *c, const struct of_message *m, of_fault fault,
	       struct of_bytes bytes)
{
	if (c->connection)
		of_connection_refuse(c->connection, fault, m->xid, bytes);
}

/* 1.3.5, 6.3.6: what a slave may not do. */
static bool changes_the_switch(const struct of_controller *c, const struct of_message *m)
{
	switch (m->kind) {
	case OF_MSG_PACKET_OUT:
	case OF_MSG_FLOW_MOD:
	case OF_MSG_GROUP_MOD:
	case OF_MSG_PORT_MOD:
	case OF_MSG_TABLE_MOD:
	case OF_MSG_METER_MOD:
	case OF_MSG_BUNDLE_CONTROL:
	case OF_MSG_BUNDLE_ADD:
		return true;
	case OF_MSG_MULTIPART:
		return m->multipart.type == OFPMP_TABLE_FEATURES &&
		       (m->multipart.table_count > 0 || m->multipart.has_more ||
			of_tables_request_goes_on(c, m));
	default:
		return false;
	}
}

static void tell_config(struct of_controller *c, const struct of_message *m)
{
	struct of_to to = of_answer(c, m);

	of_put_config(&to, &c->config);
}

static void tell_async(struct of_controller *c, const struct of_message *m)
{
	struct of_to to = of_answer(c, m);

	of_put_async_reply(&to, &c->async);
}

/* 1.0 and 1.3 ask by this. */
static of_fault tell_queues(struct of_controller *c, const struct of_message *m)
{
	struct of_to to = of_answer(c, m);
	struct of_queue_list found;
	int code = of_queues_list(c->agent, m->queue_port, OF_QUEUE_ALL, &found);

	if (code == 0)
		of_put_queue_config(&to, m->queue_port, found.views, found.count);
	free(found.views);
	if (code == 0)
		return OF_OK;
	return code == -ENOENT ? OF_QUEUE_OP_PORT : OF_QUEUE_OP_EPERM;
}

static of_fault set_format(struct of_controller *c, const struct of_message *m)
{
	if (m->kind == OF_MSG_TABLE_IDS)
		c->connection->dialect.has_table_ids = m->format != 0;
	if (m->kind == OF_MSG_CONTROLLER_ID)
		c->id = m->format;
	return OF_OK;
}

/* 1.4, 6.3.7: groups and meters that one controller changes, others may want to know. */
static void pass_on(struct of_controller *from, const struct of_message *m, struct of_bytes bytes)
{
	uint32_t reason = m->kind == OF_MSG_GROUP_MOD ? 0 : 1;

	if (bytes.len > UINT16_MAX - 16) /* with another header it is no message */
		return;
	for (struct of_controller *c = from->agent->controllers; c; c = c->next) {
		struct of_to to;

		if (c == from || !c->connection || c->connection->dialect.version != m->version ||
		    !of_controller_wants(c, OF_ASYNC_REQUESTFORWARD, reason) ||
		    !of_connection_has_room(c->connection))
			continue;
		to = of_connection_to(c->connection, 0);
		of_put_requestforward(&to, bytes);
		of_connection_flush(c->connection);
	}
}

static of_fault change(struct of_controller *c, const struct of_message *m, struct of_bytes bytes)
{
	of_fault fault;

	c->agent->flow_mods += m->kind == OF_MSG_FLOW_MOD;
	if (of_job_is_wanted(c->agent, m))
		return of_job_start(c, m, bytes, NULL);
	switch (m->kind) {
	case OF_MSG_PACKET_OUT:
		return of_agent_packet_out(c, &m->packet_out);
	case OF_MSG_FLOW_MOD:
		return of_agent_flow(c, &m->flow);
	case OF_MSG_GROUP_MOD:
		fault = of_agent_group(c->agent, &m->group);
		if (!fault)
			pass_on(c, m, bytes);
		return fault;
	case OF_MSG_PORT_MOD:
		return of_agent_port_mod(c->agent, &m->port);
	case OF_MSG_TABLE_MOD:
		return of_agent_table(c->agent, &m->table);
	case OF_MSG_METER_MOD:
		fault = of_agent_meter(c->agent, &m->meter);
		if (!fault)
			pass_on(c, m, bytes);
		return fault;
	default:
		return of_agent_bundle(c, m, bytes);
	}
}

static of_fault handle(struct of_controller *c, const struct of_message *m, struct of_bytes bytes)
{
	switch (m->kind) {
	case OF_MSG_FEATURES:
		of_controller_features(c, m);
		return OF_OK;
	case OF_MSG_GET_CONFIG:
		tell_config(c, m);
		return OF_OK;
	case OF_MSG_SET_CONFIG:
		return of_controller_config(c, &m->config);
	case OF_MSG_MULTIPART:
		return of_agent_multipart(c, m);
	case OF_MSG_BARRIER:
		return of_agent_barrier(c, m);
	case OF_MSG_QUEUE_CONFIG:
		return tell_queues(c, m);
	case OF_MSG_ROLE:
		return of_controller_role(c, m);
	case OF_MSG_GET_ASYNC:
		tell_async(c, m);
		return OF_OK;
	case OF_MSG_SET_ASYNC:
		of_controller_set_async(c, &m->async);
		return OF_OK;
	case OF_MSG_TABLE_IDS:
	case OF_MSG_FLOW_FORMAT:
	case OF_MSG_PACKET_IN_FORMAT:
	case OF_MSG_CONTROLLER_ID:
		return set_format(c, m);
	default:
		return change(c, m, bytes);
	}
}

void of_agent_answered(struct of_controller *c, const struct of_message *m, of_fault fault,
		       struct of_bytes bytes)
{
	if (fault)
		of_refuse(c, m, fault, bytes);
	else if (m->kind == OF_MSG_GROUP_MOD || m->kind == OF_MSG_METER_MOD)
		pass_on(c, m, bytes);
	else if (m->kind == OF_MSG_BUNDLE_CONTROL)
		of_bundle_reply(c, m);
}

static of_fault take(struct of_controller *c, const struct of_message *m, struct of_bytes bytes)
{
	if (c->role != OF_ROLE_SLAVE || !changes_the_switch(c, m))
		return handle(c, m, bytes);
	if (m->kind == OF_MSG_MULTIPART) /* without this part it is never whole */
		of_tables_forget_request(c);
	return OF_BAD_REQUEST_IS_SLAVE;
}

void of_agent_message(void *agent, struct of_connection *connection, const struct of_message *m,
		      struct of_bytes bytes)
{
	struct of_controller *c = connection->user;
	struct of_agent *a = c->agent;
	of_fault fault;

	(void)agent;
	if (a->job) {
		c->is_waiting = true;
		of_connection_put_back(connection);
		return;
	}
	fault = take(c, m, bytes);
	if (fault)
		of_refuse(c, m, fault, bytes);
}
