/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/encode.h - every message that a switch sends, in every version.
 *
 * One call writes one message to the end of the writer, or fails the writer and then has written
 * nothing that counts (of_rollback() to where it was).  What a version has no message for
 * (ROLE_STATUS before 1.4, ...) writes nothing.  [any]
 */
#ifndef OPENFLOW_WIRE_ENCODE_H
#define OPENFLOW_WIRE_ENCODE_H

#include "wire/message.h"
#include "wire/view.h"
#include "wire/writer.h"

/* Where a message goes: which version is spoken, and which request it answers (0: none). */
struct of_to {
	struct of_writer *writer;
	uint32_t xid;
	uint8_t version;
};

/* HELLO is of the highest version of the set. */
void of_put_hello(struct of_writer *w, uint32_t xid, uint32_t versions);

/* With as much of the message as is usual, at most 'OF_ERROR_DATA' bytes. */
enum { OF_ERROR_DATA = 1024 };
void of_put_error(const struct of_to *to, of_fault fault, const uint8_t *message, uint32_t len);

/* HELLO_FAILED with a text (1.3, 7.5.4.1); the version is the one that we speak. */
void of_put_hello_failed(const struct of_to *to, const char *text);

void of_put_echo_request(const struct of_to *to, const void *data, uint32_t len);
void of_put_echo_reply(const struct of_to *to, struct of_bytes data);
void of_put_features(const struct of_to *to, const struct of_features_view *v);
void of_put_config(const struct of_to *to, const struct of_config *config);
void of_put_barrier_reply(const struct of_to *to);
void of_put_packet_in(const struct of_to *to, const struct of_packet_in_view *v);
void of_put_flow_removed(const struct of_to *to, const struct of_flow_view *v, uint8_t reason);
void of_put_port_status(const struct of_to *to, const struct of_port_view *v, uint8_t reason);
void of_put_role_reply(const struct of_to *to, uint32_t role, uint64_t generation_id);
void of_put_role_status(const struct of_to *to, uint32_t role, uint8_t reason,
			uint64_t generation_id); /* 1.4 */
void of_put_table_status(const struct of_to *to, const struct of_table_view *v,
			 uint8_t reason); /* 1.4 */
void of_put_async_reply(const struct of_to *to, const struct of_async *async);
void of_put_bundle_reply(const struct of_to *to, const struct of_bundle *request);

/* 'request' is the whole GROUP_MOD or METER_MOD of this version (1.4). */
void of_put_requestforward(const struct of_to *to, struct of_bytes request);

/* QUEUE_GET_CONFIG of 1.0 and 1.3: queues of one port, or of all; as many as one message holds. */
void of_put_queue_config(const struct of_to *to, uint32_t port, const struct of_queue_view *queues,
			 uint32_t count);

/* ---- multipart replies ------------------------------------------------------------------------- */

/*
 * An answer of any length: of_reply_begin(), entries of its type, of_reply_end().  Before an entry
 * that has no room in a message of 64 KiB the message is ended with the flag MORE.  The
 * writer may be emptied between two entries after of_reply_flush().
 */
struct of_reply {
	struct of_to to;
	uint32_t at; /* of the message that is open */
	uint16_t type;
	bool is_open;
};

void of_reply_begin(struct of_reply *r, const struct of_to *to, uint16_t type);

/* Ends the message that is open with MORE; the next entry begins another. */
void of_reply_flush(struct of_reply *r);

/* Ends the answer; one without entries is a message, too. */
void of_reply_end(struct of_reply *r);

void of_reply_desc(struct of_reply *r, const struct of_desc_view *v);
void of_reply_flow(struct of_reply *r, const struct of_flow_view *v);
void of_reply_aggregate(struct of_reply *r, const struct of_aggregate_view *v);
void of_reply_table(struct of_reply *r, const struct of_table_view *v);
void of_reply_table_desc(struct of_reply *r, const struct of_table_view *v);
void of_reply_table_features(struct of_reply *r, const struct of_table_features *v);
void of_reply_port_counts(struct of_reply *r, const struct of_port_counts_view *v);
void of_reply_port(struct of_reply *r, const struct of_port_view *v);
void of_reply_queue(struct of_reply *r, const struct of_queue_view *v);
void of_reply_queue_desc(struct of_reply *r, const struct of_queue_view *v);
void of_reply_group(struct of_reply *r, const struct of_group_view *v);
void of_reply_group_desc(struct of_reply *r, const struct of_group_view *v);
void of_reply_group_features(struct of_reply *r, const struct of_group_features_view *v);
void of_reply_meter(struct of_reply *r, const struct of_meter_view *v);
void of_reply_meter_config(struct of_reply *r, const struct of_meter_view *v);
void of_reply_meter_features(struct of_reply *r, const struct of_meter_features_view *v);

#endif /* OPENFLOW_WIRE_ENCODE_H */
