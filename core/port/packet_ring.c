/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/packet_ring.c - TPACKET_V2: frames in memory that the kernel and we share.
 *
 *      frame:  | tpacket2_hdr | sockaddr | .. | virtio_net_hdr | bytes of the packet |
 *                                                              ^ tp_mac
 *
 * Version 3 packs better, but hands blocks over by a timer: a millisecond where we want ten
 * microseconds.  Frames are as long as the device's MTU asks for, so that a ring of 4 MiB holds
 * 2,048 of them and a sleeping worker loses nothing.  What is longer (veth hands over segments of
 * 64 KiB that were never cut) the kernel puts, whole, into the socket's queue and marks its frame
 * with TP_STATUS_COPY (PACKET_COPY_THRESH); one system call for 64 KiB is cheap.  Frame and queue
 * are filled under one lock, so they have the same order.
 *
 * A device that goes down leaves an error on the socket, which wakes the poller until somebody
 * reads it; a worker that finds nothing several times in a row does.
 */
#include "port/packet_ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "port/device.h"

enum {
	RING_BYTES = 4 << 20,
	BLOCK_BYTES = 64 << 10, /* what the kernel allocates in one piece */
	FRAME_MIN = 2048,
	FRAME_MAX = 16384,
	FRAME_EXTRA = 160,      /* headers in front, Ethernet, a second tag */
	QUEUE_BYTES = 16 << 20, /* limit of the socket's queue of long packets */
	LONG_ROOM = BUFFER_LARGE - XVS_HEADROOM,
	TURN_BYTES = 256 << 10,
	POOL_RESERVE = 8, /* large buffers left for others */
	EMPTY_TURNS = 8,
	TPID_SVLAN = 0x88a8,
};

/* ---- opening --------------------------------------------------------------------------------- */

static int set_option(const struct packet_ring *r, int name, int value)
{
	return setsockopt(r->fd, SOL_PACKET, name, &value, sizeof(value)) ? -errno : 0;
}

static uint32_t choose_frame_size(uint32_t mtu)
{
	uint32_t size = FRAME_MIN;

	while (size < mtu + FRAME_EXTRA && size < FRAME_MAX)
		size *= 2;
	return size;
}

/* The options before the ring: the kernel takes them in this order only. */
static int set_options(const struct packet_ring *r)
{
	const int queue_bytes = QUEUE_BYTES;
	int code = set_option(r, PACKET_VERSION, TPACKET_V2);

	if (code == 0)
		code = set_option(r, PACKET_VNET_HDR, 1);
	if (code == 0)
		code = set_option(r, PACKET_IGNORE_OUTGOING, 1);
	if (code == 0)
		code = set_option(r, PACKET_COPY_THRESH, 1);
	(void)setsockopt(r->fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue_bytes, sizeof(queue_bytes));
	return code;
}

static int map_ring(struct packet_ring *r, uint32_t mtu)
{
	const uint32_t frame_size = choose_frame_size(mtu);
	struct tpacket_req request = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = RING_BYTES / BLOCK_BYTES,
		.tp_frame_size = frame_size,
		.tp_frame_nr = RING_BYTES / frame_size,
	};
	void *map;

	if (setsockopt(r->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)))
		return -errno;
	map = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	r->frames = map;
	r->frame_size = frame_size;
	r->frame_count = request.tp_frame_nr;
	return 0;
}

static int bind_ring(const struct packet_ring *r, uint32_t index)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
					.sll_protocol = htons(ETH_P_ALL),
					.sll_ifindex = (int)index };
	const struct packet_mreq promiscuous = { .mr_ifindex = (int)index,
						 .mr_type = PACKET_MR_PROMISC };

	if (bind(r->fd, (const struct sockaddr *)&at, sizeof(at)))
		return -errno;
	if (setsockopt(r->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)))
		return -errno;
	return 0;
}

int packet_ring_open(struct packet_ring *r, uint32_t index, uint32_t mtu, struct xvs_error *err)
{
	int code;

	/* Protocol 0: nothing is received before everything is set. */
	r->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r->fd < 0)
		return error_set(err, -errno, "", "packet socket: %s%s", strerror(errno),
				 errno == EPERM ? "; it needs CAP_NET_RAW" : "");
	code = set_options(r);
	if (code == 0)
		code = map_ring(r, mtu);
	if (code == 0)
		code = bind_ring(r, index);
	if (code == 0)
		return 0;
	packet_ring_close(r);
	return error_set(err, code, "", "packet ring: %s", strerror(-code));
}

void packet_ring_close(struct packet_ring *r)
{
	if (r->frames)
		(void)munmap(r->frames, RING_BYTES);
	if (r->fd >= 0)
		(void)close(r->fd);
	r->frames = NULL;
	r->fd = -1;
}

