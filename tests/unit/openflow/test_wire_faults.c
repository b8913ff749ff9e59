/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong messages are refused with the type and the code that the specification has for it.
 *
 * A message is written as the type and the hex digits behind its header.
 */
#include "openflow/golden.h"

#include "wire/message.h"

struct wrong {
	const char *what;
	uint8_t version;
	uint8_t type;
	const char *body;
	of_fault fault;
};

#define FLOW(table, command, flags) \
	"0000000000000000 0000000000000000" table command "0000 0000 8000 ffffffff ffffffff" \
	"ffffffff" flags "0000"
#define ADD FLOW("00", "00", "0000")
#define ALL "0001 0004 00000000"
#define IPV4 "0001 000a 80000a02 0800 000000000000"
#define MPLS "0001 000a 80000a02 8847 000000000000"
#define TCP "0001 000f 80000a02 0800 80001401 06 00"
#define APPLY(len, actions) "0004" len "00000000" actions
#define WRITE(len, actions) "0003" len "00000000" actions
#define OUTPUT(port) "0000 0010" port "0080 000000000000"
#define GROUP(command, type, group) command type "00" group
#define BUCKET(weight, port, group) "0010" weight port group "00000000"
#define ANY "ffffffff"
#define FLOW10(wildcards, command, flags) \
	wildcards "0000 000000000000 000000000000 0000 00 00 0000 00 00 0000 00000000 00000000" \
		  "0000 0000" \
		  "0000000000000000" command "0000 0000 8000 ffffffff ffff" flags
#define ALL10 "003820ff"

static const struct wrong flows[] = {
	{ "an empty one", 4, 14, "", OF_BAD_REQUEST_LEN },
	{ "no match", 4, 14, ADD, OF_BAD_REQUEST_LEN },
	{ "fine", 4, 14, ADD ALL, OF_OK },
	{ "command 5", 4, 14, FLOW("00", "05", "0000") ALL, OF_FLOW_MOD_COMMAND },
	{ "flag 32", 4, 14, FLOW("00", "00", "0020") ALL, OF_FLOW_MOD_FLAGS },
	{ "to all tables", 4, 14, FLOW("ff", "00", "0000") ALL, OF_FLOW_MOD_TABLE_ID },
	{ "modify all tables", 4, 14, FLOW("ff", "01", "0000") ALL, OF_FLOW_MOD_TABLE_ID },
	{ "delete in all tables", 4, 14, FLOW("ff", "03", "0000") ALL, OF_OK },
	{ "table 254", 4, 14, FLOW("fe", "03", "0000") ALL, OF_FLOW_MOD_TABLE_ID },
	{ "a match of 1.0", 4, 14, ADD "0000 0004 00000000", OF_BAD_MATCH_TYPE },
	{ "match shorter than itself", 4, 14, ADD "0001 0003 00000000", OF_BAD_MATCH_LEN },
	{ "match beyond the end", 4, 14, ADD "0001 0014 00000000", OF_BAD_MATCH_LEN },
	{ "half a field", 4, 14, ADD "0001 0007 800000 00", OF_BAD_MATCH_LEN },
	{ "a field of other length", 4, 14, ADD "0001 000b 80000a03 080000 0000000000",
	  OF_BAD_MATCH_LEN },
	{ "a field beyond the match", 4, 14, ADD "0001 0008 80000004 00000001 00000000",
	  OF_BAD_MATCH_LEN },
	{ "field 40", 4, 14, ADD "0001 000c 80005004 00000001 00000000", OF_BAD_MATCH_FIELD },
	{ "tcp_flags before 1.5", 4, 14,
	  ADD "0001 0015 80000a02 0800 80001401 06 80005402 0001 000000", OF_BAD_MATCH_FIELD },
	{ "an unknown class", 4, 14, ADD "0001 000c 80010004 00000001 00000000",
	  OF_BAD_MATCH_FIELD },
	{ "an experimenter's field", 4, 14, ADD "0001 000c ffff0004 00abcdef 00000000",
	  OF_BAD_MATCH_FIELD },
	{ "the same field twice", 4, 14,
	  ADD "0001 0014 80000004 00000001 80000004 00000001 00000000", OF_BAD_MATCH_DUPLICATE },
	{ "a prerequisite missing", 4, 14, ADD "0001 000a 80001a02 0050 000000000000",
	  OF_BAD_MATCH_PREREQUISITE },
	{ "a prerequisite behind", 4, 14, ADD "0001 000f 80001401 06 80000a02 0800 00",
	  OF_BAD_MATCH_PREREQUISITE },
	{ "a mask on in_port", 4, 14, ADD "0001 0010 80000108 00000001 ffffffff",
	  OF_BAD_MATCH_MASK },
	{ "a value outside of the mask", 4, 14,
	  ADD "0001 0014 8000070c 010000000001 ffffff000000 00000000", OF_BAD_MATCH_WILDCARDS },
	{ "a VLAN of 14 bits", 4, 14, ADD "0001 000a 80000c02 2001 000000000000",
	  OF_BAD_MATCH_VALUE },
	{ "a DSCP of 7 bits", 4, 14, ADD "0001 000f 80000a02 0800 80001001 40 00",
	  OF_BAD_MATCH_VALUE },
	{ "a PCP without a tag", 4, 14, ADD "0001 0009 80000e01 03 00000000000000",
	  OF_BAD_MATCH_PREREQUISITE },
};

