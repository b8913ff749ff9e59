/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/archive.h - a port's policies and state in a file, for a machine that is saved, kept as a
 * checkpoint or carried elsewhere: frames of api/migration.md, one way.
 *
 *      admit: what the port is | state ... | round: the last, with how much there was
 *
 * Every frame has a sum, the last one says that all is there: a file that is damaged, cut or longer is
 * refused before anything of it is used.  What a file says is as hostile as what a peer says.  [any]
 */
#ifndef XVS_STATE_ARCHIVE_H
#define XVS_STATE_ARCHIVE_H

#include "state/content.h"

/* ---- out ---------------------------------------------------------------------------------------- */

struct archive_out {
	int (*write)(void *arg, const void *bytes, size_t len); /* all of it, or -errno */
	void *arg;
	uint8_t id[WIRE_ID], port[WIRE_ID];
	uint64_t sequence;
	uint64_t records, bytes; /* so far */
};

/* 'description' is {"switch", "port", "policies", "state"} of section 4. */
int archive_begin(struct archive_out *o, const json_t *description, struct xvs_error *err);
int archive_record(struct archive_out *o, const struct content_record *r, struct xvs_error *err);
int archive_end(struct archive_out *o, struct xvs_error *err);

/* ---- in ----------------------------------------------------------------------------------------- */

struct archive_in;

/* What is read is borrowed.  An error ends the reading. */
struct archive_reader {
	/* First, and once.  'a' has what the port was: switch_name, target, uuid, offer, owners. */
	int (*described)(void *arg, struct arrival *a, struct xvs_error *err);
	int (*record)(void *arg, const struct content_record *r, struct xvs_error *err);
	void *arg;
};

/* NULL: out of memory. */
struct archive_in *archive_open(const struct archive_reader *reader);
void archive_close(struct archive_in *in); /* NULL is fine */
/* In pieces of any size.  -errno with the reason: no more may follow. */
int archive_read(struct archive_in *in, const uint8_t *bytes, size_t len, struct xvs_error *err);
/* The file has ended: was that all of it? */
int archive_finish(struct archive_in *in, struct xvs_error *err);

#endif /* XVS_STATE_ARCHIVE_H */
