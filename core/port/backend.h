/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/backend.h - what a port is made of: one small vtable, one file or folder a backend.
 *
 * LIFE   open (descriptors, rings; link may be down) -> rx/tx by workers -> close.  The caller
 *        keeps grace periods: when close() is called no worker is inside, nor will be.
 * RX     rx() fills up to 'max' packets of the worker's pool: bytes, len, linear, tail, tag and
 *        offload facts (vnet_read); it does not parse.  What 'tail' points to stays until rx_done(),
 *        which gives descriptors back to the device after the batch was sent (architecture 3, 16.4).
 *        A queue is polled by one worker at a time.
 * TX     tx() takes packets in order and copies their bytes out before it returns; it returns how
 *        many it took, the rest did not fit (ring-full).  Packets stay the caller's.  'worker' is
 *        the caller's number: a backend has one transmit queue a worker, or takes its own lock for
 *        the two short sections of 16.5.
 * KICK   poll descriptor of a receive queue for epoll (level-triggered), -1: must be polled.  Constant
 *        from open() on: a backend whose descriptors come and go gives an epoll descriptor of its
 *        own, in which they come and go.
 * SLEEP  a queue with arm(), or without a descriptor, is polled while its worker is awake; others when
 *        epoll says so.  Before the worker sleeps it calls arm(): the far end is to kick.  True:
 *        packets are there already, and then nobody sleeps.  disarm() is called when it polls the
 *        queue again, once packets or a kick came: no more kicks, those up to now are cleared.  A
 *        far end may kick whenever it likes, armed or not.
 * LATE   what a backend can do (offloads, link, queues that give packets) may change while it is
 *        open, as a guest's driver comes and goes: the control thread changes it while no packet of
 *        the queue concerned is under way, workers read it once a burst.
 */
#ifndef XVS_PORT_BACKEND_H
#define XVS_PORT_BACKEND_H

#include "packet/packet.h"

struct loop;
struct backend;

enum backend_offload {
	OFFLOAD_CSUM = 1u << 0, /* takes CSUM_TODO */
	OFFLOAD_TSO4 = 1u << 1,
	OFFLOAD_TSO6 = 1u << 2,
	OFFLOAD_USO = 1u << 3,
	OFFLOAD_TAG =
		1u
		<< 4, /* takes vlan_tci beside the bytes (none of ours needs the path's help: all do) */
	OFFLOAD_UFO = 1u << 5, /* takes datagrams that are still to be cut into IP fragments */
};

enum { BACKEND_QUEUES_MAX = 64 };

/* From configuration; strings are borrowed during open(). */
struct backend_config {
	const char *kind; /* "vhost-user", "tap", "af_xdp", "af_packet", "pcap", "null", "team" */
	const char *port_name;  /* for messages */
	const char *device;     /* tap, af_packet: Linux device name */
	const char *netns;      /* tap: move the device there after creation; NULL: stay */
	const char *peer_name;  /* tap: name inside netns, NULL: same as device */
	const char *read_file;  /* pcap: replay; NULL: none */
	const char *write_file; /* pcap: record; NULL: none */
	const char *socket;     /* vhost-user: path of the UNIX socket */
	const char *state_dir;  /* vhost-user: where ring positions are mirrored; NULL: nowhere */
	const char *address;    /* tap (host ports): "192.0.2.1/24", NULL: none */
	uint8_t mac[6];   /* tap: address of the adapter (the far end); zero: kernel's choice */
	uint16_t queues;  /* receive queues; 0: backend's choice */
	uint32_t mtu;     /* largest L3 packet; 0: 1500 */
	uint32_t workers; /* transmit queues wanted */
	bool offloads;    /* true: checksum and segmentation offloads on (default) */
	bool is_held;     /* pcap: the replay waits for begin() */
	bool is_client;   /* vhost-user: we connect (again and again); false: we listen */
	bool no_packed;   /* vhost-user: do not offer the packed ring */
	bool copy_mode;   /* af_xdp: do not ask the driver for zero-copy */
	bool may_carry;   /* af_xdp, af_packet: addresses of the host, which are to be taken away */
	bool is_undone;   /* forget(): the port never was, what an earlier one has kept stays */
};

