/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/netlink.c - one socket, one request at a time, one sentence about a refusal.
 *
 * libmnl checks the length of each message and attribute before it shows them to us.
 */
#include "port/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { ANSWER_SECONDS = 5, ANSWER_BYTES = 32768 };

int netlink_open(struct netlink *nl, struct xvs_error *err)
{
	/* The kernel answers at once; a limit in time turns a lost answer into an error. */
	const struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	int on = 1;

	nl->sequence = 0;
	nl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl->socket)
		return error_set(err, -errno, "", "rtnetlink socket: %s", strerror(errno));
	if (mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int code = -errno;

		netlink_close(nl);
		return error_set(err, code, "", "rtnetlink socket: %s", strerror(-code));
	}
	/* Without these (kernels before 4.12) refusals are a bare errno: still correct. */
	(void)mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_RCVTIMEO, &limit,
			 sizeof(limit));
	return 0;
}

void netlink_close(struct netlink *nl)
{
	if (nl->socket)
		(void)mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

struct nlmsghdr *netlink_request(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request;

	memset(buffer, 0, NETLINK_REQUEST);
	request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = type;
	request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return request;
}

static int note_text(const struct nlattr *attr, void *arg)
{
	const char **text = arg;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		*text = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

/* The attributes stand behind the echoed request, whose payload is absent when capped. */
static const char *kernel_text(const struct nlmsghdr *message, const struct nlmsgerr *answer)
{
	size_t off = sizeof(*answer);
	const char *text = NULL;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(message->nlmsg_flags & NLM_F_CAPPED)) {
		if (answer->msg.nlmsg_len < sizeof(answer->msg))
			return NULL;
		off += NLMSG_ALIGN(answer->msg.nlmsg_len - sizeof(answer->msg));
	}
	if (mnl_nlmsg_get_payload_len(message) < off)
		return NULL;
	(void)mnl_attr_parse(message, (unsigned int)off, note_text, &text);
	return text;
}

/* 0 for an acknowledgement, else the refusal, which is negative. */
static int read_verdict(const struct nlmsghdr *message, struct xvs_error *err)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
	const char *text;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*answer))
		return error_set(err, -EPROTO, "", "short answer from the kernel");
	if (answer->error >= 0)
		return 0;
	text = kernel_text(message, answer);
	return error_set(err, answer->error, "", "%s%s%s", strerror(-answer->error),
			 text ? ": " : "", text ? text : "");
}

struct talk {
	mnl_cb_t fn;
	void *arg;
	struct xvs_error *err;
	int result;
};

static int on_error(const struct nlmsghdr *message, void *arg)
{
	struct talk *talk = arg;

	talk->result = read_verdict(message, talk->err);
	return MNL_CB_STOP;
}

static int on_data(const struct nlmsghdr *message, void *arg)
{
	struct talk *talk = arg;

	return talk->fn ? talk->fn(message, talk->arg) : MNL_CB_OK;
}

static int read_answers(struct netlink *nl, struct talk *talk)
{
	/* No longer than this: libmnl itself then ends a dump at NLMSG_DONE. */
	mnl_cb_t control[NLMSG_ERROR + 1] = { [NLMSG_ERROR] = on_error };
	alignas(struct nlmsghdr) uint8_t buffer[ANSWER_BYTES];
	int more = MNL_CB_OK;

	while (more > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(nl->socket, buffer, sizeof(buffer));

		if (len < 0)
			return error_set(talk->err, -errno, "", "no answer from the kernel: %s",
					 strerror(errno));
		more = mnl_cb_run2(buffer, (size_t)len, nl->sequence,
				   mnl_socket_get_portid(nl->socket), on_data, talk, control,
				   sizeof(control) / sizeof(control[0]));
		if (more < 0)
			return error_set(talk->err, -errno, "", "answer from the kernel: %s",
					 strerror(errno));
	}
	return talk->result;
}

int netlink_talk(struct netlink *nl, struct nlmsghdr *request, mnl_cb_t fn, void *arg,
		 struct xvs_error *err)
{
	struct talk talk = { .fn = fn, .arg = arg, .err = err };

	request->nlmsg_seq = ++nl->sequence;
	/* NLM_F_DUMP is two bits, each of which means something else in other requests. */
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl->socket, request, request->nlmsg_len) < 0)
		return error_set(err, -errno, "", "request to the kernel: %s", strerror(errno));
	return read_answers(nl, &talk);
}
