/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/policy.h - features: what can be set on, read from and told by an extension.
 */
#ifndef XVS_POLICY_H
#define XVS_POLICY_H

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

enum xvs_type {
	XVS_BOOL = 1,  /* bool */
	XVS_U32 = 2,   /* uint32_t, within [min, max] */
	XVS_U64 = 3,   /* uint64_t, within [min, max] */
	XVS_ENUM = 4,  /* uint32_t; 'names' is a table of const char * */
	XVS_TEXT = 5,  /* char[max], NUL-terminated */
	XVS_MAC = 6,   /* uint8_t[6] */
	XVS_IP = 7,    /* struct xvs_ip: address and prefix length */
	XVS_LIST = 8,  /* struct xvs_table of the structure that 'fields' describes; 'max' entries */
};

struct xvs_ip {
	uint8_t addr[16];   /* IPv4 as ::ffff:a.b.c.d */
	uint8_t prefix_len; /* of the 128 bits */
	uint8_t pad[3];
};

enum { XVS_FIELD_REQUIRED = 1u << 0, XVS_FIELD_SECRET = 1u << 1 };

/* One member of a policy structure: enough to parse, check, complete, print and document it. */
struct xvs_field {
	const char *name;        /* as the operator writes it, "rate_kbps" */
	const char *help;
	uint32_t offset;         /* offsetof() in the decoded structure */
	uint16_t type;           /* enum xvs_type */
	uint16_t flags;
	uint64_t min, max, dflt;
	struct xvs_table names;  /* XVS_ENUM */
	struct xvs_table fields; /* XVS_LIST: members of the element */
	uint32_t element_bytes;  /* XVS_LIST: its size */
	uint32_t reserved;
};

enum xvs_scope { XVS_PER_SWITCH = 1, XVS_PER_PORT = 2 };
enum xvs_feature_kind { XVS_SETTING = 1, XVS_STATUS = 2, XVS_EVENT = 3 };

/*
 * A feature is a named, schema'd structure.  A SETTING is written by the operator:
 * the host decodes configuration file, CLI and migration stream into the plain C
 * structure, fully validated against 'fields', before the extension sees it.  A
 * STATUS is filled by the extension on demand and printed by the host.  An EVENT is
 * sent by the extension ("xvs.event/1"), and logged and exported by the host.
 */
struct xvs_feature {
	uint32_t size;
	uint32_t bytes;          /* sizeof the decoded structure */
	const char *id;          /* "com.example.ratelimit/1"; a new layout is a new rev */
	const char *summary;
	uint16_t scope;          /* enum xvs_scope */
	uint16_t kind;           /* enum xvs_feature_kind */
	uint32_t reserved;
	struct xvs_table fields; /* struct xvs_field */
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_POLICY_H */
