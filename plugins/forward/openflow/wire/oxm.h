/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/oxm.h - fields as the extensible match writes them: a header of class, number and length, then
 * value and mask.  1.3, 7.2.3.2.
 *
 * Classes: 0x8000 of OpenFlow itself, 0x0000 and 0x0001 of Nicira, 0xffff of the ONF (TCP_FLAGS and
 * ACTSET_OUTPUT before 1.5).
 */
#ifndef OPENFLOW_WIRE_OXM_H
#define OPENFLOW_WIRE_OXM_H

#include "model/match.h"
#include "wire/reader.h"
#include "wire/writer.h"

/* How a field of Nicira's classes differs from that of the model. */
enum of_oxm_form {
	OF_OXM_SAME,
	OF_OXM_PORT16, /* a port of 1.0 */
	OF_OXM_TOS,    /* the upper 6 of 8 bits */
	OF_OXM_TCI,    /* a VLAN tag with its priority */
};

/* One field read. */
struct of_oxm {
	uint8_t id;   /* enum of_field_id; TCI: OF_VLAN_VID */
	uint8_t form; /* enum of_oxm_form */
	uint8_t bytes;
	bool has_mask;
	uint8_t value[16]; /* as on the wire */
	uint8_t mask[16];
};

/*
 * [any] Reads a header alone, as table features and REG_MOVE have it: no value is read.  Faults:
 * OF_BAD_MATCH_FIELD: we do not have it; OF_BAD_MATCH_LEN: its length is another (0 is what some
 * controllers say where no value follows).
 */
of_fault of_oxm_read_header(struct of_reader *r, uint8_t version, struct of_oxm *out);

/* [any] Reads header, value and mask; the same faults. */
of_fault of_oxm_read(struct of_reader *r, uint8_t version, struct of_oxm *out);

/* [any] Adds it to a match, in the form of the model. */
of_fault of_oxm_match(struct of_match *m, const struct of_oxm *oxm);

/*
 * [any] Writes the header of a field, for values alone or with masks: of the version, or of who has
 * it as an extension.
 */
void of_oxm_put_header(struct of_writer *w, uint8_t version, uint32_t id, bool has_mask);

/* [any] The header that actions of Nicira's extension name the field by. */
void of_oxm_put_nxm_header(struct of_writer *w, uint32_t id);

/* ---- matches as a whole ------------------------------------------------------------------------ */

/* [any] Reads a match with its header and the zeros behind it. */
of_fault of_match_read(struct of_reader *r, uint8_t version, struct of_match *out);

/* [any] The match of 1.0, of which what has no meaning is left out. */
of_fault of_match10_read(struct of_reader *r, struct of_match *out);

/* [any] Writes what the version can say of a match. */
void of_match_put(struct of_writer *w, uint8_t version, const struct of_match *m);
void of_match10_put(struct of_writer *w, const struct of_match *m);

/* [any] Ports of 1.0 have 16 bits. */
static inline uint32_t of_port_from16(uint16_t port)
{
	return port >= 0xff00u ? 0xffff0000u | port : port;
}

/* [any] What does not fit is 0xffff: none. */
static inline uint16_t of_port_to16(uint32_t port)
{
	return port < 0xff00u || port >= 0xffffff00u ? (uint16_t)port : 0xffffu;
}

#endif /* OPENFLOW_WIRE_OXM_H */
