/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/extension.h - the binary interface between the xvs switch and its extensions.
 *
 * An extension is a shared object that exports ONE data symbol, xvs_module_1,
 * and one ELF note.  The host verifies the signature where it asks for one, reads
 * the note without loading anything, loads, then reads the symbol.  No function of
 * 'ops' is called before create(); constructors, if any, run at load.
 *
 * This header brings all the others but those of xvs/ext/.  Start reading with abi.h:
 * growth, threads, results and ownership are ruled there.
 */
#ifndef XVS_EXTENSION_H
#define XVS_EXTENSION_H

#include "abi.h"
#include "conn.h"
#include "flow.h"
#include "host.h"
#include "packet.h"
#include "policy.h"
#include "state.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What an extension may do.  The host enforces it: an inspect batch is discarded
 * on return, and in audit mode (xvsd --audit) packet bytes are checked as well.
 */
enum xvs_class {
	XVS_INSPECT = 1,  /* capture: sees packets, may originate its own; any number per switch */
	XVS_FILTER = 2,   /* may also drop, change, steal; any number, in a declared order */
	XVS_FIREWALL = 3, /* authorises connections that the host tracks ("xvs.conn/1"), may drop */
	XVS_FORWARD = 4,  /* chooses destinations; at most one active per switch */
};

/*
 * Chains are built per port.  POLICY_ONLY: leave me out where no policy of mine is
 * set; such a port is attached with its first policy and detached with its last.
 */
enum {
	XVS_EXT_POLICY_ONLY = 1u << 0,
	/* A forwarder that decides about tags: a port without a VLAN policy carries all of them. */
	XVS_EXT_TAGS = 1u << 1,
};

/* What an extension must have been granted beside its class; declared in the note. */
enum xvs_right {
	XVS_RIGHT_ORIGINATE = 1u << 0,   /* inject, deliver */
	XVS_RIGHT_REWRITE = 1u << 1,     /* change packets */
	XVS_RIGHT_QUEUE = 1u << 2,       /* steal, hold back */
	XVS_RIGHT_IMPERSONATE = 1u << 3, /* inject at a port that sent nothing */
	XVS_RIGHT_TRUSTED = 1u << 4,     /* originate past the ports' own limits */
	XVS_RIGHT_PAYLOAD = 1u << 5,     /* pull() beyond the headers, streams */
	XVS_RIGHT_NETWORK = 1u << 6,     /* connections of the host ("xvs.loop/1") */
};

enum { XVS_PORT_PROBE = 1u << 0, XVS_PORT_UPLINK = 1u << 1, XVS_PORT_INTERNAL = 1u << 2 };

struct xvs_port {
	uint32_t size;
	uint32_t id;        /* 1 .. ports_max - 1, so it may index an array; used for another port only
	                     * after port_detach and a quiet point of all workers; never store it
	                     * outside the host */
	uint8_t uuid[16];   /* survives restart and migration */
	const char *name;
	uint32_t flags;     /* PROBE: check only, reserve nothing, no packets will come */
	uint32_t mtu;       /* largest L3 packet */
	uint8_t mac[6];     /* of the guest's adapter, or of the uplink's device, or zero */
	uint8_t pad[2];
	uint32_t segment;   /* of its untagged packets */
	uint32_t speed_mbps; /* 0: unknown */
};

enum xvs_port_event {
	XVS_PORT_UP = 1,     /* adapter connected: packets may flow */
	XVS_PORT_DOWN = 2,   /* disconnected: the last batch has been seen */
	XVS_PORT_FROZEN = 3, /* being migrated away: no packets until UP or detach */
	XVS_PORT_CHANGED = 4, /* name, mtu, mac, segment or speed */
};

struct xvs_create {
	uint32_t size;
	uint32_t workers;         /* most there will be; numbers are 0 .. workers - 1 */
	const char *switch_name;
	const char *instance;     /* operator's name for this instance, unique in the switch */
	uint32_t ports_max;
	uint32_t flags;           /* XVS_CREATE_UPGRADE: state from a predecessor follows */
	uint8_t switch_uuid[16];  /* survives restart */
	uint64_t seed;            /* random, new in each create(): for hashes and sampling */
};
enum { XVS_CREATE_UPGRADE = 1u << 0 };

/*
 * Order: create, worker_attach*, switch-scope policies, port_attach* with port-scope
 * policies, [restore], active(true), packets, ..., active(false), port_detach*,
 * worker_detach*, destroy.  The host undoes exactly what succeeded, in reverse, so a
 * failing step cleans up only itself.  Ports and workers also come and go in between.
 * Before port_detach the flows of the port have ended and its held packets were given
 * back; before worker_detach, the same for the worker; before destroy, timers,
 * watches, tasks and mail are cancelled.  Then nothing calls you any more.
 * NULL members mean "not needed"; create and destroy are required.
 */
struct xvs_ops {
	uint32_t size;
	uint32_t reserved;

	int (*create)(const struct xvs_host *host /* kept */, const struct xvs_create *args,
		      void **self, struct xvs_error *err);                       /* [control] */
	void (*destroy)(void *self);                                             /* [control] */

	/*
	 * True: this instance is in the path from now on.  An upgrade and a stand-by run two
	 * instances side by side, so connect, announce and listen here, not in create().
	 */
	void (*active)(void *self, bool on);                                     /* [control] */

	int (*worker_attach)(void *self, uint32_t worker, int numa_node,
			     void **worker_state, struct xvs_error *err);        /* [control] */
	void (*worker_detach)(void *self, void *worker_state);                   /* [control] */

