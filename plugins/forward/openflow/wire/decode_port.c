/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/decode_port.c - ports and tables as they are to be, and packets to be sent.
 */
#include "wire/decode.h"
#include "wire/oxm.h"

enum {
	PORT_CONFIG10 = OF_PC_DOWN | OF_PC_NO_STP | OF_PC_NO_RECV | OF_PC_NO_RECV_STP |
			OF_PC_NO_FLOOD | OF_PC_NO_FWD | OF_PC_NO_PACKET_IN,
	PORT_CONFIG = OF_PC_DOWN | OF_PC_NO_RECV | OF_PC_NO_FWD | OF_PC_NO_PACKET_IN,
	ADVERTISE10 = (1 << 12) - 1,
	ADVERTISE = (1 << 16) - 1,
	SPEEDS10 = (1 << 7) - 1, /* the lower features are the same everywhere */
};

static bool is_one_port(uint32_t port)
{
	return port && (port <= OF_PORT_MAX || port == OF_PORT_LOCAL);
}

static of_fault check_port(const struct of_port_mod *port, uint32_t config, uint32_t advertise)
{
	if (!is_one_port(port->port))
		return OF_PORT_MOD_PORT;
	if ((port->config | port->mask) & ~config)
		return OF_PORT_MOD_CONFIG;
	return port->advertise & ~advertise ? OF_PORT_MOD_ADVERTISE : OF_OK;
}

of_fault of_decode_port10(struct of_decoder *d, struct of_message *out)
{
	struct of_port_mod *port = &out->port;
	of_fault fault;

	port->port = of_port_from16(of_get16(&d->r));
	of_copy(&d->r, port->hw_addr, 6);
	port->config = of_get32(&d->r);
	port->mask = of_get32(&d->r);
	port->advertise = of_get32(&d->r);
	port->config &= PORT_CONFIG10; /* 1.0 has no fault for the others */
	port->mask &= PORT_CONFIG10;
	port->advertise &= ADVERTISE10;
	fault = check_port(port, PORT_CONFIG10, ADVERTISE10);
	/* COPPER to PAUSE_ASYM are four bits higher since there are faster ports */
	port->advertise = (port->advertise & SPEEDS10) | (port->advertise & ~(uint32_t)SPEEDS10)
								 << 4;
	return fault;
}

static of_fault read_port_properties(struct of_reader *r, struct of_port_mod *port)
{
	bool has_ethernet = false;

	while (r->left) {
		struct of_property p;
		of_fault fault = of_property_read(r, &p);

		if (fault)
			return fault;
		if (p.type != OFPPMPT_ETHERNET)
			return p.type == OFP_PROPERTY_EXPERIMENTER ? OF_BAD_PROPERTY_EXPERIMENTER
								   : OF_BAD_PROPERTY_TYPE;
		if (p.body.left != 4)
			return OF_BAD_PROPERTY_LEN;
		if (has_ethernet)
			return OF_BAD_PROPERTY_DUPLICATE;
		has_ethernet = true;
		port->advertise = of_get32(&p.body);
	}
	return OF_OK;
}

of_fault of_decode_port(struct of_decoder *d, struct of_message *out)
{
	struct of_port_mod *port = &out->port;
	of_fault fault = OF_OK;

	port->port = of_get32(&d->r);
	of_skip(&d->r, 4);
	of_copy(&d->r, port->hw_addr, 6);
	of_skip(&d->r, 2);
	port->config = of_get32(&d->r);
	port->mask = of_get32(&d->r);
	if (d->version >= OF_V14)
		fault = read_port_properties(&d->r, port);
	else
		port->advertise = of_get32(&d->r);
	return fault ? fault : check_port(port, PORT_CONFIG, ADVERTISE);
}

/* ---- tables ------------------------------------------------------------------------------------ */

enum { TABLE_DEPRECATED = 3, EVICTION_FLAGS = 7, PERCENT = 100 };

