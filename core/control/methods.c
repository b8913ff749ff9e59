/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/methods.c - the table of methods: api/control/xvs-rpc.json is made from it.
 */
#include "control/methods.h"

/* clang-format off */
/* Parameters that several methods take. */
#define TARGET_PORT { "target", RPC_TEXT, true, \
	"port: \"switch/port\", or its name where that is unique" }
#define TARGET_INSTANCE { "target", RPC_TEXT, true, \
	"instance: \"switch/instance\", or its name where that is unique" }
#define TARGET_ANY { "target", RPC_TEXT, true, "\"switch\", \"switch/port\" or a unique port's name" }
#define IN_SWITCH { "switch", RPC_TEXT, false, "this switch only" }
#define OVERRIDE { "override", RPC_BOOL, false, \
	"lay it over a value of another owner, until config.apply drops overlays" }
#define OWNER { "owner", RPC_TEXT, false, \
	"whose it is: \"api\" unless said, or \"hv\", which admins alone may say" }
#define OF_PORT { "port", RPC_TEXT, false, "of this port only" }
#define OF_CONNECTIONS OF_PORT, IN_SWITCH, \
	{ "proto", RPC_COUNT, false, "IP protocol number" }, \
	{ "address", RPC_TEXT, false, "of either end, or its prefix" }, \
	{ "l4_port", RPC_COUNT, false, "port number of either end" }, \
	{ "state", RPC_TEXT, false, "as conn.list says it, or \"half-open\"" }, \
	{ "extension", RPC_TEXT, false, \
	  "of ports where this instance or extension decides; of denials, those that it spoke" }
#define CONFIG_TEXT { "text", RPC_TEXT, false, "YAML; without it the daemon's own file is read" }
#define CONFIG_NAME { "name", RPC_TEXT, false, "of the file the text comes from, for messages" }
#define VERSION { "version", RPC_COUNT, false, \
	"only if the configuration is still at this number" }
#define DRY_RUN { "dry_run", RPC_BOOL, false, \
	"only try: {changes} says what would change, after everybody concerned has agreed" }
#define CONFIRM { "confirm", RPC_COUNT, false, \
	"seconds within which config.confirm must come, or the change goes back by itself" }
#define TERMS VERSION, DRY_RUN, CONFIRM
#define MOVE_ID { "move", RPC_TEXT, true, "its UUID, or the beginning of it" }
#define MOVE_TO { "port", RPC_TEXT, true, "\"switch/port\", or its name where that is unique" }, \
	{ "to", RPC_TEXT, true, "the other host: address or name, and port where it is not 4790" }, \
	{ "switch", RPC_TEXT, false, "there, where it is called otherwise" }, \
	{ "backend", RPC_OBJECT, false, "there, as in the configuration" }, \
	{ "on_missing", RPC_TEXT, false, \
	  "when nothing there reads some state: fail (default), warn, hold" }, \
	{ "budget_ms", RPC_COUNT, false, "from the freeze until the other host is ready; 200" }
#define NOTHING { { NULL, RPC_TEXT, false, NULL } }
/* clang-format on */

static const char done[] =
	"{note, number}: a remark, where there is one, as that the journal is full, and the number that "
	"the configuration has now. The change is in force for every packet";

static const char report[] =
	"{move, role, port, uuid, peer, epoch, phase, in_doubt, outcome, problem, rounds, records, "
	"bytes, blackout_us, state, left, converted, findings, target, times_us}";