static const struct wrong instructions[] = {
	{ "instruction 7", 4, 14, ADD ALL "0007 0008 00000000", OF_BAD_INSTRUCTION_UNKNOWN },
	{ "an experimenter's", 4, 14, ADD ALL "ffff 0008 00abcdef",
	  OF_BAD_INSTRUCTION_EXPERIMENTER },
	{ "shorter than 8", 4, 14, ADD ALL "0005 0004 00000000", OF_BAD_INSTRUCTION_LEN },
	{ "no multiple of 8", 4, 14, ADD ALL "0004 000c 00000000 00000000",
	  OF_BAD_INSTRUCTION_LEN },
	{ "beyond the end", 4, 14, ADD ALL "0004 0010 00000000", OF_BAD_INSTRUCTION_LEN },
	{ "goto of 16 bytes", 4, 14, ADD ALL "0001 0010 01000000 00000000 00000000",
	  OF_BAD_INSTRUCTION_LEN },
	{ "goto where we are", 4, 14, FLOW("03", "00", "0000") ALL "0001 0008 03000000",
	  OF_BAD_INSTRUCTION_TABLE_ID },
	{ "goto back", 4, 14, FLOW("03", "00", "0000") ALL "0001 0008 02000000",
	  OF_BAD_INSTRUCTION_TABLE_ID },
	{ "goto 255", 4, 14, ADD ALL "0001 0008 ff000000", OF_BAD_INSTRUCTION_TABLE_ID },
	{ "meter 0", 4, 14, ADD ALL "0006 0008 00000000", OF_METER_MOD_INVALID },
	{ "meter of all", 4, 14, ADD ALL "0006 0008 ffffffff", OF_METER_MOD_INVALID },
	{ "clear twice", 5, 14, ADD ALL "0005 0008 00000000 0005 0008 00000000",
	  OF_BAD_INSTRUCTION_DUPLICATE },
};

