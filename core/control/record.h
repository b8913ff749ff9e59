/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/record.h - records of the journal: bytes that are whole, or known not to be.
 *
 *   0 "XVSJ" | 4 kind | 8 sequence | 16 length | 20 zero | 24 sum of the header | 32 sum | 64 bytes
 *
 * Numbers are little-endian.  The sum of the header is the first 8 bytes of the SHA-256 of what is
 * before it; the sum is the SHA-256 of the 32 bytes before it and of the bytes after it.  Kinds
 * hold text (JSON), in which no NUL is, so no record can lie within another.
 */
#ifndef XVS_CONTROL_RECORD_H
#define XVS_CONTROL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum record_kind {
	RECORD_STATE =
		1,       /* what world_snapshot() gave, and where it belongs: control/changelog.h */
	RECORD_FILE = 2, /* a configuration file that was applied: {"name", "text"} */
	RECORD_CHANGE = 3, /* who changed what, of the state that follows */
	RECORD_MOVES = 4,  /* ports on their way to and from other hosts: state/moves.h */
	RECORD_KINDS = 5,
};

enum { RECORD_HEAD = 64, RECORD_BYTES_MAX = 256 << 20 };

struct record {
	enum record_kind kind;
	uint64_t sequence;
	const uint8_t *bytes;
	size_t len;
};

/* [any] Fills the head for r->bytes.  False: too long, or OpenSSL is out of memory. */
bool record_head(const struct record *r, uint8_t head[RECORD_HEAD]);

/* [any] The record at the beginning of 'bytes', all of it there and right.  *total: its size. */
bool record_read(const uint8_t *bytes, size_t size, struct record *out, size_t *total);

/* What a file of records holds. */
struct record_scan {
	struct record newest[RECORD_KINDS]; /* bytes NULL: none; they point into the file */
	uint64_t sequence;                  /* the highest */
	size_t end;                         /* behind the last whole record */
	bool is_torn;    /* there is something behind that: a write that was cut */
	bool is_damaged; /* there is something wrong before it */
	size_t damaged_at;
};

/*
 * [any] Reads on after damage: what is whole counts.  Those of kinds that are known are told to
 * 'found' (NULL: nobody) in their order; they begin at r->bytes - RECORD_HEAD.
 */
void record_scan(const uint8_t *bytes, size_t size,
		 void (*found)(void *arg, const struct record *r), void *arg,
		 struct record_scan *out);

#endif /* XVS_CONTROL_RECORD_H */
