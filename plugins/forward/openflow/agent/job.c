/* SPDX-License-Identifier: Apache-2.0 */
/* agent/job.c - transactions in turns. */
#include "agent/job.h"

#include <stdlib.h>
#include <string.h>

#include "agent/tables.h"
#include "table/instructions.h"

enum {
	LONG = 4096, /* rules that are looked at: a few milliseconds */
	STEP = 64,   /* of them between two looks at the clock */
};

enum phase { JOB_WORKS, JOB_UNDOES, JOB_TELLS, JOB_IS_DONE };

struct of_job {
	struct of_agent *agent;
	struct of_controller *controller; /* held; its connection may go */
	struct of_dialect dialect;
	struct xvs_timer *timer;
	struct of_held_bundle messages; /* one, if it is no bundle */
	uint32_t at;                    /* the next of them begins here */
	struct of_message asked;        /* the head of what is answered */
	uint8_t *request;               /* and its bytes */
	uint32_t request_len;
	/* the message in hand, if it takes a sweep */
	struct of_sweep sweep;
	struct of_flow_mod mod;
	struct of_instructions *instructions;
	uint32_t kind, number;
	struct of_bytes hand;
	enum phase phase;
	of_fault fault;
	of_fault of_packet; /* of one flow-mod, which is carried out without the packet that it names */
	bool is_bundle, holds_connection;
};

static struct of_state *state_of(const struct of_job *j)
{
	return &j->agent->pipeline.state;
}

bool of_job_is_wanted(const struct of_agent *a, const struct of_message *m)
{
	const struct of_flows *f = &a->pipeline.state.flows;

	switch (m->kind) {
	case OF_MSG_FLOW_MOD:
		return of_flows_mod_weight(f, &m->flow) > LONG;
	case OF_MSG_GROUP_MOD:
		return m->group.command == OF_GROUP_DELETE &&
		       of_flows_group_weight(f, m->group.group) > LONG;
	case OF_MSG_METER_MOD:
		return m->meter.command == OF_METER_DELETE &&
		       of_flows_meter_weight(f, m->meter.meter) > LONG;
	default:
		return false;
	}
}

/* ---- messages --------------------------------------------------------------------------------------- */

static of_fault start_flow(struct of_job *j, const struct of_flow_mod *mod)
{
	struct of_agent *a = j->agent;
	of_fault fault = of_agent_check_flow(a, mod);

	if (!fault)
		fault = of_state_flow_check(state_of(j), mod);
	if (fault)
		return fault;
	j->instructions = of_instructions_copy(&mod->instructions);
	if (!j->instructions)
		return OF_FLOW_MOD_UNKNOWN;
	j->mod = *mod;
	j->mod.instructions = *j->instructions;
	of_sweep_mod(&j->sweep, &state_of(j)->flows, &j->mod);
	fault = of_agent_claim(j->controller, mod);
	if (j->is_bundle)
		return fault;
	j->of_packet = fault;
	return OF_OK;
}

/* What is short is done here; j->sweep is on where it is not. */
static of_fault start(struct of_job *j, const struct of_message *m)
{
	struct of_agent *a = j->agent;
	struct of_state *s = state_of(j);
	of_fault fault;

	j->kind = m->kind;
	switch (m->kind) {
	case OF_MSG_FLOW_MOD:
		if (of_job_is_wanted(a, m))
			return start_flow(j, &m->flow);
		fault = of_agent_change_flow(a, &m->flow);
		return fault ? fault : of_agent_claim(j->controller, &m->flow);
	case OF_MSG_GROUP_MOD:
		if (m->group.command != OF_GROUP_DELETE)
			return of_state_group(s, &m->group);
		j->number = m->group.group;
		fault = of_state_group_start(s, j->number, &j->sweep);
		if (!fault && !j->sweep.is_on)
			of_state_group_end(s, j->number);
		return fault;
	case OF_MSG_METER_MOD:
		if (m->meter.command != OF_METER_DELETE)
			return of_state_meter(s, &m->meter);
		j->number = m->meter.meter;
		of_state_meter_start(s, j->number, &j->sweep);
		if (!j->sweep.is_on)
			of_state_meter_end(s, j->number);
		return OF_OK;
	default: /* refused when it was added */
		return OF_BUNDLE_MESSAGE_UNSUPPORTED;
	}
}

static of_fault end_sweep(struct of_job *j)
{
	struct of_state *s = state_of(j);
	of_fault fault = OF_OK;

	if (j->kind == OF_MSG_GROUP_MOD) {
		of_state_group_end(s, j->number);
	} else if (j->kind == OF_MSG_METER_MOD) {
		of_state_meter_end(s, j->number);
	} else if (!j->sweep.done && j->mod.version == OF_V10 && j->mod.command == OF_FLOW_MODIFY) {
		j->mod.command = OF_FLOW_ADD; /* 1.0.0, 4.6: it comes, if there is none */
		fault = of_flows_mod(&s->flows, &j->mod);
	}
	free(j->instructions);
	j->instructions = NULL;
	return fault;
}

static of_fault next_message(struct of_job *j)
{
	struct of_agent *a = j->agent;
	struct of_message m = { 0 };
	of_fault fault;

	j->hand.at = j->messages.bytes + j->at;
	j->hand.len = (uint32_t)of_frame(j->hand.at, j->messages.len - j->at);
	j->at += j->hand.len;
	of_arena_reset(&a->channel.arena);
	fault = of_decode(&j->dialect, j->hand.at, j->hand.len, &a->channel.arena, &m);
	return fault ? fault : start(j, &m);
}