static const struct wrong actions[] = {
	{ "action 1", 4, 14, ADD ALL APPLY("0010", "0001 0008 00000000"), OF_BAD_ACTION_TYPE },
	{ "PBB", 4, 14, ADD ALL APPLY("0010", "001a 0008 88e70000"), OF_BAD_ACTION_TYPE },
	{ "shorter than 8", 4, 14, ADD ALL APPLY("0010", "0012 0004 00000000"), OF_BAD_ACTION_LEN },
	{ "length 0", 4, 14, ADD ALL APPLY("0010", "0012 0000 00000000"), OF_BAD_ACTION_LEN },
	{ "no multiple of 8", 4, 14, ADD ALL APPLY("0018", "0000 000c 00000001 0000000000000000"),
	  OF_BAD_ACTION_LEN },
	{ "beyond the end", 4, 14, ADD ALL APPLY("0010", "0000 0010 00000001"), OF_BAD_ACTION_LEN },
	{ "output of 8 bytes", 4, 14, ADD ALL APPLY("0010", "0000 0008 00000001"),
	  OF_BAD_ACTION_LEN },
	{ "output to 0", 4, 14, ADD ALL APPLY("0018", OUTPUT("00000000")), OF_BAD_ACTION_OUT_PORT },
	{ "output to ANY", 4, 14, ADD ALL APPLY("0018", OUTPUT(ANY)), OF_BAD_ACTION_OUT_PORT },
	{ "output to TABLE", 4, 14, ADD ALL APPLY("0018", OUTPUT("fffffff9")),
	  OF_BAD_ACTION_OUT_PORT },
	{ "output to a reserved one", 4, 14, ADD ALL APPLY("0018", OUTPUT("ffffff01")),
	  OF_BAD_ACTION_OUT_PORT },
	{ "output to CONTROLLER", 4, 14, ADD ALL APPLY("0018", OUTPUT("fffffffd")), OF_OK },
	{ "group of all", 4, 14, ADD ALL APPLY("0010", "0016 0008 fffffffc"),
	  OF_BAD_ACTION_OUT_GROUP },
	{ "push of IPv4", 4, 14, ADD ALL APPLY("0010", "0011 0008 08000000"),
	  OF_BAD_ACTION_ARGUMENT },
	{ "push_mpls of IPv4", 4, 14, ADD ALL APPLY("0010", "0013 0008 08000000"),
	  OF_BAD_ACTION_ARGUMENT },
	{ "an experimenter's", 4, 14, ADD ALL APPLY("0018", "ffff 0010 00abcdef 0000000000000000"),
	  OF_BAD_ACTION_EXPERIMENTER },
	{ "Nicira's 999", 4, 14, ADD ALL APPLY("0018", "ffff 0010 00002320 03e7000000000000"),
	  OF_BAD_ACTION_EXP_TYPE },
	{ "pop_vlan of no tag", 4, 14, ADD ALL APPLY("0010", "0012 0008 00000000"),
	  OF_BAD_ACTION_MATCH_INCONSISTENT },
	{ "dec_nw_ttl of anything", 4, 14, ADD ALL APPLY("0010", "0018 0008 00000000"),
	  OF_BAD_ACTION_MATCH_INCONSISTENT },
	{ "dec_nw_ttl of IPv4", 4, 14, ADD IPV4 APPLY("0010", "0018 0008 00000000"), OF_OK },
	{ "dec_mpls_ttl of IPv4", 4, 14, ADD IPV4 APPLY("0010", "0010 0008 00000000"),
	  OF_BAD_ACTION_MATCH_INCONSISTENT },
	{ "dec_mpls_ttl behind a push", 4, 14,
	  ADD IPV4 APPLY("0018", "0013 0008 88470000 0010 0008 00000000"), OF_OK },
	{ "dec_nw_ttl behind a push", 4, 14,
	  ADD IPV4 APPLY("0018", "0013 0008 88470000 0018 0008 00000000"),
	  OF_BAD_ACTION_MATCH_INCONSISTENT },
	{ "dec_nw_ttl behind a pop", 4, 14,
	  ADD MPLS APPLY("0018", "0014 0008 08000000 0018 0008 00000000"), OF_OK },
	{ "a move of more than 64 bits", 4, 14,
	  ADD ALL APPLY("0020", "ffff 0018 00002320 0006 0041 0000 0000 00012610 00012810"),
	  OF_BAD_ACTION_SET_ARGUMENT },
	{ "a move beyond the field", 4, 14,
	  ADD ALL APPLY("0020", "ffff 0018 00002320 0006 0020 0000 0001 00010004 00010204"),
	  OF_BAD_ACTION_SET_ARGUMENT },
	{ "a load beyond the field", 4, 14,
	  ADD ALL APPLY("0020", "ffff 0018 00002320 0007 005f 00010004 0000000000000001"),
	  OF_BAD_ACTION_SET_ARGUMENT },
	{ "a load of more than its bits", 4, 14,
	  ADD ALL APPLY("0020", "ffff 0018 00002320 0007 0003 00010004 0000000000000010"),
	  OF_BAD_ACTION_SET_ARGUMENT },
	{ "resubmit in a set", 4, 14, ADD ALL WRITE("0018", "ffff 0010 00002320 0001fff800000000"),
	  OF_BAD_ACTION_TYPE },
};

