/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/entry.h - an entry of a record of connections, on the wire.  For this folder.
 *
 *   every entry   u8 kind, u8 0, u16 len of all of it
 *   key           u32 segment, 16 inside, 16 outside, 2+2 ports in network order, u8 proto, u8 asker,
 *                 u8 inbound, u8 state
 *   ENTRY_OPEN    key; u8 tcp_bits, u8 0, u16 log, u32 mark, u32 idle_ms, u32 report_ms, u64 age_ns,
 *                 4 x u64 slots; 2 x half
 *   half          u64 packets, u64 bytes, u32 end, edge, window, ack, ago_ms, flags, first, fin_end, later,
 *                 later_end
 *   ENTRY_END     key
 *   ENTRY_DENIAL  key; u16 action, u16 reason, u32 left_ms, u64 id, text denier
 *
 * Numbers are little-endian.  An entry of a kind above ENTRY_OPTIONAL may be passed over by who does not
 * know it; one may grow at its end.
 */
#ifndef XVS_CONN_ENTRY_H
#define XVS_CONN_ENTRY_H

#include "base/record.h"
#include "conn/denied.h"
#include "conn/move.h"

enum { ENTRY_OPEN = 1, ENTRY_END = 2, ENTRY_DENIAL = 3, ENTRY_OPTIONAL = 128 };

/* half.flags on the wire: as HALF_* of table.h, but for by how much windows are shifted. */
enum { ENTRY_SHIFT_AT = 16 };

enum {
	ENTRY_HEADER_BYTES = 4,
	ENTRY_KEY_BYTES = 44,
	ENTRY_HALF_BYTES = 56,
	ENTRY_OPEN_BYTES =
		ENTRY_HEADER_BYTES + ENTRY_KEY_BYTES + 28 + 8 * CONN_SLOTS + 2 * ENTRY_HALF_BYTES,
	ENTRY_END_BYTES = ENTRY_HEADER_BYTES + ENTRY_KEY_BYTES,
	ENTRY_DENIAL_MAX = ENTRY_HEADER_BYTES + ENTRY_KEY_BYTES + 16 + 1 + CONN_DENIER_SIZE,
};

/* A connection between two tables. */
struct entry_open {
	struct conn_key key; /* its port is not of the entry */
	uint8_t inbound, state, tcp_bits;
	uint16_t log;
	uint32_t mark, idle_ms, report_ms;
	uint64_t age_ns;
	uint64_t slots[CONN_SLOTS];
	struct entry_half {
		uint64_t packets, bytes;
		uint32_t end, edge, window, ack;
		uint32_t ago_ms; /* its last packet */
		uint32_t flags, first, fin_end, later, later_end;
	} halves[2];
};

struct entry_denial {
	struct conn_key key;
	uint8_t inbound;
	uint16_t action, reason;
	uint32_t left_ms;
	uint64_t id;
	char denier[CONN_DENIER_SIZE];
};

/* [control] The connection's bit is held. */
void entry_read(struct conn *c, uint64_t now_ns, uint32_t slots, struct entry_open *out);

/* [any] There is room for it. */
void entry_put_open(struct writer *w, const struct entry_open *e);
void entry_put_end(struct writer *w, const struct conn_key *key);
void entry_put_denial(struct writer *w, const struct entry_denial *e);

/* One entry that was looked at: all that is said of it can be true. */
struct entry {
	uint8_t kind;
	union {
		struct entry_open open; /* of ENTRY_END: its key alone */
		struct entry_denial denial;
	};
};

/* [any] The next one; false: *why says what is wrong with it. */
bool entry_next(struct cursor *c, struct entry *out, const char **why);

#endif /* XVS_CONN_ENTRY_H */
