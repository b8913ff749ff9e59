/* SPDX-License-Identifier: Apache-2.0 */
/* ext/net_target.c - reading, writing and comparing targets. */
#include "ext/net_target.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/str.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { PATH_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path), PORT_LAST = 65535 };

/* The first name of a kind is the one that is printed. */
static const struct kind {
	const char *prefix;
	enum net_target_kind kind;
} kinds[] = {
	{ "tcp:", TARGET_TCP },     { "tls:", TARGET_TLS },   { "udp:", TARGET_UDP },
	{ "unix:", TARGET_UNIX },   { "ptcp:", TARGET_PTCP }, { "pssl:", TARGET_PTLS },
	{ "punix:", TARGET_PUNIX }, { "ssl:", TARGET_TLS },   { "ptls:", TARGET_PTLS },
};

static const struct kind *kind_of(const char *text)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (strncmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return &kinds[i];
	}
	return NULL;
}

static const char *prefix_of(enum net_target_kind kind)
{
	const struct kind *k = kinds;

	while (k->kind != kind)
		k++;
	return k->prefix;
}

/* Nothing that a terminal or a log would take for more than text. */
static bool is_plain(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

/* One way to write a path: a pattern would fit "/run/of/../x" and mean what is in /run/of. */
static bool is_plain_path(const char *text)
{
	while (*text == '/') {
		size_t len = strcspn(++text, "/");

		if (len == 0 || (len == 1 && text[0] == '.') ||
		    (len == 2 && text[0] == '.' && text[1] == '.'))
			return false;
		text += len;
	}
	return true;
}

static bool read_path(const char *text, struct net_target *out)
{
	return text[0] == '/' && strlen(text) < PATH_BYTES && is_plain_path(text) &&
	       str_copy(out->host, sizeof(out->host), text);
}

/* As inet_ntop(3) writes it; false: it is none, or an IPv4 address in an old short form. */
static bool canonical_address(const char *host, char out[INET6_ADDRSTRLEN])
{
	uint8_t bytes[16];
	int family = strchr(host, ':') ? AF_INET6 : AF_INET;

	return inet_pton(family, host, bytes) == 1 &&
	       inet_ntop(family, bytes, out, INET6_ADDRSTRLEN) != NULL;
}

/* Whoever resolves it may take the last label for a number, and all of it for an address. */
static bool ends_in_number(const char *host)
{
	const char *dot = strrchr(host, '.');
	const char *label = dot ? dot + 1 : host;

	return label[0] == '\0' || (label[0] == '0' && (label[1] | 0x20) == 'x') ||
	       label[strspn(label, "0123456789")] == '\0';
}

/* A name, or an address as everybody reads it: with patterns compared is what is written. */
static bool plain_host(struct net_target *t)
{
	char text[INET6_ADDRSTRLEN];

	if (canonical_address(t->host, text))
		return str_copy(t->host, sizeof(t->host), text);
	if (strchr(t->host, ':')) /* with the name of a device: fe80::1%eth0 */
		return strchr(t->host, '%') && tls_is_address(t->host);
	return !ends_in_number(t->host);
}

/* "6653", "6653:192.0.2.1", "6653:[2001:db8::1]", "6653:2001:db8::1" */
static bool read_listener(const char *text, struct net_target *out)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);
	const char *host = end + 1;
	size_t len;

	if (text[0] < '0' || text[0] > '9' || port < 1 || port > PORT_LAST)
		return false;
	out->port = (uint16_t)port;
	if (*end == '\0')
		return str_copy(out->host, sizeof(out->host), "127.0.0.1");
	len = strlen(host);
	if (*end != ':' || len == 0)
		return false;
	if (host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (len >= sizeof(out->host))
		return false;
	memcpy(out->host, host, len);
	out->host[len] = '\0';
	return tls_is_address(out->host) && plain_host(out);
}

bool net_target_parse(const char *text, struct net_target *out)
{
	const struct kind *k = kind_of(text);
	struct net_target t = { .port = 0 };
	const char *rest;
	bool is_fine;

	if (!k || !is_plain(text))
		return false;
	t.kind = k->kind;
	rest = text + strlen(k->prefix);
	if (t.kind == TARGET_UNIX || t.kind == TARGET_PUNIX)
		is_fine = read_path(rest, &t);
	else if (net_target_listens(&t))
		is_fine = read_listener(rest, &t);
	else
		is_fine = tls_address_parse(rest, 0, t.host, &t.port) && t.port != 0 &&
			  plain_host(&t);
	if (is_fine)
		*out = t;
	return is_fine;
}

void net_target_print(const struct net_target *t, char out[TARGET_TEXT])
{
	const char *prefix = prefix_of(t->kind);
	const char *open = strchr(t->host, ':') ? "[" : "";
	const char *close = open[0] ? "]" : "";

	if (t->kind == TARGET_UNIX || t->kind == TARGET_PUNIX)
		(void)snprintf(out, TARGET_TEXT, "%s%s", prefix, t->host);
	else if (net_target_listens(t))
		(void)snprintf(out, TARGET_TEXT, "%s%u:%s%s%s", prefix, t->port, open, t->host,
			       close);
	else
		(void)snprintf(out, TARGET_TEXT, "%s%s%s%s:%u", prefix, open, t->host, close,
			       t->port);
}

/* ---- patterns ------------------------------------------------------------------------------------ */

bool net_target_pattern_valid(const char *pattern)
{
	return kind_of(pattern) && is_plain(pattern) && strlen(pattern) < TARGET_TEXT;
}

/* With '*' for any text; the last one that was met takes one byte more where the rest does not fit. */
static bool glob(const char *pattern, const char *text)
{
	const char *star = NULL;
	const char *from = text;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			from = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* "192.0.2.*:6653", "[2001:db8::*]:*": a name that begins so, "192.0.2.evil.example", is not meant. */
static bool is_for_addresses(const char *rest)
{
	size_t len = strspn(rest, "0123456789.*");
	bool has_digit = strcspn(rest, "0123456789") < len;

	return rest[0] == '[' || (has_digit && (rest[len] == ':' || rest[len] == '\0'));
}

/* The forms of hosts: plain_host() lets nothing else with a colon through. */
static bool is_address(const char *host)
{
	char text[INET6_ADDRSTRLEN];

	return strchr(host, ':') || canonical_address(host, text);
}

bool net_target_fits(const struct net_target *t, const char *pattern)
{
	const struct kind *k = kind_of(pattern);
	const char *rest = k ? pattern + strlen(k->prefix) : NULL;
	char text[TARGET_TEXT];

	if (!k || k->kind != t->kind)
		return false;
	if (t->kind <= TARGET_UDP && is_for_addresses(rest) && !is_address(t->host))
		return false;
	net_target_print(t, text);
	return glob(rest, text + strlen(prefix_of(t->kind)));
}