#define SET(oxm) APPLY("0018", "0019 0010" oxm)

static const struct wrong set_fields[] = {
	{ "tcp_dst of TCP", 4, 14, ADD TCP SET("80001c02 0050 000000000000"), OF_OK },
	{ "tcp_dst of anything", 4, 14, ADD ALL SET("80001c02 0050 000000000000"),
	  OF_BAD_ACTION_MATCH_INCONSISTENT },
	{ "udp_dst of TCP", 4, 14, ADD TCP SET("80002002 0050 000000000000"),
	  OF_BAD_ACTION_MATCH_INCONSISTENT },
	{ "vlan_vid of no tag", 4, 14, ADD ALL SET("80000c02 1005 000000000000"),
	  OF_BAD_ACTION_MATCH_INCONSISTENT },
	{ "vlan_vid of a pushed tag", 4, 14,
	  ADD ALL APPLY("0020", "0011 0008 81000000 0019 0010 80000c02 1005 000000000000"), OF_OK },
	{ "vlan_vid of a pushed tag, as a set", 4, 14,
	  ADD ALL WRITE("0020", "0019 0010 80000c02 1005 000000000000 0011 0008 81000000"), OF_OK },
	{ "in_port", 4, 14, ADD ALL SET("80000004 00000001 00000000"), OF_BAD_ACTION_SET_TYPE },
	{ "metadata", 4, 14, ADD ALL SET("80000408 0000000000000001"), OF_BAD_ACTION_SET_TYPE },
	{ "mpls_bos", 4, 14, ADD MPLS SET("80004801 01 00000000000000"), OF_OK },
	{ "a third tag", 4, 14,
	  ADD "0001 000a 80000c02 1005 000000000000 0004 0018 00000000 0011 0008 8100 0000"
	      "0011 0008 8100 0000",
	  OF_BAD_ACTION_TAG },
	{ "mpls_bos of two bits", 4, 14, ADD MPLS SET("80004801 02 00000000000000"),
	  OF_BAD_ACTION_SET_ARGUMENT },
	{ "field 40", 4, 14, ADD ALL SET("80005001 01 00000000000000"), OF_BAD_ACTION_SET_TYPE },
	{ "of other length", 4, 14, ADD TCP SET("80001c03 005000 0000000000"),
	  OF_BAD_ACTION_SET_LEN },
	{ "beyond the action", 4, 14, ADD ALL SET("8000060c 0000000000000000"),
	  OF_BAD_ACTION_SET_LEN },
	{ "with a mask", 4, 14, ADD TCP SET("80000d04 1005 1fff 00000000"),
	  OF_BAD_ACTION_SET_ARGUMENT },
	{ "a VLAN of 14 bits", 4, 14,
	  ADD ALL APPLY("0020", "0011 0008 81000000 0019 0010 80000c02 2005 000000000000"),
	  OF_BAD_ACTION_SET_ARGUMENT },
	{ "a DSCP of 7 bits", 4, 14, ADD IPV4 SET("80001001 40 00000000000000"),
	  OF_BAD_ACTION_SET_ARGUMENT },
	{ "in an action too long", 4, 14,
	  ADD TCP APPLY("0020", "0019 0018 80001c02 0050 000000000000 0000000000000000"),
	  OF_BAD_ACTION_LEN },
};

