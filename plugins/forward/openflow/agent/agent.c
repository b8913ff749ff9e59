/* SPDX-License-Identifier: Apache-2.0 */
/* agent/agent.c - life, controllers that come and go, the fail mode. */
#include "agent/job.h"
#include "agent/tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/sdk.h"

/* ---- controllers ------------------------------------------------------------------------------------ */

void of_controller_hold(struct of_controller *c)
{
	c->holders++;
}

void of_controller_drop(struct of_controller *c)
{
	struct of_controller **at = &c->agent->controllers;

	if (--c->holders > 0)
		return;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	of_bundles_drop(c);
	free(c->features_request);
	free(c);
}

static void on_opened(void *arg, struct of_connection *connection)
{
	struct of_agent *a = arg;
	struct of_controller *c = calloc(1, sizeof(*c));

	if (!c) {
		of_connection_end(connection, "out of memory");
		return;
	}
	c->agent = a;
	c->connection = connection;
	c->holders = 1;
	of_controller_default(c);
	c->next = a->controllers;
	a->controllers = c;
	connection->user = c;
	xvs_logf(a->host, XVS_LOG_INFO, "controller %s is connected, OpenFlow %s", connection->peer,
		 connection->dialect.version == OF_V10   ? "1.0"
		 : connection->dialect.version == OF_V13 ? "1.3"
							 : "1.4");
	of_agent_note_wants(a);
	of_agent_fail_mode(a);
}

static void on_closed(void *arg, struct of_connection *connection, const char *why)
{
	struct of_agent *a = arg;
	struct of_controller *c = connection->user;

	xvs_logf(a->host, XVS_LOG_WARN, "controller %s has gone: %s", connection->peer, why);
	if (!c)
		return;
	c->connection = NULL;
	connection->user = NULL;
	of_buffers_forget(&a->buffers, c);
	of_controller_drop(c);
	of_agent_note_wants(a);
	of_agent_fail_mode(a);
}

/* Where there are controllers to be called, who calls by himself (ovs-ofctl, to look) is none of them. */
static bool is_anyone_connected(const struct of_agent *a)
{
	bool calls = of_channel_calls(&a->channel);

	for (const struct of_controller *c = a->controllers; c; c = c->next) {
		if (c->connection && !(calls && c->connection->listener))
			return true;
	}
	return false;
}

/* Standalone: while nobody is connected the built-in switch forwards: 1.3.5, 6.3.3. */
void of_agent_fail_mode(struct of_agent *a)
{
	bool standalone = !a->settings.is_secure && !is_anyone_connected(a);

	if (standalone == a->pipeline.is_standalone)
		return;
	__atomic_store_n(&a->pipeline.is_standalone, standalone, __ATOMIC_RELEASE);
	a->flow->invalidate(a->host, UINT64_MAX);
	if (a->is_active)
		a->host->log(a->host, XVS_LOG_INFO,
			     standalone ? "no controller is connected: the built-in switch forwards"
					: "the flow tables forward");
}

/* ---- changes of the state ---------------------------------------------------------------------------- */

static void on_groups_changed(void *arg)
{
	struct of_agent *a = arg;

	a->flow->invalidate(a->host, OF_TAG_GROUPS);
}

static void on_ticked(void *arg, uint64_t now_ns)
{
	of_agent_expire(arg, now_ns);
}

static void later(void *arg, void (*fn)(void *what), void *what)
{
	struct of_agent *a = arg;

	a->host->defer(a->host, fn, what);
}

/* ---- life -------------------------------------------------------------------------------------------- */

static int find_services(struct of_agent *a, struct xvs_error *err)
{
	const struct xvs_host *h = a->host;

	a->loop = h->query(h, XVS_LOOP);
	a->timers = h->query(h, XVS_TIMER);
	a->mailbox = h->query(h, XVS_MAILBOX);
	a->flow = h->query(h, XVS_FLOW_HOST);
	a->port_host = h->query(h, XVS_PORTS);
	a->destset_host = h->query(h, XVS_DESTSET);
	a->queue_host = h->query(h, XVS_QUEUE);
	if (a->loop && a->timers && a->mailbox && a->flow)
		return 0;
	return xvs_refuse(err, -ENOTSUP, "",
			  "this host lacks one of xvs.loop/1, xvs.timer/1, xvs.mailbox/1 and "
			  "xvs.flow-host/1");
}