/* What is wrong is told of the message of a bundle that it is in, then of the commit. */
static void refuse_message(struct of_job *j)
{
	struct of_message m = { 0 };
	const uint8_t *at = j->hand.at;

	if (!j->is_bundle)
		return;
	m.xid = (uint32_t)at[4] << 24 | (uint32_t)at[5] << 16 | (uint32_t)at[6] << 8 | at[7];
	of_refuse(j->controller, &m, j->fault, j->hand);
	j->fault = OF_BUNDLE_MESSAGE_FAILED;
}

/* ---- turns ------------------------------------------------------------------------------------------- */

static void work(struct of_job *j)
{
	if (!j->sweep.is_on && j->at == j->messages.len) {
		of_state_publish(state_of(j));
		j->phase = JOB_TELLS;
		return;
	}
	if (j->sweep.is_on) {
		j->fault = of_sweep_some(&j->sweep, STEP);
		if (!j->fault && !j->sweep.is_on)
			j->fault = end_sweep(j);
	} else {
		j->fault = next_message(j);
	}
	if (!j->fault)
		return;
	refuse_message(j);
	of_sweep_end(&j->sweep);
	j->phase = JOB_UNDOES;
}

static void step(struct of_job *j)
{
	if (j->phase == JOB_WORKS)
		work(j);
	else if (j->phase == JOB_UNDOES && of_state_unwind(state_of(j), STEP))
		j->phase = JOB_IS_DONE;
	else if (j->phase == JOB_TELLS && of_flows_tell(&state_of(j)->flows, STEP))
		j->phase = JOB_IS_DONE;
}

static void free_job(struct of_job *j)
{
	struct of_agent *a = j->agent;

	a->job = NULL;
	of_sweep_end(&j->sweep);
	free(j->instructions);
	of_bundle_discard(&j->messages);
	free(j->request);
	a->timers->destroy(a->host, j->timer);
	of_controller_drop(j->controller);
	free(j);
}

/* Those who have waited go on before who made them wait. */
static void release_all(struct of_agent *a)
{
	for (struct of_controller *c = a->controllers; c; c = c->next) {
		if (c->is_waiting && c->connection)
			of_connection_release(c->connection);
		c->is_waiting = false;
	}
	of_agent_expire_on(a);
}

static void finish(struct of_job *j)
{
	struct of_controller *c = j->controller;
	struct of_agent *a = j->agent;

	of_agent_claimed(a, !j->fault);
	a->job = NULL;
	of_agent_answered(c, &j->asked, j->fault ? j->fault : j->of_packet,
			  (struct of_bytes){ j->request, j->request_len });
	release_all(a);
	if (j->holds_connection && c->connection)
		of_connection_release(c->connection);
	free_job(j);
}

static void on_turn(void *arg)
{
	struct of_job *j = arg;
	struct of_agent *a = j->agent;
	uint64_t until = a->host->now(a->host) + OF_TURN_NS;

	do {
		step(j);
	} while (j->phase != JOB_IS_DONE && a->host->now(a->host) < until);
	if (j->phase == JOB_IS_DONE) {
		finish(j);
		return;
	}
	if (!j->holds_connection && j->controller->connection) {
		of_connection_hold(j->controller->connection);
		j->holds_connection = true;
	}
	a->timers->arm(a->host, j->timer, 0);
}

/* ---- life -------------------------------------------------------------------------------------------- */

static uint8_t *copy_of(struct of_bytes bytes)
{
	uint8_t *copy = malloc(bytes.len);

	if (copy)
		memcpy(copy, bytes.at, bytes.len);
	return copy;
}

/* What there is to be done: what the bundle has, or the message itself. */
static bool take_messages(struct of_job *j, struct of_bytes bytes, struct of_held_bundle *bundle)
{
	j->request = copy_of(bytes);
	j->request_len = bytes.len;
	if (bundle) {
		j->messages = *bundle;
		j->is_bundle = true;
		memset(bundle, 0, sizeof(*bundle));
	} else {
		j->messages.bytes = copy_of(bytes);
		j->messages.len = bytes.len;
	}
	return j->request && (j->is_bundle || j->messages.bytes);
}

of_fault of_job_start(struct of_controller *c, const struct of_message *m, struct of_bytes bytes,
		      struct of_held_bundle *bundle)
{
	struct of_agent *a = c->agent;
	struct of_job *j = calloc(1, sizeof(*j));

	if (!j)
		return OF_BAD_REQUEST_EPERM;
	j->agent = a;
	j->controller = c;
	j->dialect = c->connection->dialect;
	of_controller_hold(c);
	j->asked = (struct of_message){ .kind = m->kind, .version = m->version, .xid = m->xid };
	if (bundle)
		j->asked.bundle = m->bundle;
	j->timer = a->timers->create(a->host, on_turn, j);
	if (!take_messages(j, bytes, bundle) || !j->timer) {
		free_job(j);
		return OF_BAD_REQUEST_EPERM;
	}
	a->job = j;
	of_state_begin(state_of(j), a->host->now(a->host));
	on_turn(j);
	return OF_OK;
}

void of_job_drop(struct of_agent *a)
{
	if (a->job)
		free_job(a->job);
}
