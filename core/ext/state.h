/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/state.h - the host's half of "xvs.state/1": what an instance keeps of a port while it runs,
 * as bytes, and back.
 *
 * All [control].  A record is what one call of save() wrote, whole or not at all; restore() gets one
 * whole.  What an extension writes is bounded, what it takes of the control thread is measured: who
 * exceeds a turn is named in the journal, and in *took_ns.
 */
#ifndef XVS_EXT_STATE_H
#define XVS_EXT_STATE_H

#include "ext/instance.h"

enum {
	STATE_TURN_NS = 10000000,    /* of the control thread, for one call */
	STATE_RECORD_MAX = 16 << 20, /* bytes of one record */
};

/* Formats that both know, the newest of them; 0: none, and *err says why. */
uint32_t state_agree(const struct instance *i, uint32_t format_min, uint32_t format_max,
		     struct xvs_error *err);

struct state_turn {
	uint32_t phase;     /* enum xvs_save_phase */
	uint32_t format;    /* as agreed */
	uint64_t budget_ns; /* told to the extension */
};

struct state_record {
	uint8_t *bytes; /* to free() */
	size_t len;     /* 0: it had nothing to write */
	uint64_t left;  /* bytes that are still to be written, as it estimates */
	uint64_t took_ns;
};

/* On failure there is nothing to free. */
int state_save(struct instance *i, void *port_state, const struct state_turn *turn,
	       struct state_record *out, struct xvs_error *err);
void state_save_end(struct instance *i, void *port_state, bool moved);

struct state_bytes {
	const void *bytes;
	size_t len;
	uint32_t format;
};

/* What the extension leaves unread is an error too: it took the record for another. */
int state_restore(struct instance *i, void *port_state, const struct state_bytes *in,
		  struct xvs_error *err);

#endif /* XVS_EXT_STATE_H */