static const struct wrong groups[] = {
	{ "command 3", 4, 15, GROUP("0003", "00", "00000001"), OF_GROUP_MOD_COMMAND },
	{ "type 4", 4, 15, GROUP("0000", "04", "00000001"), OF_GROUP_MOD_BAD_TYPE },
	{ "group of all", 4, 15, GROUP("0000", "00", "fffffffc"), OF_GROUP_MOD_INVALID },
	{ "delete any", 4, 15, GROUP("0002", "00", ANY), OF_GROUP_MOD_INVALID },
	{ "delete all", 4, 15, GROUP("0002", "00", "fffffffc"), OF_OK },
	{ "a bucket of 12 bytes", 4, 15,
	  GROUP("0000", "00", "00000001") "000c 0000 ffffffff ffffffff", OF_GROUP_MOD_BUCKET },
	{ "a bucket beyond the end", 4, 15,
	  GROUP("0000", "00", "00000001") "0018 0000 ffffffff ffffffff 00000000",
	  OF_GROUP_MOD_BUCKET },
	{ "a weight of ALL", 4, 15, GROUP("0000", "00", "00000001") BUCKET("0001", ANY, ANY),
	  OF_GROUP_MOD_INVALID },
	{ "watching of ALL", 4, 15, GROUP("0000", "00", "00000001") BUCKET("0000", "00000001", ANY),
	  OF_GROUP_MOD_WATCH },
	{ "failover that watches nothing", 4, 15,
	  GROUP("0000", "03", "00000001") BUCKET("0000", ANY, ANY), OF_GROUP_MOD_INVALID },
	{ "failover that watches FLOOD", 4, 15,
	  GROUP("0000", "03", "00000001") BUCKET("0000", "fffffffb", ANY), OF_GROUP_MOD_BAD_WATCH },
	{ "INDIRECT of two", 4, 15,
	  GROUP("0000", "02", "00000001") BUCKET("0000", ANY, ANY) BUCKET("0000", ANY, ANY),
	  OF_GROUP_MOD_INVALID },
	{ "INDIRECT of none", 4, 15, GROUP("0000", "02", "00000001"), OF_GROUP_MOD_INVALID },
	{ "an action of it", 4, 15,
	  GROUP("0000", "00", "00000001") "0018 0000 ffffffff ffffffff 00000000 0063 0008 00000000",
	  OF_BAD_ACTION_TYPE },
};

static const struct wrong others[] = {
	{ "features and more", 4, 5, "00", OF_BAD_REQUEST_LEN },
	{ "type 99", 4, 99, "", OF_BAD_REQUEST_TYPE },
	{ "a reply", 4, 6, "", OF_BAD_REQUEST_TYPE },
	{ "a bundle before 1.4", 4, 33, "0000000100000000", OF_BAD_REQUEST_TYPE },
	{ "queue config in 1.4", 5, 22, "0000000100000000", OF_BAD_REQUEST_TYPE },
	{ "config flags", 4, 9, "0003 0080", OF_SWITCH_CONFIG_FLAGS },
	{ "config too short", 4, 9, "0000", OF_BAD_REQUEST_LEN },
	{ "role 4", 4, 24, "00000004 00000000 0000000000000001", OF_ROLE_BAD },
	{ "role without id", 4, 24, "00000002 00000000", OF_BAD_REQUEST_LEN },
	{ "packet out of port 0", 4, 13, "ffffffff 00000000 0000 000000000000",
	  OF_BAD_REQUEST_PORT },
	{ "packet out to TABLE", 4, 13,
	  "ffffffff 00000001 0010 000000000000" OUTPUT("fffffff9") "1234", OF_OK },
	{ "packet out with long actions", 4, 13, "ffffffff 00000001 0018 000000000000",
	  OF_BAD_REQUEST_LEN },
	{ "port mod of port 0", 4, 16,
	  "00000000 00000000 020000000001 0000 00000000 00000000 00000000 00000000",
	  OF_PORT_MOD_PORT },
	{ "port mod of bit 1", 4, 16,
	  "00000001 00000000 020000000001 0000 00000002 00000002 00000000 00000000",
	  OF_PORT_MOD_CONFIG },
	{ "port mod of bit 16", 4, 16,
	  "00000001 00000000 020000000001 0000 00000000 00000000 00010000 00000000",
	  OF_PORT_MOD_ADVERTISE },
	{ "port mod with property 9", 5, 16,
	  "00000001 00000000 020000000001 0000 00000000 00000000 0009 0008 00000000",
	  OF_BAD_PROPERTY_TYPE },
	{ "table mod of bit 2", 4, 17, "01000000 00000004", OF_TABLE_MOD_CONFIG },
	{ "table mod of table 254", 4, 17, "fe000000 00000000", OF_TABLE_MOD_TABLE },
	{ "vacancy upside down", 5, 17, "01000000 00000008 0003 0008 50 14 0000",
	  OF_BAD_PROPERTY_VALUE },
	{ "meter 0", 4, 29, "0000 0001 00000000", OF_METER_MOD_INVALID },
	{ "meter command 3", 4, 29, "0003 0001 00000001", OF_METER_MOD_COMMAND },
	{ "meter flag 16", 4, 29, "0000 0010 00000001", OF_METER_MOD_FLAGS },
	{ "meter of two units", 4, 29, "0000 0003 00000001", OF_METER_MOD_FLAGS },
	{ "band 9", 4, 29, "0000 0001 00000001 0009 0010 00000001 00000000 00000000",
	  OF_METER_MOD_BAND },
	{ "band of 12 bytes", 4, 29, "0000 0001 00000001 0001 000c 00000001 00000000",
	  OF_BAD_REQUEST_LEN },
	{ "bundle of an odd type", 5, 33, "00000001 0001 0001", OF_BUNDLE_BAD_TYPE },
	{ "bundle of flag 8", 5, 33, "00000001 0000 0008", OF_BUNDLE_FLAGS },
	{ "a hello in a bundle", 5, 34, "00000001 0000 0001 05000008 00000007",
	  OF_BUNDLE_MESSAGE_UNSUPPORTED },
	{ "another xid in a bundle", 5, 34, "00000001 0000 0001 050e0008 00000008",
	  OF_BUNDLE_MESSAGE_XID },
	{ "a long message in a bundle", 5, 34, "00000001 0000 0001 050e0010 00000007",
	  OF_BUNDLE_MESSAGE_LEN },
	{ "an experimenter", 4, 4, "00abcdef 00000001", OF_BAD_REQUEST_EXPERIMENTER },
	{ "Nicira's 999", 4, 4, "00002320 000003e7", OF_BAD_REQUEST_EXP_TYPE },
	{ "a set of async masks", 5, 28, "0000 0008 00000001 0000 0008 00000001",
	  OF_BAD_PROPERTY_DUPLICATE },
};