static const struct rpc_method methods[] = {
	{ "status", RPC_READ_ONLY, "The daemon, its switches, ports and chains in one answer.",
	  "{daemon, configuration, switches, overlays, problems, health}", on_status, NOTHING },
	{ "version", RPC_READ_ONLY, "Which daemon this is.", "{version, abi}", on_version,
	  NOTHING },

	{ "switch.list", RPC_READ_ONLY, "All switches.", "a list", on_switch_list, NOTHING },
	{ "switch.show",
	  RPC_READ_ONLY,
	  "One switch: its chain in order, with reasons, and its ports.",
	  "an object",
	  on_switch_show,
	  { { "name", RPC_TEXT, true, "of the switch" } } },

	{ "port.list", RPC_READ_ONLY, "Ports.", "a list", on_port_list, { IN_SWITCH } },
	{ "port.show",
	  RPC_READ_ONLY,
	  "One port: state, what its backend tells of itself, chain, effective policies.",
	  "an object",
	  on_port_show,
	  { TARGET_PORT } },
	{ "port.stats",
	  RPC_READ_ONLY,
	  "What a port counted.",
	  "an object",
	  on_port_stats,
	  { TARGET_PORT } },
	{ "team.show",
	  RPC_READ_ONLY,
	  "Teams of uplinks: health, who sends, links, LACP partners.",
	  "a list",
	  on_team_show,
	  { { "target", RPC_TEXT, false, "\"switch/team\", or the switch: this team only" } } },
	{ "port.add",
	  RPC_OPERATOR,
	  "Makes a port, which belongs to the API or to who is named.",
	  done,
	  on_port_add,
	  { { "switch", RPC_TEXT, true, "where" },
	    { "port", RPC_OBJECT, true, "with the keys of a port in the configuration file" },
	    OWNER,
	    TERMS } },
	{ "port.remove",
	  RPC_OPERATOR,
	  "Removes a port.",
	  done,
	  on_port_remove,
	  { TARGET_PORT, OVERRIDE, OWNER, TERMS } },
	{ "port.block",
	  RPC_OPERATOR,
	  "Drops everything from and to a port (port-blocked).",
	  done,
	  on_port_block,
	  { TARGET_PORT, TERMS } },
	{ "port.unblock",
	  RPC_OPERATOR,
	  "Ends port.block.",
	  done,
	  on_port_unblock,
	  { TARGET_PORT, TERMS } },

	{ "policy.list",
	  RPC_READ_ONLY,
	  "Features that may be set here, and which are.",
	  "a list",
	  on_policy_list,
	  { TARGET_ANY } },
	{ "policy.show",
	  RPC_READ_ONLY,
	  "Values.",
	  "an object by feature",
	  on_policy_show,
	  { TARGET_ANY,
	    { "feature", RPC_TEXT, false, "this one only" },
	    { "effective", RPC_BOOL, false, "what counts, and where each value comes from" } } },
	{ "policy.set",
	  RPC_OPERATOR,
	  "Merges fields into a policy.",
	  done,
	  on_policy_set,
	  { TARGET_ANY,
	    { "feature", RPC_TEXT, true, "id with revision" },
	    { "fields", RPC_OBJECT, true, "values by field name" },
	    OVERRIDE,
	    TERMS } },
	{ "policy.unset",
	  RPC_OPERATOR,
	  "Takes a policy away.",
	  done,
	  on_policy_unset,
	  { TARGET_ANY, { "feature", RPC_TEXT, true, "id with revision" }, OVERRIDE, TERMS } },
	{ "policy.help",
	  RPC_READ_ONLY,
	  "What a feature takes.",
	  "{text, schema}",
	  on_policy_help,
	  { { "feature", RPC_TEXT, false, "id with revision; without it all features are listed" },
	    { "field", RPC_TEXT, false, "this field only, as \"rules.proto\"" } } },

	{ "ext.list", RPC_READ_ONLY, "Extensions in the search path, and their instances.",
	  "a list", on_ext_list, NOTHING },
	{ "ext.show",
	  RPC_READ_ONLY,
	  "One extension or instance.",
	  "an object",
	  on_ext_show,
	  { { "name", RPC_TEXT, true, "id of an extension, or name of an instance" } } },
	{ "ext.stats",
	  RPC_READ_ONLY,
	  "What instances cost and counted.",
	  "a list",
	  on_ext_stats,
	  { { "target", RPC_TEXT, false, "this instance only" } } },
	{ "ext.enable",
	  RPC_OPERATOR,
	  "Ends ext.disable.",
	  done,
	  on_ext_enable,
	  { TARGET_INSTANCE, TERMS } },
	{ "ext.disable",
	  RPC_OPERATOR,
	  "Takes an instance out of the chain; ports that require it are closed.",
	  done,
	  on_ext_disable,
	  { TARGET_INSTANCE, TERMS } },

	{ "conn.list",
	  RPC_OPERATOR,
	  "Tracked connections.",
	  "{connections, total}",
	  on_conn_list,
	  { OF_CONNECTIONS, { "limit", RPC_COUNT, false, "so many at most, 1000 by default" } } },
	{ "conn.count",
	  RPC_OPERATOR,
	  "How many there are.",
	  "{count}",
	  on_conn_count,
	  { OF_CONNECTIONS } },
	{ "conn.flush",
	  RPC_OPERATOR,
	  "Ends connections: the next packet is judged as a first one.",
	  done,
	  on_conn_flush,
	  { OF_CONNECTIONS } },

	{ "flow.list",
	  RPC_OPERATOR,
	  "Entries of the flow cache.",
	  "{flows, total}",
	  on_flow_list,
	  { OF_PORT, { "limit", RPC_COUNT, false, "so many at most, 1000 by default" } } },
	{ "flow.count", RPC_READ_ONLY, "How many there are.", "{count}", on_flow_count, { OF_PORT } },
	{ "mac.list",
	  RPC_READ_ONLY,
	  "Where which address is.",
	  "a list",
	  on_mac_list,
	  { IN_SWITCH } },
	{ "nat.list",
	  RPC_OPERATOR,
	  "Sessions of nat switches: packets and bytes out and in, and how long they may be idle.",
	  "{sessions, total}",
	  on_nat_list,
	  { IN_SWITCH,
	    { "proto", RPC_COUNT, false, "IP protocol number" },
	    { "address", RPC_TEXT, false, "of any end" },
	    { "limit", RPC_COUNT, false, "so many at most, 1000 by default" } } },
	{ "nat.show",
	  RPC_READ_ONLY,
	  "Nat switches: how many sessions, what was refused, ports of pools in use, neighbours.",
	  "a list",
	  on_nat_show,
	  { IN_SWITCH } },
	{ "nat.flush",
	  RPC_OPERATOR,
	  "Ends sessions.",
	  "{ended}: how many",
	  on_nat_flush,
	  { IN_SWITCH, { "address", RPC_TEXT, false, "of this inside address" } } },
	{ "dhcp.list",
	  RPC_READ_ONLY,
	  "Leases of DHCP servers: address, adapter, port, name, and how long they are valid.",
	  "a list",
	  on_dhcp_list,
	  { IN_SWITCH } },
	{ "dhcp.show",
	  RPC_READ_ONLY,
	  "DHCP servers: process, range, how many leases, and why one does not run.",
	  "a list",
	  on_dhcp_show,
	  { IN_SWITCH } },
	{ "mirror.list",
	  RPC_READ_ONLY,
	  "Mirror sessions: from how many ports, to which, and what was copied and lost.",
	  "a list",
	  on_mirror_list,
	  { IN_SWITCH } },
	{ "drops", RPC_READ_ONLY, "Dropped packets by port, stage, extension and reason.", "a list",
	  on_drops, NOTHING },
	{ "accounts", RPC_READ_ONLY,
	  "received + originated + copied + segmented = sent + drops + consumed + held.",
	  "an object", on_accounts, NOTHING },
	{ "events",
	  RPC_READ_ONLY,
	  "What the daemon told, by number: with 'since' what came after that, otherwise the newest.",
	  "{events: [{number, time_ms, id, level, text}], since: the number to ask with next}",
	  on_events,
	  { { "since", RPC_COUNT, false, "only those with higher numbers, oldest first" },
	    { "wait", RPC_COUNT, false,
	      "with since: so many seconds for the first, 60 at most, rather than none" },
	    { "limit", RPC_COUNT, false, "so many at most, 100 by default" } } },
	{ "trace",
	  RPC_OPERATOR,
	  "What would become of a packet: it takes the real way through the chain, and nothing is "
	  "cached, counted or sent.",
	  "{outcome: forwarded or dropped, exits, cut, steps: [{what, stage, port, by, verdict, reason, "
	  "help, rule, set, packet, destination, ports}]}: 'what' is entered, judged (an extension's "
	  "verdict on the flow), authorised (a firewall's on the connection), connection (the "
	  "tracker's), called (it saw the packet), forwarded, left or dropped",
	  on_trace,
	  { { "port", RPC_TEXT, true, "where it would come in" },
	    { "frame", RPC_TEXT, true, "its bytes from the Ethernet header on, hexadecimal" } } },
	{ "workers", RPC_READ_ONLY,
	  "What the packet threads did since the start, where their cycles went by stage and by "
	  "extension, and how busy each is now.",
	  "a list", on_workers, NOTHING },

	{ "migrate.port",
	  RPC_OPERATOR,
	  "Moves a port with its policies and run-time state to another host; answered when that is "
	  "over.",
	  report,
	  on_migrate_port,
	  { MOVE_TO,
	    { "check", RPC_BOOL, false, "only ask whether the other host would take it" } } },
	{ "migrate.prepare",
	  RPC_OPERATOR,
	  "The same for a coordinator: answered when the port is there, closed, and the first round "
	  "of its state is over; rounds go on until migrate.freeze.",
	  report,
	  on_migrate_prepare,
	  { MOVE_TO, { "tag", RPC_TEXT, false, "the coordinator's own word, in migrate.list" } } },
	{ "migrate.freeze",
	  RPC_OPERATOR,
	  "Stops the port and sends the rest; answered when the other host is ready.",
	  report,
	  on_migrate_freeze,
	  { MOVE_ID,
	    { "budget_ms", RPC_COUNT, false,
	      "the port opens again here unless migrate.commit comes in this time; 0: it waits" } } },
	{ "migrate.commit",
	  RPC_OPERATOR,
	  "Decides that the port moves; answered when it is open there, however long that takes.",
	  report,
	  on_migrate_commit,
	  { MOVE_ID } },
	{ "migrate.cancel",
	  RPC_OPERATOR,
	  "Gives a move up that is not decided; answered when the port is open here.",
	  report,
	  on_migrate_cancel,
	  { MOVE_ID } },
	{ "migrate.resolve",
	  RPC_ADMIN,
	  "Ends a move in doubt whose other host is off for good.",
	  report,
	  on_migrate_resolve,
	  { MOVE_ID,
	    { "take_over", RPC_BOOL, false,
	      "the port opens here; without it, it is given up here" } } },
	{ "migrate.list", RPC_READ_ONLY, "Moves under way, and those that have ended.",
	  "a list of reports", on_migrate_list, NOTHING },
	{ "migrate.show", RPC_READ_ONLY, "One move.", report, on_migrate_show, { MOVE_ID } },
	{ "migrate.expect",
	  RPC_OPERATOR,
	  "What a port that will come from another host gets here, for ten minutes.",
	  "{}",
	  on_migrate_expect,
	  { { "uuid", RPC_TEXT, true, "of the port" },
	    IN_SWITCH,
	    { "name", RPC_TEXT, false, "its name here, where it is another one" },
	    { "backend", RPC_OBJECT, false, "its backend here, as in the configuration" } } },

	{ "capture.start",
	  RPC_OPERATOR,
	  "Copies packets into memory until the connection closes: api/control/capture.h.",
	  "{counters}: the file with the names of what is captured; with the descriptor",
	  on_capture_start,
	  { { "port", RPC_TEXT, false, "at this port only" },
	    { "point", RPC_TEXT, false,
	      "\"before:INSTANCE\", \"after:INSTANCE\" or \"drops\"; without it as packets enter "
	      "and leave" },
	    { "snaplen", RPC_COUNT, false, "so many bytes of a packet, all by default" } } },

	{ "config.check",
	  RPC_OPERATOR,
	  "Checks a configuration as far as one can without applying it.",
	  "{}",
	  on_config_check,
	  { CONFIG_TEXT, CONFIG_NAME } },
	{ "config.diff",
	  RPC_OPERATOR,
	  "What applying it would change.",
	  "{changes}: lines",
	  on_config_diff,
	  { CONFIG_TEXT, CONFIG_NAME } },
	{ "config.apply",
	  RPC_ADMIN,
	  "Applies a configuration, whole or not at all.",
	  done,
	  on_config_apply,
	  { CONFIG_TEXT,
	    CONFIG_NAME,
	    { "drop_overlays", RPC_BOOL, false, "what was laid over the file's values goes" },
	    TERMS } },
	{ "config.reload",
	  RPC_ADMIN,
	  "Applies the daemon's own file.",
	  done,
	  on_config_reload,
	  { TERMS } },
	{ "config.rollback",
	  RPC_ADMIN,
	  "Back to the state after an earlier change, whoever owns what.",
	  done,
	  on_config_rollback,
	  { { "number", RPC_COUNT, false, "of that change; without it the one before the last" },
	    TERMS } },
	{ "config.confirm", RPC_OPERATOR, "The change that waits for it stays.",
	  "{number}: of that change", on_config_confirm, NOTHING },
	{ "config.log",
	  RPC_READ_ONLY,
	  "The changes that are remembered.",
	  "{number, changes}: the number in force; [{number, time, who, what, changes, outcome}], "
	  "oldest first",
	  on_config_log,
	  { { "limit", RPC_COUNT, false, "the last so many" } } },
	{ "config.export", RPC_ADMIN,
	  "All that is in force as one configuration, the file that it came from, and what others "
	  "own. It may hold secrets.",
	  "{number, merged, name, text, state}", on_config_export, NOTHING },
	{ "config.schema", RPC_READ_ONLY, "JSON Schema of what this daemon accepts.",
	  "a JSON Schema", on_config_schema, NOTHING },
};

void control_table(struct control *c, struct rpc_table *out)
{
	*out = (struct rpc_table){ methods, sizeof(methods) / sizeof(methods[0]), c };
}