static int make_parts(struct of_agent *a, const struct xvs_create *args)
{
	const struct of_handler handler = {
		.opened = on_opened, .message = of_agent_message, .closed = on_closed, .arg = a
	};

	a->ports = calloc(args->ports_max, sizeof(*a->ports));
	a->pipeline.ports = calloc(args->ports_max, sizeof(*a->pipeline.ports));
	a->announcer = a->timers->create(a->host, of_agent_announce, a);
	if (!a->ports || !a->pipeline.ports || !a->announcer || of_packet_outs_init(a) != 0 ||
	    of_tables_init(a) != 0 || of_expiry_init(a) != 0 ||
	    of_numbers_init(&a->numbers, args->ports_max) != 0)
		return -ENOMEM;
	a->pipeline.numbers = a->numbers.published;
	if (of_admission_init(&a->pipeline.admission, args->ports_max) != 0)
		return -ENOMEM;
	if (a->mailbox->open(a->host, OF_MAIL_SLOTS, OF_PACKET_IN_MAX, of_agent_mail) != 0)
		return -ENOMEM;
	return of_channel_init(&a->channel, a->host, a->loop, a->timers, &handler, on_ticked);
}

int of_agent_init(struct of_agent *a, const struct xvs_host *host, const struct xvs_create *args,
		  struct xvs_error *err)
{
	struct of_flows_events events = of_agent_events;
	const struct of_reclaim reclaim = { .later = later, .arg = a };
	int code;

	a->host = host;
	code = find_services(a, err);
	if (code)
		return code;
	events.arg = a;
	a->settings = (struct of_settings){ .versions = OF_VERSIONS,
					    .pace = { 5, OF_BACKOFF_MAX_S },
					    .flows_max = OF_FLOWS_MAX,
					    .packet_in_pps = OF_PACKET_IN_PPS };
	a->pipeline.host = host;
	a->pipeline.mailbox = a->mailbox;
	a->pipeline.ports_max = args->ports_max;
	a->pipeline.seed = args->seed;
	a->pipeline.sets.host = host;
	a->pipeline.sets.destsets = a->destset_host;
	a->pipeline.sets.reclaim = reclaim;
	a->pipeline.is_standalone = true;
	(void)snprintf(a->switch_name, sizeof(a->switch_name), "%s", args->switch_name);
	memcpy(a->uuid, args->switch_uuid, sizeof(a->uuid));
	of_state_init(&a->pipeline.state, args->seed, OF_FLOWS_MAX, &reclaim, &events);
	a->pipeline.state.groups_changed = on_groups_changed;
	a->pipeline.state.arg = a;
	code = make_parts(a, args);
	if (code)
		return xvs_refuse(err, code, "", "out of memory");
	a->channel.dice = args->seed;
	return 0;
}

void of_agent_destroy(struct of_agent *a)
{
	if (a->timers && a->channel.tick) {
		of_agent_drop_queries(a);
		of_job_drop(a);
		of_channel_destroy(&a->channel);
	}
	if (a->timers && a->announcer)
		a->timers->destroy(a->host, a->announcer);
	if (a->timers)
		of_expiry_destroy(a);
	of_agent_drop_removed(a);
	of_packet_outs_destroy(a);
	of_buffers_destroy(&a->buffers);
	if (a->pipeline.host)
		of_state_destroy(&a->pipeline.state);
	free((void *)(uintptr_t)a->pipeline.ports);
	of_admission_destroy(&a->pipeline.admission);
	of_numbers_finish(&a->numbers);
	of_sets_destroy(&a->pipeline.sets);
	free(a->ports);
	of_tables_destroy(a);
}

void of_agent_active(struct of_agent *a, bool on)
{
	a->is_active = on;
	of_channel_on(&a->channel, on && a->is_configured);
}

void of_agent_configure(struct of_agent *a, const struct of_settings *settings,
			struct of_target_list *targets)
{
	a->settings = *settings;
	a->is_configured = true;
	of_tables_limit(a, settings->flows_max);
	of_agent_share_packet_ins(a);
	of_channel_set(&a->channel, targets, settings->versions, &settings->pace);
	of_agent_fail_mode(a);
	of_channel_on(&a->channel, a->is_active);
}
