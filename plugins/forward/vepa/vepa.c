/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.xvs.vepa - a virtual Ethernet port aggregator (IEEE 802.1Qbg): the adjacent switch decides.
 *
 * Whatever a guest sends goes to the uplink, also what is for its neighbour on this host; the
 * adjacent switch, with reflective relay ("hairpin"), sends it back by the same link.  So all traffic is
 * seen, counted and ruled there.
 *
 *   destination       from a guest or the host     from an uplink
 *   -------------     -------------------------    ---------------------------------------
 *   group address     the uplink                   flood the segment, not to its sender
 *   any other         the uplink                   as the built-in switch: an adapter's port,
 *                                                  or drop unknown-unicast
 *
 * That a reflected frame does not go back to its sender is a rule of the host: what bears the
 * address of a port came from there.
 *
 * Verdicts depend on one bit of the destination address, or on nothing at all; when the uplink
 * changes, those that go there are judged anew.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/sdk.h"
#include "xvs/extension.h"

enum tag { TAG_UPLINK = 1u << 0 };
enum reason { REASON_OTHER, REASON_NO_UPLINK };

static const struct xvs_label reasons[] = {
	{ "no-destination", "The forwarder has no destination for the packet" },
	{ "no-uplink", "No uplink is up, and nothing is forwarded without the adjacent switch" },
};

struct vepa_port {
	struct vepa_port *next; /* in the order of attaching */
	uint32_t id;
	bool is_uplink; /* constant */
	bool is_up;
	char name[64];
};

struct vepa_switch {
	const struct xvs_host *host;
	const struct xvs_flow_host *flow;
	struct vepa_port *ports;
	_Atomic uint32_t uplink; /* [control] writes, workers read; XVS_PORT_NONE: none is up */
};

struct status {
	char uplink[64];
};

static const struct xvs_field status_fields[] = {
	{ .name = "uplink",
	  .help = "Port that takes all that guests send; empty: none is up",
	  .type = XVS_TEXT,
	  .offset = offsetof(struct status, uplink),
	  .max = 64 },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct status),
	  .id = "org.xvs.vepa.uplink/1",
	  .summary = "The uplink in use",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_STATUS,
	  .fields = XVS_TABLE(status_fields) },
};

/* ---- control ----------------------------------------------------------------------------- */

static const struct vepa_port *first_uplink(const struct vepa_switch *s)
{
	const struct vepa_port *p = s->ports;

	while (p && !(p->is_uplink && p->is_up))
		p = p->next;
	return p;
}

static void choose_uplink(struct vepa_switch *s)
{
	const struct vepa_port *p = first_uplink(s);
	uint32_t now = p ? p->id : XVS_PORT_NONE;

	if (atomic_exchange_explicit(&s->uplink, now, memory_order_acq_rel) != now)
		s->flow->invalidate(s->host, TAG_UPLINK);
}

static int vepa_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		       struct xvs_error *err)
{
	struct vepa_switch *s = calloc(1, sizeof(*s));

	(void)args;
	if (!s)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	s->host = host;
	s->flow = host->query(host, XVS_FLOW_HOST);
	*self = s;
	return 0;
}

static void vepa_destroy(void *self)
{
	free(self);
}

static int vepa_port_attach(void *self, const struct xvs_port *port, void **port_state,
			    struct xvs_error *err)
{
	struct vepa_switch *s = self;
	struct vepa_port *p = calloc(1, sizeof(*p));
	struct vepa_port **at = &s->ports;

	if (!p)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	p->id = port->id;
	p->is_uplink = (port->flags & XVS_PORT_UPLINK) != 0;
	(void)snprintf(p->name, sizeof(p->name), "%s", port->name);
	while (*at)
		at = &(*at)->next;
	*at = p;
	*port_state = p;
	return 0;
}

static void vepa_port_event(void *self, void *port_state, int event, const struct xvs_port *now)
{
	struct vepa_port *p = port_state;

	(void)now;
	if (event == XVS_PORT_UP || event == XVS_PORT_DOWN)
		p->is_up = event == XVS_PORT_UP;
	choose_uplink(self);
}

static void vepa_port_detach(void *self, void *port_state)
{
	struct vepa_switch *s = self;
	struct vepa_port **at = &s->ports;

	while (*at != port_state)
		at = &(*at)->next;
	*at = (*at)->next;
	choose_uplink(s);
	free(port_state);
}

static int vepa_status_read(void *self, void *port_state, const char *feature, void *out,
			    struct xvs_error *err)
{
	const struct vepa_port *p = first_uplink(self);
	struct status *status = out;

	(void)port_state;
	(void)feature;
	(void)err;
	(void)snprintf(status->uplink, sizeof(status->uplink), "%s", p ? p->name : "");
	return 0;
}

/* ---- packets ----------------------------------------------------------------------------- */

static void judge_reflected(const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	v->examined.eth_dst[0] = 1;
	v->dest = key->eth_dst[0] & 1 ? XVS_DEST_FLOOD : XVS_DEST_NORMAL;
}

static void vepa_judge(void *self, const struct xvs_batch *b, uint32_t i,
		       const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	struct vepa_switch *s = self;
	const struct vepa_port *entry = b->port_state;

	(void)i;
	if (entry && entry->is_uplink) {
		judge_reflected(key, v);
		return;
	}
	v->tags = TAG_UPLINK;
	v->dest = atomic_load_explicit(&s->uplink, memory_order_acquire);
	if (v->dest != XVS_PORT_NONE)
		return;
	v->action = XVS_FLOW_DROP;
	v->reason = REASON_NO_UPLINK;
}

static const struct xvs_flow flow = {
	.size = sizeof(flow),
	.judge = vepa_judge,
};

static const void *vepa_query(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_FLOW) == 0 ? &flow : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = vepa_create,
	.destroy = vepa_destroy,
	.port_attach = vepa_port_attach,
	.port_event = vepa_port_event,
	.port_detach = vepa_port_detach,
	.status_read = vepa_status_read,
	.query = vepa_query,
};

static const char *const needs[] = { XVS_FLOW_HOST };

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FORWARD,
	  .id = "org.xvs.vepa",
	  .version = XVS_VERSION,
	  .vendor = "xvs",
	  .summary = "Sends everything to the adjacent switch, which reflects what is for "
		     "neighbours (802.1Qbg)",
	  .features = XVS_TABLE(features),
	  .reasons = XVS_TABLE(reasons),
	  .needs = XVS_TABLE(needs),
	  .ops = &ops },
};

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(struct xvs_module),
	.extensions = XVS_TABLE(extensions),
};

XVS_NOTE("org.xvs.vepa", XVS_VERSION, 1u << XVS_FORWARD, 0);
