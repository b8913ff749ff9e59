/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/wire.h - frames between two hosts (api/migration.md, section 2): written, and read from bytes
 * that nobody has checked yet.  [any]
 */
#ifndef XVS_STATE_WIRE_H
#define XVS_STATE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
	WIRE_HEAD = 64,
	WIRE_VERSION = 1,
	WIRE_ID = 16,
	WIRE_PIECE = 1 << 20,   /* bytes of one state frame */
	WIRE_RECORD = 64 << 20, /* of one record */
	WIRE_OWNER = 132,       /* with NUL */
};

enum wire_type {
	WIRE_HELLO = 1,
	WIRE_ADMIT = 2,
	WIRE_ADMITTED = 3,
	WIRE_REFUSED = 4,
	WIRE_PREPARE = 5,
	WIRE_PREPARED = 6,
	WIRE_STATE = 7,
	WIRE_ROUND = 8,
	WIRE_TAKEN = 9,
	WIRE_READY = 10,
	WIRE_COMMIT = 11,
	WIRE_OPENED = 12,
	WIRE_DONE = 13,
	WIRE_ABORT = 14,
	WIRE_ABORTED = 15,
	WIRE_FRAME = 16,
	WIRE_PING = 17,
	WIRE_PONG = 18,
	WIRE_TYPES = 19,
};

enum wire_flag { WIRE_CRITICAL = 1, WIRE_FIRST = 2, WIRE_LAST = 4 };

struct wire_head {
	uint16_t type; /* enum wire_type, or one that we do not know */
	uint16_t flags;
	uint32_t len; /* of the body */
	uint64_t sequence;
	uint64_t epoch;
	uint8_t move[WIRE_ID];
	uint8_t port[WIRE_ID];
};

const char *wire_type_name(uint16_t type);
/* The longest body of a type; of one that we do not know WIRE_PIECE. */
uint32_t wire_body_max(uint16_t type);

/* With the sum of head and body. */
void wire_head_write(const struct wire_head *h, const void *body, uint8_t out[WIRE_HEAD]);

/* ---- reading ------------------------------------------------------------------------------------- */

/* One direction of one connection. */
struct wire_reader {
	uint8_t *bytes; /* of the frame that is not whole yet */
	size_t len, room;
	uint64_t sequence; /* of the last */
};

/*
 * Each whole frame in its order to got(), whose body is borrowed.  got() returns false: no more, of
 * which the reader may be finished by then.  -EPROTO with the reason, -ENOMEM: no more may follow.
 */
int wire_read(struct wire_reader *r, const uint8_t *bytes, size_t len,
	      bool (*got)(void *arg, const struct wire_head *h, const uint8_t *body), void *arg,
	      struct xvs_error *err);
void wire_reader_finish(struct wire_reader *r);

/* ---- bodies -------------------------------------------------------------------------------------- */

struct wire_hello {
	uint16_t lowest, highest;
	char daemon[64];
};
enum { WIRE_HELLO_MAX = 256, WIRE_ROUND_BYTES = 24 };
size_t wire_hello_write(const struct wire_hello *h, uint8_t out[WIRE_HELLO_MAX]);
bool wire_hello_read(const uint8_t *body, size_t len, struct wire_hello *out);
/* The version that both speak; 0: none. */
uint16_t wire_version(const struct wire_hello *theirs);

struct wire_round {
	uint32_t number;
	bool is_last;
	uint64_t records, bytes; /* of the whole move so far */
};
void wire_round_write(const struct wire_round *r, uint8_t out[WIRE_ROUND_BYTES]);
bool wire_round_read(const uint8_t *body, size_t len, struct wire_round *out);

/* The beginning of a record; its bytes follow at *at. */
struct wire_record {
	char owner[WIRE_OWNER];
	uint32_t format;
};
enum { WIRE_RECORD_HEAD_MAX = 8 + WIRE_OWNER };
size_t wire_record_write(const struct wire_record *r, uint8_t out[WIRE_RECORD_HEAD_MAX]);
bool wire_record_read(const uint8_t *body, size_t len, struct wire_record *out, size_t *at);

#endif /* XVS_STATE_WIRE_H */
