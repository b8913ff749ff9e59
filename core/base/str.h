/* SPDX-License-Identifier: Apache-2.0 */
/* base/str.h - text: bounded copies, growing buffers, the nearest known word, MACs and UUIDs. */
#ifndef XVS_BASE_STR_H
#define XVS_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies with NUL; false: it did not fit and was cut. */
bool str_copy(char *to, size_t size, const char *from);

/* Growing text; zeroed is empty.  Out of memory: 'failed' is set, text so far stays. */
struct strbuf {
	char *text; /* NUL-terminated once something was added; free() it or strbuf_finish() */
	size_t len;
	size_t room;
	bool failed;
};
void strbuf_add(struct strbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_put(struct strbuf *b, const char *bytes, size_t len);
void strbuf_finish(struct strbuf *b);

/*
 * Of 'count' words, the one nearest to 'word' in edits: at most a third of its length (2 at
 * least), and some letter in common.  NULL: none.
 */
const char *str_nearest(const char *word, const char *const *words, size_t count);

/* "52:54:00:00:00:01", also with '-' */
bool mac_parse(const char *text, uint8_t mac[6]);

/* [any] 0..15; -1: none. */
int hex_digit(char c);
enum { MAC_TEXT = 18, UUID_TEXT = 37, IP_TEXT = 50 };
const char *mac_print(const uint8_t mac[6], char out[MAC_TEXT]);

/* RFC 9562; make gives version 4. */
bool uuid_parse(const char *text, uint8_t uuid[16]);
const char *uuid_print(const uint8_t uuid[16], char out[UUID_TEXT]);
void uuid_make(uint8_t uuid[16]);

/* Address with prefix, IPv4 as ::ffff:a.b.c.d with 96 + n: "10.0.0.0/8", "fe80::1". */
struct xvs_ip;
bool ip_parse(const char *text, struct xvs_ip *ip);
const char *ip_print(const struct xvs_ip *ip, char out[IP_TEXT]);

#endif /* XVS_BASE_STR_H */
