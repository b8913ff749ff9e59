/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/guest.c - what a front end says about its guest as a station of the network.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "port/vhost_user/session.h"

enum { MTU_MIN = 68, MTU_MAX = 65535 }; /* RFC 791; virtio 1.2 5.1.4.1 */

/*
 * After a migration, for a guest that does not announce itself.  The worker of queue 0 makes the
 * packet; one that has not been made yet is for the same guest, so this one adds nothing.
 */
int request_send_rarp(struct session *s, struct message *m, struct xvs_error *err)
{
	struct vhost_device *d = s->device;

	(void)err;
	/* Acquire: pairs with the worker's release after it read the address. */
	if (atomic_load_explicit(&d->rarp_due, memory_order_acquire))
		return 0;
	memcpy(d->rarp_mac, m->payload, sizeof(d->rarp_mac));
	atomic_store_explicit(&d->rarp_due, 1, memory_order_release);
	vhost_kick_self(d, 0);
	return 0;
}

int request_set_mtu(struct session *s, struct message *m, struct xvs_error *err)
{
	const uint64_t mtu = message_u64(m);

	if (mtu < MTU_MIN || mtu > MTU_MAX)
		return error_set(err, -EINVAL, "", "NET_SET_MTU says %llu, must be %d..%d",
				 (unsigned long long)mtu, MTU_MIN, MTU_MAX);
	s->guest_mtu = (uint32_t)mtu;
	return 0;
}

/* We have nothing to ask for; the front end watches the other end, so it stays open. */
int request_set_backend_fd(struct session *s, struct message *m, struct xvs_error *err)
{
	(void)err;
	if (s->requests_fd >= 0)
		(void)close(s->requests_fd);
	s->requests_fd = message_take_fd(m, 0);
	return 0;
}