static const struct wrong questions[] = {
	{ "type 99", 4, 18, "0063 0000 00000000", OF_BAD_REQUEST_MULTIPART },
	{ "of 1.4", 4, 18, "000e 0000 00000000", OF_BAD_REQUEST_MULTIPART },
	{ "unknown flags", 4, 18, "0000 0002 00000000", OF_BAD_REQUEST_MULTIPART },
	{ "more of it to come", 4, 18, "0000 0001 00000000", OF_BAD_REQUEST_MULTIPART_OVERFLOW },
	{ "desc and more", 4, 18, "0000 0000 00000000 00", OF_BAD_REQUEST_LEN },
	{ "an experimenter's", 4, 18, "ffff 0000 00000000 00abcdef 00000001",
	  OF_BAD_REQUEST_EXPERIMENTER },
	{ "half a flow", 4, 18, "0001 0000 00000000 ff000000", OF_BAD_REQUEST_LEN },
	{ "table 254", 4, 18,
	  "0001 0000 00000000 fe000000 ffffffff ffffffff 00000000 0000000000000000"
	  "0000000000000000" ALL,
	  OF_BAD_REQUEST_TABLE_ID },
	{ "port 0", 4, 18, "0004 0000 00000000 00000000 00000000", OF_BAD_REQUEST_PORT },
	{ "features of a table too short", 4, 18, "000c 0000 00000000 0038 00",
	  OF_TABLE_FEATURES_LEN },
};

