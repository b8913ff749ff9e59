/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/host.h - what the host offers to each instance of an extension.
 */
#ifndef XVS_HOST_H
#define XVS_HOST_H

#include "packet.h"

#ifdef __cplusplus
extern "C" {
#endif

enum xvs_log_level { XVS_LOG_ERROR = 3, XVS_LOG_WARN = 4, XVS_LOG_INFO = 6, XVS_LOG_DEBUG = 7 };

/*
 * What every host offers.  One is made per instance, so the host always knows who
 * calls; pass it back as 'h'.  Functions marked [worker] may be called with packets
 * of the current batch or with stolen ones, and never fail for want of memory
 * alone without saying so by their result.
 *
 * A packet that you own (stolen, cloned, allocated) belongs to the worker on which
 * you got it and leaves by exactly one of resume, inject, deliver and release, which
 * take it in every case: on failure it is freed and counted.  Each needs no more
 * than the rights in the note: QUEUE to steal, ORIGINATE for inject and deliver.
 */
struct xvs_host {
	uint32_t size;
	uint32_t abi_minor;
	const char *name;    /* "xvs 1.3.0" */

	/* [any] Rate-limited per call site by the host; one line, no newline. */
	void (*log)(const struct xvs_host *h, int level, const char *text);

	/* [any] The time, of the clock of batch->now_ns (which workers use instead). */
	uint64_t (*now)(const struct xvs_host *h);

	/* [any] Optional host interface, or NULL.  Kept.  E.g. "xvs.timer/1". */
	const void *(*query)(const struct xvs_host *h, const char *id);

	/*
	 * [control] Run fn(arg) on the control thread once every worker has left
	 * whatever it was doing at the time of this call.  The way to replace what
	 * workers read: publish the new pointer with a release store, then defer
	 * freeing the old one.  Cannot fail; fn never runs before this call has returned.
	 */
	void (*defer)(const struct xvs_host *h, void (*fn)(void *arg), void *arg);

	/* [worker] Make 'want' bytes readable at p->data.  -ENODATA: packet is shorter.  -ENOBUFS. */
	int (*pull)(const struct xvs_host *h, struct xvs_packet *p, uint32_t want);

	/* [worker] Make the bytes private, so that they may be written.  -ENOBUFS. */
	int (*unshare)(const struct xvs_host *h, struct xvs_packet *p);

	/* [worker] A second packet: own first 128 bytes and headroom, the rest shared.  Given; NULL: none left. */
	struct xvs_packet *(*clone)(const struct xvs_host *h, const struct xvs_packet *p);

	/* [worker] A fresh packet, 'len' zero bytes, all linear, port_in NONE.  Given; NULL: none left. */
	struct xvs_packet *(*alloc)(const struct xvs_host *h, uint32_t len);

	/*
	 * [worker] A stolen packet goes on where it was stolen: same stage, same exit
	 * port, behind this extension, in the next burst, parsed again if DIRTY.
	 * -ENOENT: its port has gone.
	 */
	int (*resume)(const struct xvs_host *h, struct xvs_packet *p);

	/*
	 * [worker] The packet enters at 'port', or nowhere in particular (XVS_PORT_NONE).
	 * It is parsed and continues on ingress BEHIND this extension, in the next burst;
	 * so every later filter and the forwarder still judge it.  Another port than the
	 * packet's own port_in, or that of a batch in hand, needs the right IMPERSONATE.
	 * -ENOENT: no such port.  -EAGAIN: injection queue full.
	 */
	int (*inject)(const struct xvs_host *h, struct xvs_packet *p, uint32_t port);

	/*
	 * [worker] The packet is parsed and goes to the whole egress chain of 'dest', in the
	 * next burst.  For answers (ARP, RST, ICMP) and for packets that a forwarder makes,
	 * copies or decapsulates.  'dest' is a port, or, from a forwarder, any destination;
	 * port_in is kept, so that an uplink's packet still never leaves by an uplink; a
	 * packet of your own making may.  With IMPERSONATE you may write port_in of one of your
	 * making before: it is then judged and tagged as what entered there (a controller's
	 * packet-out).  No batch need be in hand: a call of "xvs.mailbox/1" will do.
	 * Results as of inject.
	 */
	int (*deliver)(const struct xvs_host *h, struct xvs_packet *p, uint32_t dest);

	/* [worker] Give back a packet that you own, counted under 'reason'. */
	void (*release)(const struct xvs_host *h, struct xvs_packet *p, uint16_t reason);
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_HOST_H */
