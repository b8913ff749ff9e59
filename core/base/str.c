/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/str.c - text in and out: copies, growing buffers, suggestions, addresses and UUIDs.
 *
 * Every parser takes the whole text or nothing: a wrong character anywhere, also at the end,
 * is false and leaves the output as it was.
 */
#include "base/str.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "xvs/policy.h"

bool str_copy(char *to, size_t size, const char *from)
{
	size_t len = strnlen(from, size);

	if (size == 0)
		return false;
	if (len == size) {
		memcpy(to, from, size - 1);
		to[size - 1] = '\0';
		return false;
	}
	memcpy(to, from, len + 1);
	return true;
}

/* Room for 'more' bytes and the NUL. */
static bool strbuf_grow(struct strbuf *b, size_t more)
{
	size_t need;
	char *text;

	if (b->failed)
		return false;
	if (__builtin_add_overflow(b->len + 1, more, &need) || need > SIZE_MAX / 2) {
		b->failed = true;
		return false;
	}
	if (need <= b->room)
		return true;
	need += need / 2;
	text = realloc(b->text, need);
	if (!text) {
		b->failed = true;
		return false;
	}
	b->text = text;
	b->room = need;
	return true;
}

void strbuf_put(struct strbuf *b, const char *bytes, size_t len)
{
	if (!strbuf_grow(b, len))
		return;
	if (len > 0)
		memcpy(b->text + b->len, bytes, len);
	b->len += len;
	b->text[b->len] = '\0';
}

void strbuf_add(struct strbuf *b, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0) {
		b->failed = true;
		return;
	}
	if (!strbuf_grow(b, (size_t)len))
		return;
	va_start(args, format);
	(void)vsnprintf(b->text + b->len, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
}

void strbuf_finish(struct strbuf *b)
{
	if (!b)
		return;
	free(b->text);
	*b = (struct strbuf){ NULL, 0, 0, false };
}

enum { WORD_MAX = 64 }; /* longer words get no suggestion: the table below is on the stack */

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Insertions, deletions, replacements and swaps of neighbours that make 'a' of 'b'; each place
 * is swapped once at most (optimal string alignment).  Three rows of the table are kept.
 */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][WORD_MAX + 1] = { { 0 } };
	size_t *older = rows[0];
	size_t *above = rows[1];
	size_t *here = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *free_row = older;

		here[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			here[j] = min_size(above[j], here[j - 1]) + 1;
			here[j] = min_size(here[j], above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				here[j] = min_size(here[j], older[j - 2] + 1);
		}
		older = above;
		above = here;
		here = free_row;
	}
	return above[b_len];
}

const char *str_nearest(const char *word, const char *const *words, size_t count)
{
	size_t len = strnlen(word, WORD_MAX + 1);
	size_t best = len / 3 > 2 ? len / 3 : 2;
	const char *nearest = NULL;

	if (len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t other = strnlen(words[i], WORD_MAX + 1);
		size_t edits;

		if (other > WORD_MAX)
			continue;
		edits = edit_distance(word, len, words[i], other);
		/* As many edits as letters have nothing in common with the word. */
		if (edits >= (len > other ? len : other) || edits > best)
			continue;
		if (nearest && edits == best)
			continue;
		best = edits;
		nearest = words[i];
	}
	return nearest;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Two hexadecimal digits; reads no further than a NUL. */
static bool hex_byte(const char *text, uint8_t *byte)
{
	int high = hex_digit(text[0]);
	int low = high < 0 ? -1 : hex_digit(text[1]);

	if (low < 0)
		return false;
	*byte = (uint8_t)(high << 4 | low);
	return true;
}

bool mac_parse(const char *text, uint8_t mac[6])
{
	uint8_t bytes[6];
	char separator = ':';

	for (size_t i = 0; i < sizeof(bytes); i++, text += 2) {
		if (i == 1 && *text == '-')
			separator = '-';
		if (i > 0 && *text++ != separator)
			return false;
		if (!hex_byte(text, &bytes[i]))
			return false;
	}
	if (*text != '\0')
		return false;
	memcpy(mac, bytes, sizeof(bytes));
	return true;
}

const char *mac_print(const uint8_t mac[6], char out[MAC_TEXT])
{
	(void)snprintf(out, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		       mac[3], mac[4], mac[5]);
	return out;
}

static bool uuid_dash_before(size_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

bool uuid_parse(const char *text, uint8_t uuid[16])
{
	uint8_t bytes[16];

	for (size_t i = 0; i < sizeof(bytes); i++, text += 2) {
		if (uuid_dash_before(i) && *text++ != '-')
			return false;
		if (!hex_byte(text, &bytes[i]))
			return false;
	}
	if (*text != '\0')
		return false;
	memcpy(uuid, bytes, sizeof(bytes));
	return true;
}

const char *uuid_print(const uint8_t uuid[16], char out[UUID_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	char *at = out;

	for (size_t i = 0; i < 16; i++) {
		if (uuid_dash_before(i))
			*at++ = '-';
		*at++ = digits[uuid[i] >> 4];
		*at++ = digits[uuid[i] & 0xf];
	}
	*at = '\0';
	return out;
}

void uuid_make(uint8_t uuid[16])
{
	random_fill(uuid, 16);
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* version 4, RFC 9562 section 5.4 */
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80); /* the variant of that RFC */
}

enum { V4_BITS = 96 }; /* an IPv4 prefix counts from here */
static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* Decimal without sign, blanks or leading zeros, at most 'max'. */
static bool prefix_parse(const char *text, unsigned max, unsigned *prefix)
{
	unsigned value = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned)(*text - '0');
		if (value > max)
			return false;
	}
	*prefix = value;
	return true;
}

bool ip_parse(const char *text, struct xvs_ip *ip)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct xvs_ip made = { .prefix_len = 128 };
	unsigned first = 0;
	unsigned prefix;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';

	if (inet_pton(AF_INET, address, made.addr + sizeof(v4_mapped)) == 1) {
		memcpy(made.addr, v4_mapped, sizeof(v4_mapped));
		first = V4_BITS;
	} else if (inet_pton(AF_INET6, address, made.addr) != 1) {
		return false;
	}
	if (slash) {
		if (!prefix_parse(slash + 1, 128 - first, &prefix))
			return false;
		made.prefix_len = (uint8_t)(first + prefix);
	}
	*ip = made;
	return true;
}

const char *ip_print(const struct xvs_ip *ip, char out[IP_TEXT])
{
	bool v4 = ip->prefix_len >= V4_BITS && memcmp(ip->addr, v4_mapped, sizeof(v4_mapped)) == 0;
	int first = v4 ? V4_BITS : 0;
	size_t len;

	(void)inet_ntop(v4 ? AF_INET : AF_INET6, ip->addr + (v4 ? sizeof(v4_mapped) : 0), out,
			IP_TEXT);
	if (ip->prefix_len < 128) {
		len = strlen(out);
		(void)snprintf(out + len, IP_TEXT - len, "/%d", ip->prefix_len - first);
	}
	return out;
}