static const struct wrong of10[] = {
	{ "fine", 1, 14, FLOW10(ALL10, "0000", "0000"), OF_OK },
	{ "command 5", 1, 14, FLOW10(ALL10, "0005", "0000"), OF_FLOW_MOD_COMMAND },
	{ "a table without the extension", 1, 14, FLOW10(ALL10, "0100", "0000"),
	  OF_FLOW_MOD_COMMAND },
	{ "emergency", 1, 14, FLOW10(ALL10, "0000", "0004"), OF_FLOW_MOD_TABLE_FULL },
	{ "flag 8", 1, 14, FLOW10(ALL10, "0000", "0008"), OF_FLOW_MOD_FLAGS },
	{ "action 12", 1, 14, FLOW10(ALL10, "0000", "0000") "000c 0008 00000000",
	  OF_BAD_ACTION_TYPE },
	{ "output to NONE", 1, 14, FLOW10(ALL10, "0000", "0000") "0000 0008 ffff0000",
	  OF_BAD_ACTION_OUT_PORT },
	{ "a VLAN of 13 bits", 1, 14, FLOW10(ALL10, "0000", "0000") "0001 0008 10000000",
	  OF_BAD_ACTION_ARGUMENT },
	{ "a TOS with ECN", 1, 14, FLOW10(ALL10, "0000", "0000") "0008 0008 01000000",
	  OF_BAD_ACTION_ARGUMENT },
	{ "enqueue to FLOOD", 1, 14,
	  FLOW10(ALL10, "0000", "0000") "000b 0010 fffb 000000000000 00000001",
	  OF_BAD_ACTION_OUT_PORT },
	{ "port mod of bit 7", 1, 15, "0001 020000000001 00000080 00000080 00001000 00000000",
	  OF_OK },
	{ "port mod of FLOOD", 1, 15, "fffb 020000000001 00000001 00000001 00000000 00000000",
	  OF_PORT_MOD_PORT },
	{ "group stats", 1, 16, "0006 0000", OF_BAD_REQUEST_MULTIPART },
	{ "a role of 3", 1, 4, "00002320 0000000a 00000003", OF_ROLE_BAD },
	{ "flows as NXM", 1, 4, "00002320 0000000c 00000002", OF_BAD_REQUEST_EPERM },
};

static struct of_arena arena;

static void check(const struct wrong *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct of_dialect dialect = { .version = list[i].version };
		uint8_t bytes[512] = { list[i].version, list[i].type, 0, 0, 0, 0, 0, 7 };
		uint32_t len = OFP_HEADER + golden_hex(list[i].body, bytes + OFP_HEADER, 504);
		struct of_message m;
		of_fault fault;

		bytes[2] = (uint8_t)(len >> 8);
		bytes[3] = (uint8_t)len;
		of_arena_reset(&arena);
		fault = of_decode(&dialect, bytes, len, &arena, &m);
		if (fault != list[i].fault)
			fail_msg("%s: %u %u, not %u %u", list[i].what, of_fault_type(fault),
				 of_fault_code(fault), of_fault_type(list[i].fault),
				 of_fault_code(list[i].fault));
		assert_int_equal(m.xid, 7);
	}
}

#define REFUSES(name, list) \
	static void name(void **state) \
	{ \
		(void)state; \
		check(list, sizeof(list) / sizeof((list)[0])); \
	}

REFUSES(refuses_wrong_flows, flows)
REFUSES(refuses_wrong_instructions, instructions)
REFUSES(refuses_wrong_actions, actions)
REFUSES(refuses_wrong_set_fields, set_fields)
REFUSES(refuses_wrong_groups, groups)
REFUSES(refuses_other_wrong_messages, others)
REFUSES(refuses_wrong_questions, questions)
REFUSES(refuses_wrong_messages_of_10, of10)

