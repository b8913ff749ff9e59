/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/qmp_message.h - what QEMU says, line by line, as far as it makes sense.
 *
 * A QEMU whose guest has taken it over says anything.  A line that is too long, no JSON, of a shape
 * that the protocol does not know, or out of turn ends the conversation.
 */
#ifndef XVS_HV_QMP_MESSAGE_H
#define XVS_HV_QMP_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	QMP_LINE_MAX = 4 << 20, /* the longest honest answer, query-qmp-schema, has 200 KiB */
	QMP_WORD_MAX = 64,      /* names of events and classes of errors */
	QMP_TEXT_MAX = 400,     /* of what an error says; more is cut */
};

enum qmp_kind { QMP_GREETING, QMP_RETURN, QMP_ERROR, QMP_EVENT };

struct qmp_message {
	enum qmp_kind kind;
	uint64_t id;   /* of the command; 0: it had none */
	json_t *value; /* what is returned; an event's data (NULL: none); owned */
	char word[QMP_WORD_MAX];
	char text[QMP_TEXT_MAX]; /* of an error, without control characters */
	uint32_t version[3];     /* greeting: of QEMU */
};

/* [any] False: 'why' says what is wrong, as a half sentence; nothing to finish. */
bool qmp_message_read(const char *line, size_t len, struct qmp_message *out, char *why,
		      size_t size);
void qmp_message_finish(struct qmp_message *m);

#endif /* XVS_HV_QMP_MESSAGE_H */