int packet_ring_join(struct packet_ring *r, uint16_t *group, struct xvs_error *err)
{
	int value = *group | PACKET_FANOUT_HASH << 16;
	socklen_t size = sizeof(value);
	int code;

	if (*group == 0)
		value |= PACKET_FANOUT_FLAG_UNIQUEID << 16;
	code = set_option(r, PACKET_FANOUT, value);
	if (code == 0 && getsockopt(r->fd, SOL_PACKET, PACKET_FANOUT, &value, &size))
		code = -errno;
	if (code)
		return error_set(err, code, "queues", "several receive queues: %s",
				 strerror(-code));
	*group = (uint16_t)value;
	return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static struct tpacket2_hdr *frame_at(const struct packet_ring *r, uint32_t nr)
{
	return (struct tpacket2_hdr *)(void *)(r->frames + (size_t)nr * r->frame_size);
}

static uint32_t status_of(struct tpacket2_hdr *frame)
{
	/* Pairs with the kernel's barrier before it sets TP_STATUS_USER. */
	return __atomic_load_n(&frame->tp_status, __ATOMIC_ACQUIRE);
}

/* A packet in one frame: headers copied to where nobody else writes, the rest lent. */
static struct packet *take_short(struct tpacket2_hdr *frame, struct pool *pool, struct iovec *tail,
				 const uint8_t **header)
{
	uint8_t *bytes = (uint8_t *)frame + frame->tp_mac;
	const uint32_t len = frame->tp_snaplen;
	const uint32_t head = len < PACKET_HEAD ? len : PACKET_HEAD;
	struct packet *p = packet_new(pool);

	if (!p)
		return NULL;
	memcpy(p->x.data, bytes, head);
	p->x.len = len;
	p->x.linear = head;
	*tail = (struct iovec){ bytes + head, len - head };
	p->tail = tail;
	p->tail_count = len > head ? 1 : 0;
	*header = bytes - VNET_BYTES_LEGACY;
	return p;
}

/*
 * Tells of an error on the socket before it gives a packet (the device went down meanwhile); the
 * packet is still there, and if it stayed there each later one would come in the place of the next.
 */
static ssize_t receive_long(const struct packet_ring *r, struct msghdr *message)
{
	ssize_t len = recvmsg(r->fd, message, MSG_DONTWAIT);

	return len < 0 && errno != EAGAIN ? recvmsg(r->fd, message, MSG_DONTWAIT) : len;
}

/* A long packet, from the socket's queue; 0 bytes if it cannot be had. */
static struct packet *take_long(const struct packet_ring *r, struct pool *pool,
				uint8_t header[VNET_BYTES_LEGACY])
{
	struct packet *p =
		pool_large_left(pool) > POOL_RESERVE ? packet_new_linear(pool, LONG_ROOM) : NULL;
	struct iovec iov[] = { { header, VNET_BYTES_LEGACY }, { NULL, LONG_ROOM } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t len;

	if (!p)
		return NULL;
	iov[1].iov_base = p->x.data;
	len = receive_long(r, &message);
	if (len < VNET_BYTES_LEGACY || message.msg_flags & MSG_TRUNC)
		len = VNET_BYTES_LEGACY;
	p->x.len = (uint32_t)(len - VNET_BYTES_LEGACY);
	p->x.linear = p->x.len;
	return p;
}

static void read_tag(const struct tpacket2_hdr *frame, uint32_t status, struct packet *p)
{
	if (!(status & TP_STATUS_VLAN_VALID))
		return;
	p->x.vlan_tci = frame->tp_vlan_tci;
	p->x.flags |= XVS_PKT_VLAN;
	if (status & TP_STATUS_VLAN_TPID_VALID && frame->tp_vlan_tpid == TPID_SVLAN)
		p->x.flags |= XVS_PKT_SVLAN;
}

enum taken { TAKEN, TAKEN_BAD, TAKEN_TRUNCATED, NOT_TAKEN };

static enum taken take_frame(struct packet_ring *r, uint32_t status, struct pool *pool,
			     struct packet **out)
{
	struct tpacket2_hdr *frame = frame_at(r, r->next);
	const bool is_long = (status & TP_STATUS_COPY) != 0;
	uint8_t long_header[VNET_BYTES_LEGACY];
	const uint8_t *header = long_header;
	struct packet *p;

	if (!is_long && frame->tp_snaplen < frame->tp_len)
		return TAKEN_TRUNCATED;
	p = is_long ? take_long(r, pool, long_header)
		    : take_short(frame, pool, &r->tails[r->lent], &header);
	if (!p)
		return NOT_TAKEN;
	if (p->x.len == 0 || !vnet_read(p, header, VNET_BYTES_LEGACY)) {
		packet_free(p);
		return TAKEN_BAD;
	}
	read_tag(frame, status, p);
	*out = p;
	return TAKEN;
}

static void read_error(const struct packet_ring *r)
{
	socklen_t size = sizeof(int);
	int ignored;

	(void)getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &ignored, &size);
}

uint32_t packet_ring_read(struct packet_ring *r, struct pool *pool, struct packet **out,
			  uint32_t max)
{
	uint32_t bytes = 0;
	uint32_t count = 0;

	while (count < max && r->lent < XVS_BATCH_MAX && bytes < TURN_BYTES) {
		const uint32_t status = status_of(frame_at(r, r->next));
		enum taken taken;

		if (!(status & TP_STATUS_USER))
			break;
		taken = take_frame(r, status, pool, &out[count]);
		if (taken == NOT_TAKEN)
			break;
		if (taken == TAKEN)
			bytes += out[count++]->x.len;
		else
			device_count(taken == TAKEN_BAD ? &r->rx_errors : &r->rx_truncated, 1);
		r->next = r->next + 1 < r->frame_count ? r->next + 1 : 0;
		r->lent++;
	}
	if (r->lent == 0 && ++r->empty_turns % EMPTY_TURNS == 0)
		read_error(r);
	/* Nothing to send, nothing to wait for: the caller need not come back with rx_done(). */
	if (count == 0)
		packet_ring_return(r);
	return count;
}

void packet_ring_return(struct packet_ring *r)
{
	uint32_t nr = r->next >= r->lent ? r->next - r->lent : r->next + r->frame_count - r->lent;

	for (; r->lent > 0; r->lent--) {
		/* Our reads of the frame come before the kernel's next write. */
		__atomic_store_n(&frame_at(r, nr)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		nr = nr + 1 < r->frame_count ? nr + 1 : 0;
	}
}

uint64_t packet_ring_drops(struct packet_ring *r)
{
	struct tpacket_stats stats;
	socklen_t size = sizeof(stats);

	if (getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
		r->kernel_drops += stats.tp_drops;
	return r->kernel_drops;
}
