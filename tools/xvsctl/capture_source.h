/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/capture_source.h - packets of a capture session of the daemon, in order of time, with names. */
#ifndef XVSCTL_CAPTURE_SOURCE_H
#define XVSCTL_CAPTURE_SOURCE_H

#include "client.h"
#include "control/capture.h"
#include "control/counters.h"

struct capture_source;

/*
 * Starts a session by "capture.start" with 'params' (taken); it ends with the connection.  Else
 * the exit code, and what went wrong has been said.
 */
int capture_source_open(struct client *client, json_t *params, struct capture_source **out);
void capture_source_close(struct capture_source *s); /* NULL is fine */

/*
 * The oldest packet that has arrived, NULL: none.  It stays until the next call, which gives its
 * room back to the daemon.
 */
const struct capture_record *capture_source_next(struct capture_source *s);
/* Its bytes with its tag in them, and their number; 'wire_len' likewise. */
const uint8_t *capture_source_frame(struct capture_source *s, const struct capture_record *c,
				    uint32_t *cap_len, uint32_t *wire_len);
/* Nanoseconds since 1970. */
uint64_t capture_source_ns(const struct capture_source *s, const struct capture_record *c);
uint32_t capture_source_snaplen(const struct capture_source *s);
uint64_t capture_source_lost(const struct capture_source *s);

/* Names as the daemon publishes them now; those of things that have gone since are kept. */
void capture_source_learn(struct capture_source *s);
/* "port 7" where it has no name; good until the next call. */
const char *capture_source_name(struct capture_source *s, enum counters_kind kind,
				uint32_t instance, uint32_t id);

#endif /* XVSCTL_CAPTURE_SOURCE_H */
