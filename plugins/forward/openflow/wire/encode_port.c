/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/encode_port.c - ports, queues, and the switch as 1.0 tells it: with its ports.
 */
#include "wire/oxm.h"
#include "wire/reply.h"

enum {
	PORT10_BYTES = 48,
	FEATURES10_BYTES = 32,
	SPEEDS10 = (1 << 7) - 1,
	HIGH10 = (1 << 12) - (1 << 7), /* COPPER to PAUSE_ASYM, four bits lower than later */
	CONFIG = OF_PC_DOWN | OF_PC_NO_RECV | OF_PC_NO_FWD | OF_PC_NO_PACKET_IN,
	STATE = OF_PS_LINK_DOWN | OF_PS_BLOCKED | OF_PS_LIVE,
	CAPABILITIES10 = OF_CAP_FLOW_STATS | OF_CAP_TABLE_STATS | OF_CAP_PORT_STATS |
			 OF_CAP_IP_REASM | OF_CAP_QUEUE_STATS,
	ARP_MATCH_IP10 = 1 << 7, /* addresses of ARP are matched: 1.0, 5.3.1 */
	ACTIONS10 = (1 << 12) - 1,
};

static uint32_t features10(uint32_t features)
{
	return (features & SPEEDS10) | (features >> 4 & HIGH10);
}

static void put_port10(struct of_writer *w, const struct of_port_view *v)
{
	of_put16(w, of_port_to16(v->number));
	of_put(w, v->hw_addr, 6);
	of_put_name(w, v->name, 16);
	of_put32(w, v->config);
	of_put32(w, v->state & OF_PS_LINK_DOWN);
	of_put32(w, features10(v->current));
	of_put32(w, features10(v->advertised));
	of_put32(w, features10(v->supported));
	of_put32(w, features10(v->peer));
}

static void put_ethernet(struct of_writer *w, const struct of_port_view *v)
{
	of_put32(w, v->current);
	of_put32(w, v->advertised);
	of_put32(w, v->supported);
	of_put32(w, v->peer);
	of_put32(w, v->speed_kbps);
	of_put32(w, v->max_speed_kbps);
}

void of_port_put(struct of_writer *w, uint8_t version, const struct of_port_view *v)
{
	if (version == OF_V10) {
		put_port10(w, v);
		return;
	}
	of_put32(w, v->number);
	of_put16(w, version >= OF_V14 ? 72 : 0); /* with its property */
	of_put_zeros(w, 2);
	of_put(w, v->hw_addr, 6);
	of_put_zeros(w, 2);
	of_put_name(w, v->name, 16);
	of_put32(w, v->config & CONFIG);
	of_put32(w, v->state & STATE);
	if (version >= OF_V14) {
		of_put16(w, OFPPDPT_ETHERNET);
		of_put16(w, 32);
		of_put_zeros(w, 4);
	}
	put_ethernet(w, v);
}

static void put_features10(struct of_writer *w, const struct of_features_view *v)
{
	uint32_t most = (OFP_MESSAGE_MAX - FEATURES10_BYTES) / PORT10_BYTES;

	of_put_zeros(w, 3);
	of_put32(w, (v->capabilities & CAPABILITIES10) | ARP_MATCH_IP10);
	of_put32(w, ACTIONS10);
	for (uint32_t i = 0; i < v->port_count && i < most; i++)
		put_port10(w, &v->ports[i]);
}

void of_put_features(const struct of_to *to, const struct of_features_view *v)
{
	struct of_writer *w = to->writer;
	uint32_t at = of_begin(w, to->version, OFPT_FEATURES_REPLY, to->xid);

	of_put64(w, v->datapath_id);
	of_put32(w, v->buffers);
	of_put8(w, v->tables);
	if (to->version == OF_V10) {
		put_features10(w, v);
	} else {
		of_put8(w, v->auxiliary_id);
		of_put_zeros(w, 2);
		of_put32(w, v->capabilities);
		of_put32(w, 0);
	}
	of_end(w, at);
}

void of_put_port_status(const struct of_to *to, const struct of_port_view *v, uint8_t reason)
{
	struct of_writer *w = to->writer;
	uint32_t at = of_begin(w, to->version, OFPT_PORT_STATUS, to->xid);

	of_put8(w, reason);
	of_put_zeros(w, 7);
	of_port_put(w, to->version, v);
	of_end(w, at);
}

void of_reply_port(struct of_reply *r, const struct of_port_view *v)
{
	uint32_t at = of_entry_begin(r);

	of_port_put(r->to.writer, r->to.version, v);
	of_entry_end(r, at);
}

/* ---- counters ---------------------------------------------------------------------------------- */

static void put_traffic(struct of_writer *w, const struct of_port_counts_view *v)
{
	of_put64(w, v->rx_packets);
	of_put64(w, v->tx_packets);
	of_put64(w, v->rx_bytes);
	of_put64(w, v->tx_bytes);
	of_put64(w, v->rx_dropped);
	of_put64(w, v->tx_dropped);
	of_put64(w, v->rx_errors);
	of_put64(w, v->tx_errors);
}

