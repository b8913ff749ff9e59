/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/packet.h - what a packet is inside the switch.
 *
 * The public struct xvs_packet comes first, so a pointer to one is a pointer to the other.  The
 * bytes of a packet are, in this order:
 *
 *      data[0 .. linear)        private to the switch: in 'head' or in a buffer of the pool
 *      rest                     one run in a buffer (what a clone shares with its original)
 *      tail[0 .. tail_count)    runs that the receiving port lent until its batch is done:
 *                               a guest's memory, a kernel ring
 *
 * linear + rest + tail = len.  Everything belongs to one worker; nothing here is atomic.
 */
#ifndef XVS_PACKET_PACKET_H
#define XVS_PACKET_PACKET_H

#include <sys/uio.h>

#include "base/counters.h"
#include "xvs/extension.h"

enum {
	PACKET_HEAD =
		128, /* bytes that a port copies into 'head' where the payload stays outside */
	PACKET_PARSE = 256,  /* headers that do not end within so many bytes make a packet BAD */
	PACKET_MAX = 65550,  /* largest frame without outer tag: 64 KiB of IPv6 and its headers */
	BUFFER_SMALL = 2048, /* sizes of buffers, headroom included */
	BUFFER_LARGE = 66560,
};

/* A run of private memory with a count of the packets whose bytes are in it. */
struct buffer {
	struct buffer *next; /* in the pool's free list */
	uint32_t size;       /* of bytes[] */
	uint32_t refs;
	uint8_t bytes[];
};

struct pool;

/*
 * x.host of the public part points to the packet itself: the mark by which host functions
 * tell our packets from invented ones.
 */
struct packet {
	struct xvs_packet x;

	/* line 1: where the bytes are, and whose packet this is */
	struct buffer *buffer; /* that 'data' points into, or NULL: 'head' */
	struct buffer *
		shared; /* that 'rest' points into; NULL: 'rest' is what a pull left of a lent run */
	struct iovec rest;
	const struct iovec *tail;
	struct pool *pool;
	uint32_t charged; /* port whose bounded share of the pool this packet is counted in, or 0 */
	uint32_t segment; /* VLAN or private segment; set at ingress from the port's policy */
	uint16_t tail_count;
	uint16_t owner; /* instance number that stole or made it; 0: the host's */
	uint32_t holds; /* so often packet_free() lets it live: see packet_hold() */

	/*
	 * line 2: where a packet goes on that was set aside.  Whoever sets it aside writes what is
	 * read later; a packet that goes straight through never has this line in the cache.
	 */
	struct packet *next; /* in a queue of the path */
	void *scratch;
	uint64_t epoch;    /* of the configuration in which 'place' was counted */
	uint32_t port_out; /* where it was stolen and goes on */
	uint32_t behind; /* number of the instance behind which it goes on; while owned: entry port */
	uint16_t stage; /* enum xvs_stage in which it was stolen or will go on */
	uint16_t place; /* number of chain places already behind it in that stage */

	uint8_t head[XVS_HEADROOM + PACKET_PARSE] __attribute__((aligned(64)));
};

/* x must stay first: struct xvs_packet and struct packet are one object. */
static inline struct packet *packet_of(const struct xvs_packet *x)
{
	return (struct packet *)(uintptr_t)x;
}

/* ---- pool.c: packets and buffers of one worker --------------------------------------------- */

struct pool_limits {
	uint32_t packets; /* objects, e.g. 4096 */
	uint32_t small;   /* buffers */
	uint32_t large;
};

/* [control] Memory is mapped, touched only when used. */
struct pool *pool_create(const struct pool_limits *limits);
void pool_destroy(struct pool *pool);

/* [worker] Below: a packet with x.host set, headroom XVS_HEADROOM, data in 'head', no bytes.  NULL: none left. */
struct packet *packet_new(struct pool *pool);

/* [worker] As many as there are, at most 'count'; returns how many.  What a port does for a batch. */
uint32_t packet_new_burst(struct pool *pool, struct packet **out, uint32_t count);

/* [worker] Drops its buffers and gives the object back.  Not counted: the caller did. */
void packet_free(struct packet *p);
/* [worker] The same for packets that are all of this pool. */
void packet_free_burst(struct pool *pool, struct packet *const *pkts, uint32_t count);

/*
 * [worker] It is freed 'times' times more before it is: once by each port that sends it as it is.
 * Until then nobody may change what another of them would see.
 */
static inline void packet_hold(struct packet *p, uint32_t times)
{
	p->holds += times;
}

/* [worker] fn for each packet in use with this owner; fn may free it. */
void pool_each_owned(struct pool *pool, uint16_t owner, void (*fn)(void *arg, struct packet *p),
		     void *arg);

/* [worker] A buffer with one reference, or NULL.  Freed by buffer_put() when the last packet lets go. */
struct buffer *buffer_new(struct pool *pool, uint32_t size);
void buffer_put(struct pool *pool, struct buffer *b);

uint32_t pool_packets_left(const struct pool *pool);
uint32_t pool_large_left(const struct pool *pool);
uint32_t pool_small_left(const struct pool *pool);

/*
 * [worker] Makes a packet whose 'len' fresh bytes are linear in a buffer with XVS_HEADROOM.  For
 * tap and for alloc().  NULL: none left.  The bytes are not zeroed.
 */
struct packet *packet_new_linear(struct pool *pool, uint32_t len);

/* ---- bytes.c: moving bytes ------------------------------------------------------------------ */