	/* A negative result refuses the port; the operator sees err->text. */
	int (*port_attach)(void *self, const struct xvs_port *port,
			   void **port_state, struct xvs_error *err);            /* [control] */
	void (*port_event)(void *self, void *port_state, int event,
			   const struct xvs_port *now);                          /* [control] */
	void (*port_detach)(void *self, void *port_state);                       /* [control] */

	/*
	 * Two steps, so that one change over many extensions is all or nothing: everything is
	 * checked, then everything applied, or everything prepared is aborted.  check() may
	 * refuse and builds what apply() needs into *prepared, so that apply() cannot fail;
	 * on a PROBE port abort() always follows.  value == NULL removes the policy.
	 * port_state == NULL for switch scope, which is checked first; when it changes, the
	 * policies that ports have are checked and applied again under it, as they are, and a
	 * value that did not change is at the address where it was.  The value given to apply() stays as it is
	 * until all workers have passed a quiet point after the next apply() for the same
	 * feature and port, or after port_detach: no need to copy it, workers may read it.
	 * The host itself judges the flows concerned anew before the operator's call returns.
	 */
	int (*policy_check)(void *self, void *port_state, const char *feature, const void *value,
			    void **prepared, struct xvs_error *err);             /* [control] */
	void (*policy_apply)(void *self, void *port_state, const char *feature,
			     const void *value, void *prepared);                 /* [control] */
	void (*policy_abort)(void *self, void *port_state, const char *feature,
			     void *prepared);                                    /* [control] */

	/* Lists in 'out' point to memory of yours that stays until the next [control] call. */
	int (*status_read)(void *self, void *port_state, const char *feature,
			   void *out, struct xvs_error *err);                    /* [control] */

	/*
	 * The packet path.  Ingress: inspect, filter, firewall, then forward; egress: firewall,
	 * filter, inspect.  An extension that offers "xvs.flow/1" is called here only for the
	 * packets that its verdict asked to watch.
	 */
	void (*inspect)(void *self, const struct xvs_batch *b);                  /* [worker] */
	void (*ingress)(void *self, struct xvs_batch *b);                        /* [worker] */
	void (*forward)(void *self, struct xvs_batch *b);                        /* [worker] */
	void (*egress)(void *self, struct xvs_batch *b);                         /* [worker] */

	/*
	 * Give back (resume or release) every packet that you hold, got on this worker, and
	 * that entered or was to leave at this port; port_state == NULL: every one.  Before
	 * FROZEN, DOWN, detach and upgrade.  Required of who steals; what is not given back
	 * within a second is set aside until destroy, and the instance is named.
	 */
	void (*drain)(void *self, void *worker_state, void *port_state);         /* [worker] */

	/* Optional interface of this extension, or NULL.  Kept.  E.g. "xvs.state/1". */
	const void *(*query)(void *self, const char *id);                        /* [any] */
};

/* A named number: drop reasons (the index is the reason) and counters (the index is the slot). */
struct xvs_label {
	const char *name; /* "spoofed-mac"; stable: dashboards depend on it */
	const char *help;
};

struct xvs_extension {
	uint32_t size;
	uint16_t cls;              /* enum xvs_class */
	uint16_t flags;            /* XVS_EXT_* */
	const char *id;            /* "com.example.guard": never changes */
	const char *version;       /* "2.1.0" */
	const char *vendor;
	const char *summary;
	struct xvs_table features; /* struct xvs_feature */
	struct xvs_table reasons;  /* struct xvs_label; entry 0 is the catch-all */
	struct xvs_table counters; /* struct xvs_label */
	struct xvs_table before;   /* const char *: ids of the same class that I must stand before */
	struct xvs_table after;
	struct xvs_table needs;    /* const char *: interfaces that this host must know, or I am refused */
	const struct xvs_ops *ops;
	uint32_t rights;           /* enum xvs_right; within those of the note */
	uint32_t linear;           /* bytes to make readable before each call; 0: the headers */
};

/* The exported symbol: XVS_EXPORT const struct xvs_module xvs_module_1 = { ... }; */
struct xvs_module {
	uint32_t size;
	uint32_t flags;              /* XVS_MODULE_UNLOADABLE: safe to dlclose(); default is to stay mapped */
	struct xvs_table extensions; /* struct xvs_extension: a module may hold several */
};
enum { XVS_MODULE_UNLOADABLE = 1u << 0 };
extern XVS_EXPORT const struct xvs_module xvs_module_1;

/* What the host reads before loading: flat, no pointers, so no relocations to apply. */
struct xvs_note {
	uint32_t name_size, desc_size, type;
	char name[4]; /* "xvs" */
	uint16_t abi_major, needs_minor;
	uint32_t classes; /* bit 1 << enum xvs_class of each extension inside */
	uint32_t rights;  /* the most that any of them asks for; the operator is shown these */
	char id[64];      /* of the module */
	char version[24];
};
#define XVS_NOTE(id_, version_, classes_, rights_) \
	static const struct xvs_note xvs_note_ \
	__attribute__((used, section(".note.xvs"), aligned(4))) = { \
		4, (uint32_t)(sizeof(struct xvs_note) - 16), 1, "xvs", \
		XVS_ABI_MAJOR, XVS_NEEDS_MINOR, classes_, rights_, id_, version_ }

#ifdef __cplusplus
}
#endif
#endif /* XVS_EXTENSION_H */
