/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/state.h - optional interface "xvs.state/1": run-time state that moves with a port.
 */
#ifndef XVS_STATE_H
#define XVS_STATE_H

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XVS_STATE "xvs.state/1"

/* Writes or reads all 'len' bytes or returns a negative errno; never short. */
struct xvs_sink {
	uint32_t size;
	uint32_t reserved;
	uint64_t left; /* set it before returning: bytes still to be written, as an estimate */
	int (*write)(struct xvs_sink *s, const void *bytes, size_t len);
};
struct xvs_source {
	uint32_t size;
	uint32_t reserved;
	size_t left; /* bytes not read yet of this record */
	int (*read)(struct xvs_source *s, void *bytes, size_t len);
};

enum xvs_save_phase {
	XVS_SAVE_RUNNING = 1, /* packets flow; called again while 'left' is large: write what changed */
	XVS_SAVE_FINAL = 2,   /* port is FROZEN; write the rest within budget_ns */
};

struct xvs_save {
	uint32_t size;
	uint32_t phase;
	uint64_t budget_ns;   /* return by then, in both phases */
	uint32_t format;      /* newest format that both sides know */
	uint32_t reserved;
};

/*
 * Moves one port's run-time state (connections, learned addresses; not policy,
 * which the host moves) to another host, or to a newer version of this extension
 * in the same host: an upgrade is a migration that stays at home.  Records are
 * host-framed: extension id, format, port uuid, length, checksum.  State is a
 * cache of the past, never the authority: restore() treats it as hostile input,
 * and a port without restored state must work, merely colder.  Records are restored
 * in the order in which they were written, before packets come.  port_state == NULL
 * is the state of the switch as a whole: it goes to a newer version and through a
 * restart of the daemon, never to another host.  Workers change what you save:
 * read it as you would from any other thread.
 */
struct xvs_state {
	uint32_t size;
	uint32_t format_min, format_max; /* formats that restore() reads; save writes any of them */
	uint32_t reserved;
	int (*save)(void *self, void *port_state, const struct xvs_save *ctx,
		    struct xvs_sink *out, struct xvs_error *err);                /* [control] */
	void (*save_end)(void *self, void *port_state, bool moved);              /* [control] */
	int (*restore)(void *self, void *port_state, uint32_t format,
		       struct xvs_source *in, struct xvs_error *err);            /* [control] */
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_STATE_H */