/* [worker] Copies out of the whole packet; false if [off, off + len) is not within it. */
bool packet_read(const struct packet *p, uint32_t off, void *to, uint32_t len);

/* [worker] Make 'want' bytes linear.  -ENODATA: shorter.  -ENOBUFS: pool empty.  data may move. */
int packet_pull(struct packet *p, uint32_t want);

/* [worker] Make the linear bytes private (copy if another packet shares them), clear SHARED.  -ENOBUFS. */
int packet_unshare(struct packet *p);

/* [worker] Make every byte the switch's own, so that it may outlive its batch.  -ENOBUFS; then unchanged. */
int packet_own(struct packet *p);

/*
 * [worker] As host->clone(): facts, head and headroom own, the rest shared and kept alive; what is
 * lent stays lent, so packet_own() it too if it outlives the batch.  NULL: none left.
 */
struct packet *packet_clone(struct packet *p);
/* [worker] The same for packets of this pool, in order, as far as memory goes; how many. */
uint32_t packet_clone_burst(struct pool *pool, struct packet *const *pkts, struct packet **out,
			    uint32_t count);

/* [worker] Runs of the whole packet, in order; returns how many, or -1 if more than 'max'. */
int packet_iov(const struct packet *p, struct iovec *iov, int max);

/* ---- parse.c: the one parser ----------------------------------------------------------------- */

/*
 * [worker] Computes every fact of the public part from the bytes: flags, ethertype, offsets, hash,
 * vlan.  Takes an outermost tag out of the bytes (unless XVS_PKT_VLAN says a port already gave
 * it).  Pulls up to PACKET_PARSE bytes itself if the headers go on behind 'linear'.  Sets BAD with
 * a reason in *bad (enum host_reason) for what cannot be a packet; never reads outside [data,
 * data + linear).  CSUM and GSO facts given by the port are checked against the headers: a GSO
 * packet whose headers do not fit its type is BAD.
 */
void packet_parse(struct packet *p, uint16_t *bad);

/* ---- lane.c: the same for a batch, faster -------------------------------------------------------- */

/* Packets that came in together at one port. */
struct arrivals {
	uint32_t port;
	uint32_t segment; /* of those without a tag */
	uint32_t count;
	uint32_t flags; /* out: of any */
	uint32_t gso;   /* out: gso_type of any */
	uint64_t now_ns;
	uint64_t bytes; /* out: of all */
	uint64_t bad;   /* out: bit i is set where reasons[i] is */
	uint64_t casts; /* out: bit i: to a group address */
};

/*
 * [worker] packet_parse() and packet_key() of each of up to 64 packets, which get port_in, rx_ns and
 * segment too.  What nearly all packets are goes through in one pass, the rest through the parser; nobody
 * can tell which way a packet took.  The key of a BAD packet is not written.
 */
void packet_parse_batch(struct packet *const *pkts, struct arrivals *a, struct xvs_flow_key *keys,
			uint16_t *reasons);

/* ---- key.c ------------------------------------------------------------------------------------ */

/* [worker] The flow key as it is now, 'port' as given. */
void packet_key(const struct packet *p, uint32_t port, struct xvs_flow_key *key);

/*
 * [worker] Writes the fields of 'set' where 'mask' has ones, keeping all checksums right (IPv4
 * header, TCP/UDP/ICMPv6/SCTP pseudo headers; partial sums; GSO), unshares first.  What the
 * packet does not have (a TCP port of an ARP) is left alone.  ARP: protocol addresses, operation.
 * XVS_KEY_VLAN pushes or pops.  -ENOBUFS: nothing changed.
 */
int packet_rewrite(struct packet *p, const struct xvs_flow_key *set,
		   const struct xvs_flow_key *mask);

/* ---- offload.c -------------------------------------------------------------------------------- */

/* [worker] Fill in the L4 checksum; clears CSUM_TODO.  -ENOBUFS.  -EINVAL: GSO, segment it first. */
int packet_checksum(struct packet *p);

/*
 * [worker] Cuts a GSO packet (TCPv4, TCPv6, UDP_L4; UDP: into IP fragments) into packets as on the
 * wire, checksums filled.
 * out[0..max) are new; 'p' stays the caller's.  Number written, -ENOSPC, -ENOBUFS, -EINVAL
 * (headers do not fit gso_type).
 */
int packet_segment(const struct packet *p, struct packet **out, int max);
enum { SEGMENTS_MAX = 1024 }; /* more than a valid GSO packet can give; smaller gso_size is BAD */

/* ---- vnet.c: the virtio-net header (virtio 1.2, 5.1.6), and tags at the edge -------------------- */

enum { VNET_BYTES = 12, VNET_BYTES_LEGACY = 10 };

/* [worker] Facts from a header that a port read; false: not acceptable (the packet is BAD). */
bool vnet_read(struct packet *p, const uint8_t *header, uint32_t size);
/* [worker] The header for a packet going out; tag_bytes is 4 where the tag is put into the bytes. */
void vnet_write(const struct packet *p, uint8_t *header, uint32_t size, uint32_t tag_bytes);

/*
 * [worker] The packet as bytes for a device that wants tags in the frame: [12 bytes][tag][rest].
 * 'tag' is 4 bytes of the caller's that stay until the iov was used.  Number of runs or -1.
 */
int packet_wire_iov(const struct packet *p, uint8_t tag[4], struct iovec *iov, int max);

#endif /* XVS_PACKET_PACKET_H */
