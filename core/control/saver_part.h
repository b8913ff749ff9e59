/* SPDX-License-Identifier: Apache-2.0 */
/* control/saver_part.h - what saving and restoring share. */
#ifndef XVS_CONTROL_SAVER_PART_H
#define XVS_CONTROL_SAVER_PART_H

#include "control/saver.h"
#include "state/archive.h"
#include "switch/bundle.h"

/* One port and one file. */
struct saver {
	struct saver *next;
	struct control *control;
	struct rpc_call *call;
	struct loop_timer *turn;
	void (*go_on)(struct saver *s); /* what the next turn does */
	void (*undo)(struct saver *s);  /* before it is answered with an error; NULL: nothing */
	struct bundle *bundle;
	char target[CONTENT_TARGET];
	char *file;
	int fd;
	/* saving */
	struct port_spec spec;
	struct archive_out out;
	enum bundle_what pass;
	/* restoring */
	struct archive_in *in;
	uint8_t uuid[WIRE_ID]; /* that the file must name */
	bool is_second;        /* it was whole when it was read first */
	json_t *left;          /* {what, why} */
	json_t *differing;     /* features whose policies were others */
	uint64_t records, bytes;
};

/* NULL: it was answered.  'target' as the caller named it; the full name is filled. */
struct saver *saver_create(struct rpc_call *call, const char *target, const char *file);
void saver_turn(struct saver *s, void (*go_on)(struct saver *s));
void saver_fail(struct saver *s, const struct xvs_error *err);
/* 'answer' is taken. */
void saver_done(struct saver *s, json_t *answer);

#endif /* XVS_CONTROL_SAVER_PART_H */