static of_fault read_eviction(struct of_reader *r, struct of_table_mod *table)
{
	if (table->has_eviction)
		return OF_BAD_PROPERTY_DUPLICATE;
	table->has_eviction = true;
	table->eviction_flags = of_get32(r);
	return table->eviction_flags & ~(uint32_t)EVICTION_FLAGS ? OF_BAD_PROPERTY_VALUE : OF_OK;
}

static of_fault read_vacancy(struct of_reader *r, struct of_table_mod *table)
{
	if (table->has_vacancy)
		return OF_BAD_PROPERTY_DUPLICATE;
	table->has_vacancy = true;
	table->vacancy_down = of_get8(r);
	table->vacancy_up = of_get8(r);
	if (table->vacancy_down > table->vacancy_up || table->vacancy_up > PERCENT)
		return OF_BAD_PROPERTY_VALUE;
	return OF_OK;
}

static of_fault read_table_properties(struct of_reader *r, struct of_table_mod *table)
{
	while (r->left) {
		struct of_property p;
		of_fault fault = of_property_read(r, &p);

		if (fault)
			return fault;
		if (p.type == OFP_PROPERTY_EXPERIMENTER)
			return OF_BAD_PROPERTY_EXPERIMENTER;
		if (p.type != OFPTMPT_EVICTION && p.type != OFPTMPT_VACANCY)
			return OF_BAD_PROPERTY_TYPE;
		if (p.body.left != 4)
			return OF_BAD_PROPERTY_LEN;
		fault = p.type == OFPTMPT_EVICTION ? read_eviction(&p.body, table)
						   : read_vacancy(&p.body, table);
		if (fault)
			return fault;
	}
	return OF_OK;
}

of_fault of_decode_table(struct of_decoder *d, struct of_message *out)
{
	struct of_table_mod *table = &out->table;
	uint32_t known = TABLE_DEPRECATED;

	table->table = of_get8(&d->r);
	of_skip(&d->r, 3);
	table->config = of_get32(&d->r);
	table->says_nothing = d->version < OF_V14;
	if (d->version >= OF_V14)
		known |= OF_TABLE_EVICTION | OF_TABLE_VACANCY;
	if (table->table == OF_TABLES)
		return OF_TABLE_MOD_TABLE;
	if (table->config & ~known)
		return OF_TABLE_MOD_CONFIG;
	table->config &= ~(uint32_t)TABLE_DEPRECATED;
	return d->version >= OF_V14 ? read_table_properties(&d->r, table) : OF_OK;
}

/* ---- packets to be sent ------------------------------------------------------------------------ */

static of_fault read_packet(struct of_decoder *d, uint32_t actions_len, struct of_packet_out *out)
{
	struct of_action_source actions = of_decoder_actions(d);
	of_fault fault;

	actions.is_packet_out = true;
	if (actions_len > d->r.left)
		return OF_BAD_REQUEST_LEN;
	fault = of_actions_read(&actions, &d->r, actions_len, &out->actions);
	if (out->buffer_id == OF_NO_BUFFER)
		out->packet = (struct of_bytes){ d->r.at, d->r.left };
	return fault;
}

of_fault of_decode_packet_out10(struct of_decoder *d, struct of_message *out)
{
	struct of_packet_out *po = &out->packet_out;

	po->buffer_id = of_get32(&d->r);
	po->in_port = of_port_from16(of_get16(&d->r));
	if (!po->in_port) /* controllers of that time say it for none */
		po->in_port = OF_PORT_ANY;
	return read_packet(d, of_get16(&d->r), po);
}

of_fault of_decode_packet_out(struct of_decoder *d, struct of_message *out)
{
	struct of_packet_out *po = &out->packet_out;
	uint32_t len;

	po->buffer_id = of_get32(&d->r);
	po->in_port = of_get32(&d->r);
	len = of_get16(&d->r);
	of_skip(&d->r, 6);
	if (!is_one_port(po->in_port) && po->in_port != OF_PORT_CONTROLLER &&
	    po->in_port != OF_PORT_ANY)
		return OF_BAD_REQUEST_PORT;
	return read_packet(d, len, po);
}