static void only_the_version_agreed_on_is_spoken(void **state)
{
	const uint8_t echo[8] = { 4, 2, 0, 8, 0, 0, 0, 7 };
	const uint8_t hello[8] = { 6, 0, 0, 8, 0, 0, 0, 7 };
	const uint8_t lie[8] = { 4, 2, 0, 9, 0, 0, 0, 7 };
	struct of_dialect dialect = { .version = OF_V10 };
	struct of_message m;

	(void)state;
	assert_int_equal(of_decode(&dialect, echo, 8, &arena, &m), OF_BAD_REQUEST_VERSION);
	assert_int_equal(of_decode(&dialect, hello, 8, &arena, &m), OF_OK);
	assert_int_equal(m.hello.versions, 0x7f);
	assert_int_equal(of_version_choose(OF_VERSIONS, m.hello.versions), OF_V14);
	assert_int_equal(of_version_choose(1 << OF_V10 | 1 << OF_V13, m.hello.versions), OF_V13);
	assert_int_equal(of_version_choose(OF_VERSIONS, 0x0f), 0); /* 1.2 without a bitmap */
	assert_int_equal(of_version_choose(OF_VERSIONS, 0x0e), OF_V10);
	assert_int_equal(of_version_choose(OF_VERSIONS, 1), 0);
	dialect.version = 0;
	assert_int_equal(of_decode(&dialect, echo, 8, &arena, &m), OF_BAD_REQUEST_VERSION);
	dialect.version = OF_V13;
	assert_int_equal(of_decode(&dialect, echo, 8, &arena, &m), OF_OK);
	assert_int_equal(of_decode(&dialect, lie, 8, &arena, &m), OF_BAD_REQUEST_LEN);
	assert_int_equal(m.xid, 7);
	assert_int_equal(of_decode(&dialect, echo, 3, &arena, &m), OF_BAD_REQUEST_LEN);
	assert_int_equal(of_frame(echo, 8), 8);
	assert_int_equal(of_frame(echo, 3), 0);
	assert_int_equal(of_frame((const uint8_t[]){ 4, 2, 0, 7 }, 4), -1);
}

static void faults_are_said_in_the_numbers_of_each_version(void **state)
{
	static const struct {
		of_fault fault;
		uint8_t version;
		uint16_t type, code;
	} said[] = {
		{ OF_FLOW_MOD_OVERLAP, 1, 3, 1 },
		{ OF_FLOW_MOD_OVERLAP, 4, 5, 3 },
		{ OF_FLOW_MOD_COMMAND, 1, 3, 4 },
		{ OF_FLOW_MOD_TABLE_FULL, 1, 3, 0 },
		{ OF_FLOW_MOD_TIMEOUT, 1, 3, 3 },
		{ OF_PORT_MOD_HW_ADDR, 1, 4, 1 },
		{ OF_PORT_MOD_HW_ADDR, 5, 7, 1 },
		{ OF_QUEUE_OP_QUEUE, 1, 5, 1 },
		{ OF_QUEUE_OP_QUEUE, 4, 9, 1 },
		{ OF_BAD_ACTION_TOO_MANY, 1, 2, 7 },
		{ OF_BAD_REQUEST_LEN, 1, 1, 6 },
		{ OF_BAD_REQUEST_IS_SLAVE, 1, 1, 5 },
		{ OF_BAD_INSTRUCTION_DUPLICATE, 4, 3, 1 },
		{ OF_BAD_INSTRUCTION_DUPLICATE, 5, 3, 9 },
		{ OF_TABLE_FEATURES_LEN, 4, 13, 3 },
		{ OF_TABLE_FEATURES_LEN, 5, 14, 1 },
		{ OF_BUNDLE_CLOSED, 5, 17, 4 },
		{ OF_BUNDLE_CLOSED, 4, 0xffff, 2304 },
		{ OF_ROLE_STALE, 1, 1, 5 },
		{ OF_ROLE_STALE, 4, 11, 0 },
		{ OF_HELLO_INCOMPATIBLE, 1, 0, 0 },
		{ OF_GROUP_MOD_EXISTS, 1, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		uint16_t type = 0;
		uint16_t code = 0;
		bool is_experimenter = of_fault_in(said[i].fault, said[i].version, &type, &code);

		assert_int_equal(type, said[i].type);
		assert_int_equal(code, said[i].code);
		assert_int_equal(is_experimenter, said[i].type == 0xffff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_wrong_flows),
		cmocka_unit_test(refuses_wrong_instructions),
		cmocka_unit_test(refuses_wrong_actions),
		cmocka_unit_test(refuses_wrong_set_fields),
		cmocka_unit_test(refuses_wrong_groups),
		cmocka_unit_test(refuses_other_wrong_messages),
		cmocka_unit_test(refuses_wrong_questions),
		cmocka_unit_test(refuses_wrong_messages_of_10),
		cmocka_unit_test(only_the_version_agreed_on_is_spoken),
		cmocka_unit_test(faults_are_said_in_the_numbers_of_each_version),
	};
	int result;

	if (of_arena_init(&arena))
		return 1;
	result = cmocka_run_group_tests(tests, NULL, NULL);
	of_arena_finish(&arena);
	return result;
}
