/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/features.c - what we offer, what the front end took of it, and the device's status.
 *
 * QEMU lets its guest have only those features of rings and offloads that the back end offers, and
 * adds by itself those that it makes alone (status, the control queue).  Not IN_ORDER: workers give
 * buffers back out of order (architecture 16.5).
 */
#include "port/vhost_user/session.h"

#include <errno.h>
#include <stdio.h>

#define BIT(n) (UINT64_C(1) << (n))

static const uint64_t offload_features =
	BIT(VHOST_NET_CSUM) | BIT(VHOST_NET_GUEST_CSUM) | BIT(VHOST_NET_GUEST_TSO4) |
	BIT(VHOST_NET_GUEST_TSO6) | BIT(VHOST_NET_GUEST_ECN) | BIT(VHOST_NET_GUEST_UFO) |
	BIT(VHOST_NET_HOST_TSO4) | BIT(VHOST_NET_HOST_TSO6) | BIT(VHOST_NET_HOST_ECN) |
	BIT(VHOST_NET_HOST_UFO) | BIT(VHOST_NET_GUEST_USO4) | BIT(VHOST_NET_GUEST_USO6) |
	BIT(VHOST_NET_HOST_USO);

static const uint64_t base_features = BIT(VHOST_NET_MTU) | BIT(VHOST_NET_MRG_RXBUF) |
				      BIT(VHOST_NET_STATUS) | BIT(VHOST_NET_GUEST_ANNOUNCE) |
				      BIT(VHOST_NET_MQ) | BIT(VHOST_F_LOG_ALL) |
				      BIT(VHOST_RING_INDIRECT) | BIT(VHOST_RING_EVENT_IDX) |
				      BIT(VHOST_F_PROTOCOL_FEATURES) | BIT(VHOST_F_VERSION_1);

static const uint64_t protocol_features =
	BIT(PROTOCOL_MQ) | BIT(PROTOCOL_LOG_SHMFD) | BIT(PROTOCOL_RARP) | BIT(PROTOCOL_REPLY_ACK) |
	BIT(PROTOCOL_NET_MTU) | BIT(PROTOCOL_BACKEND_REQ) | BIT(PROTOCOL_INFLIGHT_SHMFD) |
	BIT(PROTOCOL_RESET_DEVICE) | BIT(PROTOCOL_CONFIGURE_MEM_SLOTS) | BIT(PROTOCOL_STATUS);

uint64_t features_of_ours(bool offloads, bool packed)
{
	return base_features | (offloads ? offload_features : 0) |
	       (packed ? BIT(VHOST_RING_PACKED) : 0);
}

uint32_t features_offloads(uint64_t features)
{
	uint32_t offloads = OFFLOAD_TAG;

	/* Segments have unfinished sums, so a guest that takes the one takes the other (5.1.3.1). */
	if (!vhost_has(features, VHOST_NET_GUEST_CSUM))
		return offloads;
	offloads |= OFFLOAD_CSUM;
	if (vhost_has(features, VHOST_NET_GUEST_TSO4))
		offloads |= OFFLOAD_TSO4;
	if (vhost_has(features, VHOST_NET_GUEST_TSO6))
		offloads |= OFFLOAD_TSO6;
	if (vhost_has(features, VHOST_NET_GUEST_UFO))
		offloads |= OFFLOAD_UFO;
	if (vhost_has(features, VHOST_NET_GUEST_USO4) && vhost_has(features, VHOST_NET_GUEST_USO6))
		offloads |= OFFLOAD_USO;
	return offloads;
}

int request_get_features(struct session *s, struct message *m, struct xvs_error *err)
{
	(void)m;
	(void)err;
	session_reply_u64(s, s->offered);
	return 0;
}

int request_set_features(struct session *s, struct message *m, struct xvs_error *err)
{
	const uint64_t wanted = message_u64(m);
	const uint64_t logging = BIT(VHOST_F_LOG_ALL);

	if (wanted & ~s->offered)
		return error_set(err, -EINVAL, "",
				 "SET_FEATURES takes 0x%llx, which was not offered",
				 (unsigned long long)(wanted & ~s->offered));
	if (s->has_features && ((wanted ^ s->features) & ~logging) && ring_some_wanted(s))
		return error_set(err, -EBUSY, "",
				 "SET_FEATURES changes 0x%llx while rings run; only logging may",
				 (unsigned long long)((wanted ^ s->features) & ~logging));
	s->features = wanted;
	s->has_features = true;
	s->is_dirty = true;
	return 0;
}

