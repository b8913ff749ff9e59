/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-extrun/places.c - ports by name and by the address of their adapter. */
#include "places.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

enum { GUESTS_MAX = LAB_PORTS_MAX - 1, NAME_MOST = 40 };

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '_' || c == '-';
}

static bool is_name(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(text[i]))
			return false;
	return len > 0 && len <= NAME_MOST;
}

static bool has_name(const struct places *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->ports[i].name, name) == 0)
			return true;
	return false;
}

static bool has_mac(const struct places *p, const uint8_t mac[6])
{
	for (size_t i = 0; i < p->count; i++)
		if (p->ports[i].has_mac && memcmp(p->ports[i].mac, mac, 6) == 0)
			return true;
	return false;
}

/* An adapter's: not of a group, not zero. */
static bool is_adapter(const uint8_t mac[6])
{
	static const uint8_t none[6];

	return (mac[0] & 1) == 0 && memcmp(mac, none, sizeof(none)) != 0;
}

static bool has_uplink(const struct places *p)
{
	return p->count > 0 && p->ports[p->count - 1].is_uplink;
}

static int parse_one(struct places *p, const char *text, size_t len, struct xvs_error *err)
{
	struct lab_port *port = &p->ports[p->count];
	const char *equals = memchr(text, '=', len);
	const size_t name_len = equals ? (size_t)(equals - text) : len;
	char mac[MAC_TEXT] = "";

	*port = (struct lab_port){ .is_uplink = !equals };
	if (!is_name(text, name_len))
		return error_set(
			err, -EINVAL, "",
			"ports: %.*s is no name: letters, digits, '.', '_' and '-', at most "
			"%d",
			(int)(name_len < NAME_MOST ? name_len : NAME_MOST), text, NAME_MOST);
	memcpy(port->name, text, name_len);
	if (has_name(p, port->name))
		return error_set(err, -EINVAL, "", "ports: %s is named twice", port->name);
	if (!equals)
		return 0;
	if (len - name_len - 1 < sizeof(mac))
		memcpy(mac, equals + 1, len - name_len - 1);
	port->has_mac = mac_parse(mac, port->mac) && is_adapter(port->mac);
	if (!port->has_mac || has_mac(p, port->mac))
		return error_set(err, -EINVAL, "",
				 "ports: %s: its address must be an adapter's, as in "
				 "52:54:00:00:00:01, and no other port's",
				 port->name);
	return 0;
}

int places_parse(const char *text, struct places *out, struct xvs_error *err)
{
	out->count = 0;
	for (const char *at = text;; at++) {
		const size_t len = strcspn(at, ",");
		int code;

		if (out->count == GUESTS_MAX)
			return error_set(err, -ENOSPC, "", "ports: at most %d", GUESTS_MAX);
		if (has_uplink(out))
			return error_set(err, -EINVAL, "",
					 "ports: %s has no address, so it is the uplink, and comes "
					 "last",
					 out->ports[out->count - 1].name);
		code = parse_one(out, at, len, err);
		if (code)
			return code;
		out->count++;
		at += len;
		if (!*at)
			return 0;
	}
}

/* "captures/vm 1.pcap": "vm-1". */
static void name_of(const char *file, char out[NAME_MOST + 1])
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	const char *dot = strrchr(base, '.');
	size_t len = dot && dot != base ? (size_t)(dot - base) : strlen(base);

	if (len > NAME_MOST)
		len = NAME_MOST;
	for (size_t i = 0; i < len; i++)
		out[i] = is_name_char(base[i]) ? base[i] : '-';
	out[len] = '\0';
}

int places_add_file(struct places *p, const char *file, const uint8_t mac[6])
{
	struct lab_port *port = &p->ports[p->count];
	char name[NAME_MOST + 1];

	if (p->count == GUESTS_MAX)
		return -ENOSPC;
	name_of(file, name);
	*port = (struct lab_port){ .has_mac = is_adapter(mac) && !has_mac(p, mac) };
	memcpy(port->mac, mac, sizeof(port->mac));
	(void)str_copy(port->name, sizeof(port->name), name);
	for (unsigned n = 2; has_name(p, port->name) || strcmp(port->name, "up0") == 0; n++)
		(void)snprintf(port->name, sizeof(port->name), "%s-%u", name, n);
	return (int)p->count++;
}

void places_close(struct places *p)
{
	struct lab_port *port = &p->ports[p->count];

	if (has_uplink(p))
		return;
	*port = (struct lab_port){ .is_uplink = true };
	(void)str_copy(port->name, sizeof(port->name), "up0");
	for (unsigned n = 1; has_name(p, port->name); n++)
		(void)snprintf(port->name, sizeof(port->name), "up%u", n);
	p->count++;
}

uint32_t places_of(const struct places *p, const uint8_t mac[6])
{
	for (size_t i = 0; i < p->count; i++)
		if (p->ports[i].has_mac && memcmp(p->ports[i].mac, mac, 6) == 0)
			return (uint32_t)i;
	return (uint32_t)(p->count - 1);
}
