/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/wire.h - what the daemon and the process of an extension say to each other by their socket.
 *
 * The daemon calls and the process replies, one call at a time; between, the process may say
 * something of its own (WIRE_LOG and what follows).  Both are the same program's and of one version,
 * so a message is a structure; but of what comes from the process nothing is believed.
 */
#ifndef XVS_EXT_WIRE_H
#define XVS_EXT_WIRE_H

#include "xvs/extension.h"

enum {
	WIRE_CALL_MAX = 1 << 28, /* bytes of a message from the daemon, and */
	WIRE_SAY_MAX = 1 << 22,  /* from the process */
};

enum wire_type {
	WIRE_DESCRIBE = 1,
	WIRE_CREATE,
	WIRE_ACTIVE,
	WIRE_PORT_ATTACH,
	WIRE_PORT_EVENT,
	WIRE_PORT_DETACH,
	WIRE_POLICY_CHECK,
	WIRE_POLICY_APPLY,
	WIRE_POLICY_ABORT,
	WIRE_STATUS,
	WIRE_SAVE,
	WIRE_SAVE_END,
	WIRE_RESTORE,
	WIRE_REPLY,
	WIRE_LOG, /* the process of its own accord */
	WIRE_INVALIDATE,
	WIRE_INVALIDATE_MATCH,
};

struct wire_head {
	uint32_t type;
	uint32_t bytes; /* that follow */
};

/* The descriptors with which a process starts. */
enum wire_fd {
	WIRE_FD_SOCKET = 3,
	WIRE_FD_MODULE = 4,
	WIRE_FD_QUESTIONS = 5, /* from here on: not where it is to describe the module */
	WIRE_FD_ANSWERS = 6,
	WIRE_FD_WAKE = 7,
	WIRE_FD_END = 8,
};

/* What each call has; bytes may follow: a value, a record, the text of the instance's name. */
struct wire_call {
	uint32_t port;     /* 0: the switch */
	uint32_t feature;  /* index among those of the extension */
	uint32_t prepared; /* what a check() has built; 0: NULL */
	uint32_t event;    /* or a bool, or a format */
	uint64_t budget_ns;
	uint32_t phase;
	uint32_t has_value;
	struct xvs_port view;
	char port_name[64];
	/* WIRE_CREATE */
	char extension[64], instance[64], switch_name[64];
	uint8_t switch_uuid[16];
	uint32_t workers, ports_max, rights, counters, nr;
	uint32_t reserved;
};

enum { WIRE_HAS_STATE = 1u << 0 };

struct wire_reply {
	int32_t code;
	uint32_t value; /* CREATE: WIRE_HAS_*; CHECK: what was prepared */
	uint32_t format_min, format_max;
	uint64_t left;
	char field[64];
	char text[188];
	uint32_t reserved;
};

struct wire_log {
	int32_t level;
	char text[508];
};

struct wire_match {
	uint64_t tags;
	struct xvs_flow_key key, mask;
};

/* What has come and was not read yet. */
struct wire_box {
	uint8_t *bytes;
	size_t len, room, read;
	size_t most; /* of a message */
};
void wire_box_finish(struct wire_box *box);

/* [any] Until 'until_ns' of the monotonic clock.  0; -ETIMEDOUT, -EPIPE, -ENOMEM. */
int wire_send(int fd, uint32_t type, const void *fixed, size_t fixed_len, const void *more,
	      size_t more_len, uint64_t until_ns);
/* Takes what there is, without waiting.  0: something; -EAGAIN, -EPIPE, -ENOMEM. */
int wire_fill(int fd, struct wire_box *box);
/* The next whole message: its body stays until the next call for this box.  -EAGAIN; -EPROTO: it is too long. */
int wire_next(struct wire_box *box, uint32_t *type, const void **body, size_t *len);
/* Waits for one. */
int wire_wait(int fd, uint64_t until_ns);

#endif /* XVS_EXT_WIRE_H */