int request_get_protocol(struct session *s, struct message *m, struct xvs_error *err)
{
	(void)m;
	(void)err;
	session_reply_u64(s, protocol_features);
	return 0;
}

int request_set_protocol(struct session *s, struct message *m, struct xvs_error *err)
{
	const uint64_t wanted = message_u64(m);

	if (wanted & ~protocol_features)
		return error_set(err, -EINVAL, "",
				 "SET_PROTOCOL_FEATURES takes 0x%llx, which was not offered",
				 (unsigned long long)(wanted & ~protocol_features));
	s->protocol = wanted;
	return 0;
}

int request_get_queue_num(struct session *s, struct message *m, struct xvs_error *err)
{
	(void)m;
	(void)err;
	session_reply_u64(s, s->device->ring_count / 2);
	return 0;
}

int request_get_status(struct session *s, struct message *m, struct xvs_error *err)
{
	(void)m;
	(void)err;
	session_reply_u64(s, s->status);
	return 0;
}

int request_set_status(struct session *s, struct message *m, struct xvs_error *err)
{
	const uint64_t status = message_u64(m);

	if (status > UINT8_MAX)
		return error_set(err, -EINVAL, "", "SET_STATUS says 0x%llx, more than 8 bits",
				 (unsigned long long)status);
	s->status = (uint8_t)status;
	if (status == 0) /* the driver resets the device: it uses no ring any more */
		rings_stop(s);
	return 0;
}

/* RESET_OWNER is old and means so much at most; memory stays with both. */
int request_reset(struct session *s, struct message *m, struct xvs_error *err)
{
	(void)err;
	rings_stop(s);
	if (m->request != REQUEST_RESET_DEVICE)
		return 0;
	rings_clear(s);
	s->features = 0;
	s->has_features = false;
	s->status = 0;
	return 0;
}

int request_nothing(struct session *s, struct message *m, struct xvs_error *err)
{
	(void)s;
	(void)m;
	(void)err;
	return 0;
}

/* ---- in words --------------------------------------------------------------------------------- */

static const struct {
	enum vhost_feature bit;
	enum features_group group;
	const char *word;
} words[] = {
	{ VHOST_RING_PACKED, FEATURES_RING, "packed" },
	{ VHOST_RING_EVENT_IDX, FEATURES_RING, "event-idx" },
	{ VHOST_RING_INDIRECT, FEATURES_RING, "indirect" },
	{ VHOST_NET_MRG_RXBUF, FEATURES_RING, "mrg-rxbuf" },
	{ VHOST_F_VERSION_1, FEATURES_RING, "version-1" },
	{ VHOST_NET_MQ, FEATURES_RING, "mq" },
	{ VHOST_NET_MTU, FEATURES_RING, "mtu" },
	{ VHOST_NET_GUEST_ANNOUNCE, FEATURES_RING, "announce" },
	{ VHOST_F_LOG_ALL, FEATURES_RING, "log-all" },
	{ VHOST_NET_GUEST_CSUM, FEATURES_TAKES, "csum" },
	{ VHOST_NET_GUEST_TSO4, FEATURES_TAKES, "tso4" },
	{ VHOST_NET_GUEST_TSO6, FEATURES_TAKES, "tso6" },
	{ VHOST_NET_GUEST_ECN, FEATURES_TAKES, "ecn" },
	{ VHOST_NET_GUEST_UFO, FEATURES_TAKES, "ufo" },
	{ VHOST_NET_GUEST_USO4, FEATURES_TAKES, "uso4" },
	{ VHOST_NET_GUEST_USO6, FEATURES_TAKES, "uso6" },
	{ VHOST_NET_CSUM, FEATURES_SENDS, "csum" },
	{ VHOST_NET_HOST_TSO4, FEATURES_SENDS, "tso4" },
	{ VHOST_NET_HOST_TSO6, FEATURES_SENDS, "tso6" },
	{ VHOST_NET_HOST_ECN, FEATURES_SENDS, "ecn" },
	{ VHOST_NET_HOST_UFO, FEATURES_SENDS, "ufo" },
	{ VHOST_NET_HOST_USO, FEATURES_SENDS, "uso" },
};

void features_print(uint64_t features, enum features_group group, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].group != group || !vhost_has(features, words[i].bit))
			continue;
		if (len < size)
			len += (size_t)snprintf(out + len, size - len, "%s%s", len ? " " : "",
						words[i].word);
	}
	if (len == 0)
		(void)snprintf(out, size, "none");
}
