/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/table.c - all verbs and their options. */
#include "verbs.h"

/* One line a verb is what people read here. */
/* clang-format off */

const struct option_def option_defs[] = {
	{ "--override", OPTION_OVERRIDE, "override", NULL,
	  "lay it over a value that the file owns", false },
	{ "--effective", OPTION_EFFECTIVE, "effective", NULL,
	  "what counts, and where each value comes from", false },
	{ "--no-overrides", OPTION_NO_OVERRIDES, "drop_overlays", NULL,
	  "drop what was laid over the file", false },
	{ "--port", OPTION_PORT, "port", "PORT", "of this port only", false },
	{ "--switch", OPTION_SWITCH, "switch", "SWITCH", "of this switch only", false },
	{ "--limit", OPTION_LIMIT, "limit", "N", "so many at most", true },
	{ "--address", OPTION_ADDRESS, "address", "IP", "with this address at either end", false },
	{ "--proto", OPTION_PROTO, "proto", "NUMBER", "of this IP protocol", true },
	{ "--watch", OPTION_WATCH, NULL, NULL, "again every second", false },
	{ NULL, 0, NULL, NULL, NULL, false },
};

enum { CONNECTIONS = OPTION_PORT | OPTION_ADDRESS | OPTION_PROTO };

const struct verb verbs[] = {
	{ "status", "", "", "one screen: switches, ports, chain, health", 0, 0, 0, "status",
	  { NULL }, print_status, NULL },
	{ "version", "", "", "which daemon answers", 0, 0, 0, "version", { NULL }, NULL, NULL },

	{ "switch", "list", "", "all switches", 0, 0, 0, "switch.list", { NULL }, print_switches,
	  NULL },
	{ "switch", "show", "NAME", "chain in order, with reasons, and ports", 1, 1, 0,
	  "switch.show", { "name" }, print_switch, NULL },

	{ "port", "list", "", "all ports", 0, 0, OPTION_SWITCH, "port.list", { NULL }, print_ports,
	  NULL },
	{ "port", "show", "PORT", "state, chain, policies of one", 1, 1, 0, "port.show",
	  { "target" }, NULL, NULL },
	{ "port", "stats", "PORT", "what it counted", 1, 1, 0, "port.stats", { "target" }, NULL,
	  NULL },
	{ "port", "add", "SWITCH NAME KEY=VALUE...",
	  "make a port: backend.kind=tap backend.device=vm9 mac=...", 3, WORDS_MAX, 0, "port.add",
	  { NULL }, print_done, run_port_add },
	{ "port", "remove", "PORT", "remove it", 1, 1, OPTION_OVERRIDE, "port.remove",
	  { "target" }, print_done, NULL },
	{ "port", "block", "PORT", "drop everything from and to it", 1, 1, 0, "port.block",
	  { "target" }, print_done, NULL },
	{ "port", "unblock", "PORT", "let it through again", 1, 1, 0, "port.unblock", { "target" },
	  print_done, NULL },

	{ "policy", "list", "TARGET", "what may be set on a switch or port", 1, 1, 0,
	  "policy.list", { "target" }, print_policies, NULL },
	{ "policy", "show", "TARGET [FEATURE]", "what is set", 1, 2, OPTION_EFFECTIVE,
	  "policy.show", { "target", "feature" }, print_policy, NULL },
	{ "policy", "set", "TARGET FEATURE FIELD=VALUE...", "change fields of a policy", 3,
	  WORDS_MAX, OPTION_OVERRIDE, "policy.set", { NULL }, print_done, run_policy_set },
	{ "policy", "unset", "TARGET FEATURE", "take a policy away", 2, 2, OPTION_OVERRIDE,
	  "policy.unset", { "target", "feature" }, print_done, NULL },
	{ "policy", "help", "[FEATURE [FIELD]]", "what features there are, what one takes", 0, 2,
	  0, "policy.help", { "feature", "field" }, print_help, NULL },

	{ "ext", "list", "", "extensions in the search path, and instances", 0, 0, 0, "ext.list",
	  { NULL }, print_extensions, NULL },
	{ "ext", "show", "FILE|ID|INSTANCE", "one of them; a file is read, not run", 1, 1, 0,
	  "ext.show", { "name" }, NULL, run_ext_show },
	{ "ext", "enable", "INSTANCE", "put it into the chain again", 1, 1, 0, "ext.enable",
	  { "target" }, print_done, NULL },
	{ "ext", "disable", "INSTANCE", "take it out of the chain", 1, 1, 0, "ext.disable",
	  { "target" }, print_done, NULL },
	{ "ext", "order", "SWITCH", "the chain in order, and why", 1, 1, 0, "switch.show",
	  { "name" }, print_order, NULL },
	{ "ext", "stats", "[INSTANCE]", "what instances cost and counted", 0, 1, 0, "ext.stats",
	  { "target" }, print_instance_stats, NULL },

	{ "conn", "list", "", "tracked connections", 0, 0, CONNECTIONS | OPTION_LIMIT, "conn.list",
	  { NULL }, print_connections, NULL },
	{ "conn", "count", "", "how many", 0, 0, CONNECTIONS, "conn.count", { NULL }, NULL, NULL },
	{ "conn", "flush", "", "end them: next packets are judged as first ones", 0, 0,
	  CONNECTIONS, "conn.flush", { NULL }, print_done, NULL },

	{ "flow", "list", "", "entries of the flow cache", 0, 0, OPTION_PORT | OPTION_LIMIT,
	  "flow.list", { NULL }, print_flows, NULL },
	{ "flow", "count", "", "how many", 0, 0, OPTION_PORT, "flow.count", { NULL }, NULL, NULL },
	{ "mac", "list", "", "where which address is", 0, 0, OPTION_SWITCH, "mac.list", { NULL },
	  print_addresses, NULL },
	{ "drops", "", "", "dropped packets by port, stage, extension, reason", 0, 0, OPTION_WATCH,
	  "drops", { NULL }, print_drops, run_drops },
	{ "accounts", "", "", "every packet accounted for", 0, 0, 0, "accounts", { NULL },
	  print_accounts, NULL },
	{ "worker", "list", "", "what the packet threads did", 0, 0, 0, "workers", { NULL },
	  print_workers, NULL },

	{ "config", "check", "[FILE]", "check a file; without a daemon by xvsd --check", 0, 1, 0,
	  "config.check", { NULL }, print_done, run_config_text },
	{ "config", "diff", "[FILE]", "what applying it would change", 0, 1, 0, "config.diff",
	  { NULL }, print_changes, run_config_text },
	{ "config", "apply", "[FILE]", "apply a file, whole or not at all", 0, 1,
	  OPTION_NO_OVERRIDES, "config.apply", { NULL }, print_done, run_config_text },
	{ "config", "reload", "", "apply the daemon's own file", 0, 0, 0, "config.reload",
	  { NULL }, print_done, NULL },
	{ "config", "export", "", "the file in force", 0, 0, 0, "config.export", { NULL },
	  print_export, NULL },
	{ "config", "schema", "", "JSON Schema of what this daemon accepts", 0, 0, 0,
	  "config.schema", { NULL }, NULL, NULL },

	{ "completion", "bash", "", "a script for bash: source <(xvsctl completion bash)", 0, 0, 0,
	  NULL, { NULL }, NULL, run_completion },
	{ NULL, NULL, NULL, NULL, 0, 0, 0, NULL, { NULL }, NULL, NULL },
};