static void put_line_errors(struct of_writer *w, const struct of_port_counts_view *v)
{
	of_put64(w, v->rx_frame_err);
	of_put64(w, v->rx_over_err);
	of_put64(w, v->rx_crc_err);
	of_put64(w, v->collisions);
}

static void put_age(struct of_writer *w, const struct of_age *age)
{
	of_put32(w, age->s);
	of_put32(w, age->ns);
}

/* 1.4, 7.3.5.6: the errors of a line are a property. */
static void put_counts14(struct of_writer *w, const struct of_port_counts_view *v)
{
	of_put16(w, 120);
	of_put_zeros(w, 2);
	of_put32(w, v->port);
	put_age(w, &v->age);
	put_traffic(w, v);
	of_put16(w, OFPPSPT_ETHERNET);
	of_put16(w, 40);
	of_put_zeros(w, 4);
	put_line_errors(w, v);
}

void of_reply_port_counts(struct of_reply *r, const struct of_port_counts_view *v)
{
	struct of_writer *w = r->to.writer;
	uint32_t at = of_entry_begin(r);

	if (r->to.version >= OF_V14) {
		put_counts14(w, v);
	} else {
		if (r->to.version == OF_V10) {
			of_put16(w, of_port_to16(v->port));
			of_put_zeros(w, 6);
		} else {
			of_put32(w, v->port);
			of_put_zeros(w, 4);
		}
		put_traffic(w, v);
		put_line_errors(w, v);
		if (r->to.version != OF_V10)
			put_age(w, &v->age);
	}
	of_entry_end(r, at);
}

/* ---- queues ------------------------------------------------------------------------------------ */

void of_reply_queue(struct of_reply *r, const struct of_queue_view *v)
{
	struct of_writer *w = r->to.writer;
	uint32_t at = of_entry_begin(r);

	if (r->to.version >= OF_V14) {
		of_put16(w, 48);
		of_put_zeros(w, 6);
	}
	if (r->to.version == OF_V10) {
		of_put16(w, of_port_to16(v->port));
		of_put_zeros(w, 2);
	} else {
		of_put32(w, v->port);
	}
	of_put32(w, v->queue);
	of_put64(w, v->tx_bytes);
	of_put64(w, v->tx_packets);
	of_put64(w, v->tx_errors);
	if (r->to.version != OF_V10)
		put_age(w, &v->age);
	of_entry_end(r, at);
}

/* A rate as a property: 16 bytes before 1.4, 8 since. */
static void put_rate(struct of_writer *w, uint8_t version, uint16_t type, uint16_t rate)
{
	bool is_short = version >= OF_V14;

	if (rate == UINT16_MAX)
		return;
	of_put16(w, type);
	of_put16(w, is_short ? 8 : 16);
	if (!is_short)
		of_put_zeros(w, 4);
	of_put16(w, rate);
	of_put_zeros(w, is_short ? 2 : 6);
}

enum { QUEUE_BYTES = 48 }; /* at most, with both rates */

/* The queue of 1.0 and 1.3 has its length behind its numbers, and so has that of 1.4. */
static void put_queue(struct of_writer *w, uint8_t version, const struct of_queue_view *v)
{
	uint32_t at = w->len;
	uint32_t length_at;

	if (version >= OF_V14)
		of_put32(w, v->port);
	of_put32(w, v->queue);
	if (version == OF_V13)
		of_put32(w, v->port);
	length_at = w->len;
	of_put_zeros(w, version == OF_V10 ? 4 : 8);
	put_rate(w, version, OFPQT_MIN_RATE, v->min_rate);
	if (version != OF_V10)
		put_rate(w, version, OFPQT_MAX_RATE, v->max_rate);
	of_patch16(w, length_at, (uint16_t)(w->len - at));
}

void of_reply_queue_desc(struct of_reply *r, const struct of_queue_view *v)
{
	uint32_t at = of_entry_begin(r);

	put_queue(r->to.writer, OF_V14, v);
	of_entry_end(r, at);
}

void of_put_queue_config(const struct of_to *to, uint32_t port, const struct of_queue_view *queues,
			 uint32_t count)
{
	struct of_writer *w = to->writer;
	bool is_v10 = to->version == OF_V10;
	uint32_t at;

	if (to->version >= OF_V14)
		return;
	at = of_begin(w, to->version,
		      is_v10 ? (uint8_t)OFPT10_QUEUE_GET_CONFIG_REPLY
			     : (uint8_t)OFPT_QUEUE_GET_CONFIG_REPLY,
		      to->xid);
	if (is_v10)
		of_put16(w, of_port_to16(port));
	else
		of_put32(w, port);
	of_put_zeros(w, is_v10 ? 6 : 4);
	for (uint32_t i = 0; i < count && w->len - at <= OFP_MESSAGE_MAX - QUEUE_BYTES; i++)
		put_queue(w, to->version, &queues[i]);
	of_end(w, at);
}
