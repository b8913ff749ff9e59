/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/record.c - making, checking and finding records.
 */
#include "control/record.h"

#include <openssl/evp.h>
#include <string.h>

enum {
	AT_KIND = 4,
	AT_SEQUENCE = 8,
	AT_LENGTH = 16,
	AT_ZERO = 20,
	AT_HEAD_SUM = 24,
	AT_SUM = 32,
	SUM_SIZE = 32,
};

static const uint8_t magic[4] = { 'X', 'V', 'S', 'J' };

static void put_le(uint8_t *to, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get_le(const uint8_t *from, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)from[i] << 8 * i;
	return v;
}

/* SHA-256 of two pieces. */
static bool sum_of(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
		   uint8_t out[SUM_SIZE])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool done = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) &&
		    EVP_DigestUpdate(c, a, a_len) && EVP_DigestUpdate(c, b, b_len) &&
		    EVP_DigestFinal_ex(c, out, NULL);

	EVP_MD_CTX_free(c);
	return done;
}

bool record_head(const struct record *r, uint8_t head[RECORD_HEAD])
{
	uint8_t sum[SUM_SIZE];

	if (r->len > RECORD_BYTES_MAX)
		return false;
	memset(head, 0, RECORD_HEAD);
	memcpy(head, magic, sizeof(magic));
	put_le(head + AT_KIND, r->kind, 4);
	put_le(head + AT_SEQUENCE, r->sequence, 8);
	put_le(head + AT_LENGTH, r->len, 4);
	if (!sum_of(head, AT_HEAD_SUM, NULL, 0, sum))
		return false;
	memcpy(head + AT_HEAD_SUM, sum, AT_SUM - AT_HEAD_SUM);
	return sum_of(head, AT_SUM, r->bytes, r->len, head + AT_SUM);
}

/* Cheap to say no: most places where the magic is looked for are none. */
static bool head_is_right(const uint8_t *head)
{
	uint8_t sum[SUM_SIZE];

	return memcmp(head, magic, sizeof(magic)) == 0 && get_le(head + AT_ZERO, 4) == 0 &&
	       sum_of(head, AT_HEAD_SUM, NULL, 0, sum) &&
	       memcmp(head + AT_HEAD_SUM, sum, AT_SUM - AT_HEAD_SUM) == 0;
}

bool record_read(const uint8_t *bytes, size_t size, struct record *out, size_t *total)
{
	uint8_t sum[SUM_SIZE];
	uint64_t len;

	if (size < RECORD_HEAD || !head_is_right(bytes))
		return false;
	len = get_le(bytes + AT_LENGTH, 4);
	if (len > RECORD_BYTES_MAX || len > size - RECORD_HEAD)
		return false;
	if (!sum_of(bytes, AT_SUM, bytes + RECORD_HEAD, len, sum) ||
	    memcmp(bytes + AT_SUM, sum, SUM_SIZE) != 0)
		return false;
	out->kind = (enum record_kind)get_le(bytes + AT_KIND, 4);
	out->sequence = get_le(bytes + AT_SEQUENCE, 8);
	out->bytes = bytes + RECORD_HEAD;
	out->len = len;
	*total = RECORD_HEAD + len;
	return true;
}

/* The next whole record behind 'at'; 'size': there is none. */
static size_t next_whole(const uint8_t *bytes, size_t size, size_t at)
{
	struct record ignored;
	size_t total;

	while (++at < size) {
		const uint8_t *found = memmem(bytes + at, size - at, magic, sizeof(magic));

		if (!found)
			break;
		at = (size_t)(found - bytes);
		if (record_read(found, size - at, &ignored, &total))
			return at;
	}
	return size;
}

/* What a newer daemon wrote beside is not ours to judge. */
static bool is_known(const struct record *r)
{
	return r->kind > 0 && r->kind < RECORD_KINDS;
}

static void scan_take(struct record_scan *s, const struct record *r)
{
	if (is_known(r) && (!s->newest[r->kind].bytes || r->sequence > s->newest[r->kind].sequence))
		s->newest[r->kind] = *r;
	if (r->sequence > s->sequence)
		s->sequence = r->sequence;
}

void record_scan(const uint8_t *bytes, size_t size,
		 void (*found)(void *arg, const struct record *r), void *arg,
		 struct record_scan *out)
{
	struct record_scan s = { .end = 0 };
	size_t at = 0;

	while (at < size) {
		struct record r;
		size_t total;
		size_t next;

		if (record_read(bytes + at, size - at, &r, &total)) {
			scan_take(&s, &r);
			if (found && is_known(&r))
				found(arg, &r);
			at += total;
			s.end = at;
			continue;
		}
		next = next_whole(bytes, size, at);
		if (next == size) {
			s.is_torn = true;
			break;
		}
		if (!s.is_damaged)
			s.damaged_at = at;
		s.is_damaged = true;
		at = next;
	}
	*out = s;
}
