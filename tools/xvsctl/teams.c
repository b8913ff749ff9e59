/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/teams.c - teams of uplinks: which sends, and what is wrong with the others. */
#include "verbs.h"

static const struct column link_columns[] = {
	{ "UPLINK", "name", false },
	{ "DEVICE", "device", false },
	{ "PLACE", "place", false },
	{ "STATE", "state", false },
	{ "LINK", "link", false },
	{ "CHANGES", "link_changes", true },
	{ "MBIT/S", "speed_mbps", true },
	{ "RX PACKETS", "rx_packets", true },
	{ "TX PACKETS", "tx_packets", true },
	{ NULL, NULL, false },
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void put_partners(struct strbuf *out, const json_t *links)
{
	for (size_t i = 0; i < json_array_size(links); i++) {
		const json_t *link = json_array_get(links, i);
		const json_t *partner = json_object_get(link, "lacp_partner");

		if (!partner)
			continue;
		strbuf_add(out, "  ! ");
		format_clean(out, text_of(link, "name"));
		strbuf_add(out, ": the adjacent switch ");
		format_clean(out, text_of(partner, "system"));
		strbuf_add(out,
			   " speaks LACP there (key %" JSON_INTEGER_FORMAT
			   "): take its port out of "
			   "the LACP group\n",
			   json_integer_value(json_object_get(partner, "key")));
	}
}

/* "  up0: next to sw1, port Eth1/7", and what does not fit. */
static void put_neighbour(struct strbuf *out, const json_t *link)
{
	const json_t *neighbour = json_object_get(link, "neighbour");
	const json_t *warnings = json_object_get(neighbour, "warnings");
	const char *system = text_of(neighbour, "system");

	if (!neighbour)
		return;
	strbuf_add(out, "  ");
	format_clean(out, text_of(link, "name"));
	strbuf_add(out, ": next to ");
	format_clean(out, system[0] ? system : text_of(neighbour, "chassis"));
	strbuf_add(out, ", port ");
	format_clean(out, text_of(neighbour, "port"));
	strbuf_add(out, "\n");
	for (size_t i = 0; i < json_array_size(warnings); i++) {
		strbuf_add(out, "  ! ");
		format_clean(out, text_of(link, "name"));
		strbuf_add(out, ": ");
		format_clean(out, json_string_value(json_array_get(warnings, i)));
		strbuf_add(out, "\n");
	}
}

/* "  ! up0: VLANs 20, 30 do not pass between it and the other uplinks" */
static void put_lost(struct strbuf *out, const json_t *link, const char *key, const char *what)
{
	const json_t *vlans = json_object_get(link, key);

	if (!vlans)
		return;
	strbuf_add(out, "  ! ");
	format_clean(out, text_of(link, "name"));
	strbuf_add(out, ": %s", what);
	for (size_t i = 0; i < json_array_size(vlans); i++)
		strbuf_add(out, "%s %" JSON_INTEGER_FORMAT, i ? "," : "",
			   json_integer_value(json_array_get(vlans, i)));
	strbuf_add(out, " do not pass between it and the other uplinks\n");
}

static void put_team(struct strbuf *out, const json_t *team)
{
	const json_t *links = json_object_get(team, "uplinks");

	format_clean(out, text_of(team, "switch"));
	strbuf_add(out, "/");
	format_clean(out, text_of(team, "name"));
	strbuf_add(out, ": %s, by %s, %" JSON_INTEGER_FORMAT " failovers\n",
		   text_of(team, "health"), text_of(team, "mode"),
		   json_integer_value(json_object_get(team, "failovers")));
	format_table(out, links, link_columns, "  ");
	put_partners(out, links);
	for (size_t i = 0; i < json_array_size(links); i++) {
		const json_t *link = json_array_get(links, i);

		put_lost(out, link, "vlans_lost", "frames of VLAN");
		put_lost(out, link, "mtu_lost", "frames as large as the MTU of VLAN");
		put_neighbour(out, link);
	}
}

void print_teams(struct strbuf *out, const json_t *result)
{
	for (size_t i = 0; i < json_array_size(result); i++) {
		strbuf_add(out, "%s", i ? "\n" : "");
		put_team(out, json_array_get(result, i));
	}
}
