/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/emit.c - outputs of one packet. */
#include "pipeline/dry.h"

#include <string.h>

#include "xvs/ext/sdk.h"

bool of_emit_meter(struct of_emitter *e, uint32_t id)
{
	const struct of_pipeline *p = e->pipeline;
	const struct of_meter *m =
		of_meter_find(&p->state.meters, id, of_flows_version(&p->state.flows));
	const struct of_band *band;

	if (!m || e->is_dry)
		return true;
	band = of_meter_pass(m, e->now_ns, xvs_wire_packets(e->packet), xvs_wire_bytes(e->packet));
	if (band && band->type == OF_BAND_DSCP_REMARK)
		e->remark = band->prec_level;
	if (!band || band->type != OF_BAND_DROP)
		return true;
	e->reason = OF_REASON_METER;
	return false;
}

/* RFC 2597, 6: of an assured forwarding class, AFx1 to AFx3. */
static uint8_t remarked(uint8_t dscp, uint8_t by)
{
	uint32_t class = dscp >> 3;
	uint32_t precedence = dscp >> 1 & 3;

	if (class < 1 || class > 4 || !precedence || dscp & 1)
		return dscp;
	precedence += by;
	return (uint8_t)(class << 3 | (precedence > 3 ? 3 : precedence) << 1);
}

static bool is_changed(const struct of_emitter *e)
{
	static const struct of_fields none;

	return memcmp(&e->image.mask, &none, sizeof(none)) != 0;
}

static void add_remark(struct of_emitter *e)
{
	struct of_fields now = { 0 };

	if (!e->remark)
		return;
	of_packet_fields(e->packet, &now);
	if (!e->image.mask.ip_dscp)
		e->image.values.ip_dscp = now.ip_dscp;
	e->image.values.ip_dscp = remarked(e->image.values.ip_dscp, e->remark);
	e->image.mask.ip_dscp = 0x3f;
}

static bool write_image(struct of_emitter *e, struct xvs_packet *p)
{
	return !is_changed(e) ||
	       of_packet_write(e->pipeline->host, p, &e->image.values, &e->image.mask) == 0;
}

/* ---- to controllers ------------------------------------------------------------------------------- */

static void post(struct of_emitter *e, struct xvs_packet *p)
{
	struct of_pipeline *pipe = e->pipeline;
	const struct of_output *o = &e->output;
	const struct of_packet_in in = {
		.cookie = o->cookie,
		.metadata = o->metadata,
		.tunnel_id = o->tunnel_id,
		.in_port = of_port_number(pipe, e->port),
		.port = e->port,
		.max_len = o->max_len,
		.reason = o->reason,
		.table = o->table,
		.to_old_only = o->to_old_only,
	};

	if (e->is_dry || of_port_bits(pipe, e->port) & OF_PORT_NO_PACKET_IN)
		return;
	e->is_not_told = !of_admission_take(&pipe->admission, e->port, e->now_ns);
	if (e->is_not_told)
		return;
	/* whole: as much of it as a controller wants is cut off when it is told */
	if (pipe->mailbox->post(pipe->host, &in, sizeof(in), p,
				p->len < OF_PACKET_IN_MAX ? p->len : OF_PACKET_IN_MAX) == 0)
		return;
	of_admission_undo(&pipe->admission, e->port);
	e->is_not_told = true;
}

/* ---- one output ----------------------------------------------------------------------------------- */

static void send_copy(struct of_emitter *e)
{
	const struct xvs_host *host = e->pipeline->host;
	bool to_controller = e->output.dest == XVS_DEST_NONE;
	struct xvs_packet *copy;

	if (e->is_dry)
		return;
	if (to_controller && !is_changed(e)) {
		post(e, e->packet);
		return;
	}
	copy = host->clone(host, e->packet);
	if (!copy)
		return;
	if (!write_image(e, copy)) {
		host->release(host, copy, OF_REASON_FAILED);
		return;
	}
	copy->queue = (uint16_t)e->output.queue;
	if (to_controller) {
		post(e, copy);
		host->release(host, copy, XVS_REASON_CONSUMED);
	} else {
		(void)host->deliver(host, copy, of_destination(e->pipeline, e->output.dest));
	}
}

void of_emit_flush(struct of_emitter *e)
{
	if (e->is_dry)
		of_dry_flush(e);
	if (!e->is_waiting)
		return;
	e->is_waiting = false;
	send_copy(e);
}

void of_emit_output(struct of_emitter *e, const struct of_output *o, const struct of_image *image)
{
	of_emit_flush(e);
	e->has_sent = true;
	e->output = *o;
	e->image = *image;
	add_remark(e);
	e->is_waiting = true;
}

/* ---- the end -------------------------------------------------------------------------------------- */

static void end_own(struct of_emitter *e, bool is_written)
{
	const struct xvs_host *host = e->pipeline->host;

	if (is_written && e->is_waiting && e->output.dest != XVS_DEST_NONE) {
		e->packet->queue = (uint16_t)e->output.queue;
		(void)host->deliver(host, e->packet, of_destination(e->pipeline, e->output.dest));
		return;
	}
	host->release(host, e->packet, is_written ? XVS_REASON_CONSUMED : OF_REASON_FAILED);
}

static void end_in_batch(struct of_emitter *e, bool is_written)
{
	struct xvs_batch *b = e->batch;

	if (!is_written) {
		xvs_drop(b, e->index, OF_REASON_FAILED);
	} else if (!e->is_waiting) {
		xvs_drop(b, e->index,
			 e->has_sent ? XVS_REASON_CONSUMED
			 : e->reason ? e->reason
				     : OF_REASON_NO_OUTPUT);
	} else if (e->output.dest == XVS_DEST_NONE) {
		xvs_drop(b, e->index, e->is_not_told ? OF_REASON_NOT_TOLD : XVS_REASON_CONSUMED);
	} else {
		b->dest[e->index] = of_destination(e->pipeline, e->output.dest);
		e->packet->queue = (uint16_t)e->output.queue;
	}
}

void of_emit_end(struct of_emitter *e)
{
	bool is_written = !e->is_waiting || write_image(e, e->packet);

	if (e->is_dry)
		of_dry_end(e);
	if (is_written && e->is_waiting && e->output.dest == XVS_DEST_NONE)
		post(e, e->packet);
	if (e->batch && !e->depth)
		end_in_batch(e, is_written);
	else
		end_own(e, is_written);
	e->is_waiting = false;
}

bool of_emit_fork(struct of_emitter *e)
{
	const struct xvs_host *host = e->pipeline->host;
	struct xvs_packet *copy;

	of_emit_flush(e);
	if (e->is_dry)
		return of_dry_fork(e);
	if (e->depth == OF_DEPTH_MAX)
		return false;
	copy = host->clone(host, e->packet);
	if (!copy)
		return false;
	e->parents[e->depth++] = e->packet;
	e->packet = copy;
	return true;
}

void of_emit_join(struct of_emitter *e)
{
	if (e->is_dry) {
		of_dry_join(e);
		return;
	}
	of_emit_end(e);
	e->packet = e->parents[--e->depth];
}
