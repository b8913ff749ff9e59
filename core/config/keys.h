/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/keys.h - every key of the configuration, once: reading, printing and the JSON Schema
 * walk the same tables.
 */
#ifndef XVS_CONFIG_KEYS_H
#define XVS_CONFIG_KEYS_H

#include "switch/spec.h"

enum key_kind {
	KEY_TEXT,       /* char[size]: what fits and is not empty */
	KEY_NAME,       /* char[size]: of A-Z a-z 0-9 . _ - */
	KEY_DEVICE,     /* char[16]: a Linux network device */
	KEY_NETNS,      /* char[256]: a name, or an absolute path */
	KEY_SOCKET,     /* char[SOCKET_PATH]: absolute path of a UNIX socket */
	KEY_IP,         /* char[64]: one address */
	KEY_ADDRESS,    /* char[64]: address with prefix length */
	KEY_IPV4,       /* char[size]: an IPv4 address */
	KEY_IPV4_NET,   /* char[size]: one with prefix length */
	KEY_IPV4_NETS,  /* char (*)[64] of them, count at 'aux' */
	KEY_IPV4S,      /* the same, without prefix lengths */
	KEY_IPV4_RANGE, /* char[size]: "192.0.2.10-192.0.2.99" */
	KEY_PORTS,      /* char[size]: "1024-65535" */
	KEY_EXTENSION,  /* char[64]: id */
	KEY_U32,        /* uint32_t within [min, max] */
	KEY_BOOL,       /* bool; also sets the flag at 'aux' where there is one */
	KEY_WORD,       /* enum: 'base' + index into 'words' */
	KEY_WORD_TEXT,  /* char[size]: one of 'words' */
	KEY_UUID,       /* uint8_t[16], sets the flag at 'aux' */
	KEY_MAC,        /* uint8_t[6] of one adapter, sets the flag at 'aux' */
	KEY_EXTENSIONS, /* char (*)[64], count at 'aux' */
	KEY_FEATURES,   /* of features or fields of them, each of 'size' bytes */
	KEY_PATHS,      /* char **, count at 'aux' */
	KEY_SIGNERS,    /* struct minisign_key *, count at 'aux' */
	KEY_TARGETS,    /* the same, of patterns as ext/net_target.h has them; not empty */
	KEY_NAMES,      /* char [max][64] of names, count at 'aux' */
	KEY_POLICIES,   /* struct node *: map of feature ids */
	KEY_WORKERS,    /* in struct daemon_spec: auto, a number, or a list of cores */
	KEY_VLAN,       /* number, becomes policy xvs.vlan/1; 'offset' as KEY_POLICIES */
	KEY_MAP,        /* a section inside this structure */
	KEY_BACKEND,    /* the same; a word alone is its kind */
	KEY_LIST,       /* array of a section's structures, count at 'aux'; appends */
	KEY_LATER,      /* a word of the surface that this version does not offer */
};

enum key_flag {
	KEY_REQUIRED = 1u << 0,
	KEY_UNPRINTED = 1u << 1,  /* another way to write what a different key prints */
	KEY_EMPTY_FINE = 1u << 2, /* KEY_LATER: an empty list asks for nothing */
};

#define KEY_NOWHERE UINT32_MAX /* offset of what is checked and not kept */

struct section;

struct key {
	const char *name;
	const char *help;
	enum key_kind kind;
	unsigned flags; /* enum key_flag */
	uint32_t offset;
	uint32_t aux; /* offset of the flag or count; KEY_NOWHERE: none */
	uint32_t size;
	uint32_t min, max, dflt;
	uint32_t base;
	const char *const *words; /* NULL-terminated */
	const char *const *later; /* words that this version does not offer; NULL: none */
	const struct section *section;
};

/* A structure of switch/spec.h as a map of the document. */
struct section {
	const char *what;     /* "port": how messages name one; NULL: by its key */
	const char *name_key; /* the key whose value names it, "name" */
	const struct key *keys;
	size_t count;
	uint32_t bytes;
	uint32_t at;       /* offset of its struct position, or KEY_NOWHERE */
	uint32_t given_at; /* offset of the flag that is set when it was given, or 0 */
	uint32_t role_at;  /* ports: offset of the role, or KEY_NOWHERE */
	enum port_role role;
};

enum { KEYS_MAX = 32 }; /* of one section */

extern const struct section section_config, section_switch;
extern const struct section section_uplink, section_host, section_guest;
extern const struct section section_migration; /* migration_keys.c */
extern const struct section section_network;   /* network_keys.c */
extern const struct section section_nat;       /* nat_keys.c */
extern const struct section section_mac_pool;  /* pool_keys.c */
extern const struct section section_dhcp;      /* dhcp_keys.c */

/* [any] The section of a port by its role. */
const struct section *section_of_role(enum port_role role);

/* [any] Defaults of a whole section, into zeroed memory. */
void section_defaults(const struct section *s, void *structure);

static inline void *key_in(uint32_t offset, void *structure)
{
	return (char *)structure + offset;
}

static inline const void *key_of(uint32_t offset, const void *structure)
{
	return (const char *)structure + offset;
}

#endif /* XVS_CONFIG_KEYS_H */