/* One line of what an operator gets to know of a backend: "state" "connected", "ring 0" "packed 256". */
struct backend_fact {
	char name[24];
	char value[104];
};
enum { BACKEND_FACTS_MAX = 64 };

/* Packets with such a source are dropped before they are ours; see path/shed.c. */
struct backend_source {
	struct xvs_ip prefix;
	uint64_t until_ns; /* CLOCK_MONOTONIC: no longer, even if nobody takes it away */
};
enum { BACKEND_SHED_MAX = 4096 };

struct backend_stats {
	uint64_t rx_errors, tx_errors, rx_truncated, kernel_drops;
};

/* Told on the control thread; 'up' is carrier and administrative state together. */
typedef void (*backend_link_fn)(void *arg, struct backend *b);

struct backend_ops {
	const char *kind;
	int (*open)(const struct backend_config *c, struct loop *loop, struct backend **out,
		    struct xvs_error *err); /* [control] */
	void (*close)(struct backend *b);   /* [control] */
	/* [control]; NULL: nothing is kept in state_dir */
	void (*forget)(const struct backend_config *c);
	uint32_t (*rx)(struct backend *b, unsigned queue, struct pool *pool, struct packet **out,
		       uint32_t max); /* [worker] */
	void (*rx_done)(struct backend *b,
			unsigned queue); /* [worker]; NULL: nothing to give back */
	uint32_t (*tx)(struct backend *b, unsigned worker, struct packet *const *pkts,
		       uint32_t count);                                    /* [worker] */
	void (*stats)(const struct backend *b, struct backend_stats *out); /* [control] */
	void (*begin)(
		struct backend
			*b); /* [control]; the port is open, perhaps again; NULL: nothing waits */
	bool (*arm)(struct backend *b, unsigned queue);    /* [worker]; NULL: kicks always come */
	void (*disarm)(struct backend *b, unsigned queue); /* [worker]; NULL with arm */
	/* [control]; for "port show"; how many; NULL: nothing to tell */
	uint32_t (*facts)(const struct backend *b, struct backend_fact *out, uint32_t max);
	/*
	 * [control] Sheds this source, or does so from now on with another slot or end; what it drops
	 * is counted in 'slot', below BACKEND_SHED_MAX.  NULL (all three): the backend cannot.
	 */
	int (*shed)(struct backend *b, uint32_t slot, const struct backend_source *s);
	void (*unshed)(struct backend *b, const struct backend_source *s);
	/* Since open(), of all sources that had this slot. */
	void (*shed_counts)(const struct backend *b, uint32_t slot, uint64_t *packets,
			    uint64_t *bytes);
};

/* Embedded first in each backend's own structure.  Constant after open() but the link facts. */
struct backend {
	const struct backend_ops *ops;
	uint32_t offloads; /* enum backend_offload that tx() takes */
	uint16_t rx_queues;
	uint16_t is_kernel;           /* rx and tx are system calls: small turns (16.3e) */
	int kick[BACKEND_QUEUES_MAX]; /* by receive queue */
	char device[32];              /* Linux device, or "" */
	char warning[256]; /* what works worse than was asked for, and why; "": nothing */
	uint32_t ifindex;  /* 0: none (moved away, or no device) */
	/* Link facts: the control thread writes, tells 'link' about changes. */
	uint8_t mac[6];
	bool up;
	uint32_t mtu;
	uint32_t speed_mbps;
	backend_link_fn link;
	void *link_arg;
};

/* [control] By kind; an unknown kind is refused with the list of known ones. */
int backend_open(const struct backend_config *c, struct loop *loop, struct backend **out,
		 struct xvs_error *err);
void backend_close(struct backend *b); /* NULL is fine */

/*
 * [control] One more kind, of the program that calls: no configuration file can name it.  NULL takes it back.
 */
void backend_lend(const struct backend_ops *ops);

/*
 * [control] A port that was closed will not be opened again: what its backend has kept for the next
 * daemon goes too.  Looks at kind, port_name, state_dir and is_undone alone.
 */
void backend_forget(const struct backend_config *c);

extern const struct backend_ops backend_tap, backend_af_packet, backend_af_xdp, backend_pcap,
	backend_vhost_user, backend_null, backend_team;

#endif /* XVS_PORT_BACKEND_H */
