/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/encode_reply.c - answers of several messages; what they tell of flows and tables.
 */
#include "wire/action.h"
#include "wire/oxm.h"
#include "wire/reply.h"

static uint32_t head_bytes(const struct of_reply *r)
{
	return r->to.version == OF_V10 ? OFP_HEADER + OFP10_STATS : OFP_HEADER + OFP_MULTIPART;
}

static void open_message(struct of_reply *r)
{
	bool is_v10 = r->to.version == OF_V10;

	r->at = of_begin(r->to.writer, r->to.version,
			 is_v10 ? (uint8_t)OFPT10_STATS_REPLY : (uint8_t)OFPT_MULTIPART_REPLY,
			 r->to.xid);
	of_put16(r->to.writer, r->type);
	of_put16(r->to.writer, 0);
	if (!is_v10)
		of_put_zeros(r->to.writer, 4);
	r->is_open = true;
}

static void set_more(struct of_reply *r)
{
	of_patch16(r->to.writer, r->at + OFP_HEADER + 2, OFPMPF_MORE);
}

void of_reply_begin(struct of_reply *r, const struct of_to *to, uint16_t type)
{
	*r = (struct of_reply){ .to = *to, .type = type };
}

void of_reply_flush(struct of_reply *r)
{
	if (!r->is_open)
		return;
	set_more(r);
	of_end(r->to.writer, r->at);
	r->is_open = false;
}

void of_reply_end(struct of_reply *r)
{
	if (!r->is_open)
		open_message(r);
	of_end(r->to.writer, r->at);
	r->is_open = false;
}

uint32_t of_entry_begin(struct of_reply *r)
{
	if (!r->is_open)
		open_message(r);
	return r->to.writer->len;
}

/*
 *	| header | entries | entry too much |   becomes
 *	| header MORE | entries | header | entry |
 */
static void split(struct of_reply *r, uint32_t at)
{
	struct of_writer *w = r->to.writer;
	uint32_t head = head_bytes(r);
	uint32_t len = w->len - at;
	uint16_t before = (uint16_t)(at - r->at);

	of_put_zeros(w, head);
	if (w->is_failed)
		return;
	memmove(w->bytes + at + head, w->bytes + at, len);
	memcpy(w->bytes + at, w->bytes + r->at, head);
	set_more(r);
	of_patch16(w, r->at + 2, before);
	r->at = at;
}

void of_entry_end(struct of_reply *r, uint32_t at)
{
	struct of_writer *w = r->to.writer;

	if (!w->is_failed && w->len - r->at > OFP_MESSAGE_MAX && at > r->at + head_bytes(r))
		split(r, at);
}

void of_entry_end_sized(struct of_reply *r, uint32_t at)
{
	of_patch16(r->to.writer, at, (uint16_t)(r->to.writer->len - at));
	of_entry_end(r, at);
}

/* ---- the switch -------------------------------------------------------------------------------- */

void of_reply_desc(struct of_reply *r, const struct of_desc_view *v)
{
	struct of_writer *w = r->to.writer;
	uint32_t at = of_entry_begin(r);

	of_put_name(w, v->manufacturer, 256);
	of_put_name(w, v->hardware, 256);
	of_put_name(w, v->software, 256);
	of_put_name(w, v->serial, 32);
	of_put_name(w, v->datapath, 256);
	of_entry_end(r, at);
}

/* ---- flows ------------------------------------------------------------------------------------- */

static void put_flow10(struct of_writer *w, const struct of_flow_view *v)
{
	of_put16(w, 0);
	of_put8(w, v->table);
	of_put8(w, 0);
	of_match10_put(w, v->match);
	of_put32(w, v->age.s);
	of_put32(w, v->age.ns);
	of_put16(w, v->priority);
	of_put16(w, v->idle_timeout);
	of_put16(w, v->hard_timeout);
	of_put_zeros(w, 6);
	of_put64(w, v->cookie);
	of_put64(w, v->counts.packets);
	of_put64(w, v->counts.bytes);
	of_actions_put(w, OF_V10, &v->instructions->apply);
}

static void put_flow(struct of_writer *w, uint8_t version, const struct of_flow_view *v)
{
	of_put16(w, 0);
	of_put8(w, v->table);
	of_put8(w, 0);
	of_put32(w, v->age.s);
	of_put32(w, v->age.ns);
	of_put16(w, v->priority);
	of_put16(w, v->idle_timeout);
	of_put16(w, v->hard_timeout);
	of_put16(w, v->flags);
	of_put16(w, version >= OF_V14 ? v->importance : 0);
	of_put_zeros(w, 2);
	of_put64(w, v->cookie);
	of_put64(w, v->counts.packets);
	of_put64(w, v->counts.bytes);
	of_match_put(w, version, v->match);
	of_instructions_put(w, version, v->instructions);
}

void of_reply_flow(struct of_reply *r, const struct of_flow_view *v)
{
	uint32_t at = of_entry_begin(r);

	if (r->to.version == OF_V10)
		put_flow10(r->to.writer, v);
	else
		put_flow(r->to.writer, r->to.version, v);
	of_entry_end_sized(r, at);
}

void of_reply_aggregate(struct of_reply *r, const struct of_aggregate_view *v)
{
	struct of_writer *w = r->to.writer;
	uint32_t at = of_entry_begin(r);

	of_put64(w, v->counts.packets);
	of_put64(w, v->counts.bytes);
	of_put32(w, v->flows);
	of_put_zeros(w, 4);
	of_entry_end(r, at);
}

/* ---- tables ------------------------------------------------------------------------------------ */

void of_reply_table(struct of_reply *r, const struct of_table_view *v)
{
	struct of_writer *w = r->to.writer;
	uint32_t at = of_entry_begin(r);

	of_put8(w, v->table);
	of_put_zeros(w, 3);
	if (r->to.version == OF_V10) {
		of_put_name(w, v->name, 32);
		of_put32(w, OFPFW10_ALL);
		of_put32(w, v->max_entries);
	}
	of_put32(w, v->active);
	of_put64(w, v->lookups);
	of_put64(w, v->matched);
	of_entry_end(r, at);
}

/* 1.4, 7.3.5.18 */
static void put_table_desc(struct of_writer *w, const struct of_table_view *v)
{
	uint32_t at = w->len;

	of_put16(w, 0);
	of_put8(w, v->table);
	of_put8(w, 0);
	of_put32(w, v->config);
	of_put16(w, OFPTMPT_EVICTION);
	of_put16(w, 8);
	of_put32(w, v->eviction_flags);
	of_put16(w, OFPTMPT_VACANCY);
	of_put16(w, 8);
	of_put8(w, v->vacancy_down);
	of_put8(w, v->vacancy_up);
	of_put8(w, v->vacancy);
	of_put8(w, 0);
	of_patch16(w, at, (uint16_t)(w->len - at));
}

void of_reply_table_desc(struct of_reply *r, const struct of_table_view *v)
{
	uint32_t at = of_entry_begin(r);

	put_table_desc(r->to.writer, v);
	of_entry_end(r, at);
}

void of_put_table_status(const struct of_to *to, const struct of_table_view *v, uint8_t reason)
{
	struct of_writer *w = to->writer;
	uint32_t at;

	if (to->version < OF_V14)
		return;
	at = of_begin(w, to->version, OFPT_TABLE_STATUS, to->xid);
	of_put8(w, reason);
	of_put_zeros(w, 7);
	put_table_desc(w, v);
	of_end(w, at);
}
