/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/gate.c - directions of TCP of which all but the numbers is known to be plain.
 *
 * To let a segment in, its worker has to know that the connection lives, is established, authorised by
 * its port as it is now, that both ends have said all, and that it alone has this direction.  All of that
 * changes rarely.  So a worker that has found it true notes in the half, which it reads and writes
 * anyway, of which life that is; while the note stands, the connection's shared line is not read.
 *
 * Whoever ends it, flushes it, takes it out of its state or its epoch back takes both notes away, behind
 * that; who notes looks behind it whether it still is so.  All of that has one order, so one of the
 * two sees the other.  A port that authorises anew moves the state of the world, and who verifies what
 * it keeps of connections calls conn_verify(), which takes them away likewise.  A second worker shows
 * in the word beside it.
 */
#include "conn/table.h"

void gate_open(struct conn *c, unsigned direction, uint32_t generation, uint32_t epoch)
{
	struct half *h = &c->halves[direction];

	atomic_store_explicit(&h->pass, pass_of(generation), memory_order_seq_cst);
	if (atomic_load_explicit(&c->generation, memory_order_seq_cst) != (generation & ~1u) ||
	    atomic_load_explicit(&c->epoch, memory_order_seq_cst) != epoch || /* see adopt.c */
	    atomic_load_explicit(&c->word, memory_order_seq_cst) != STATE_ESTABLISHED)
		atomic_store_explicit(&h->pass, 0, memory_order_seq_cst);
}

/* A note that is not there yet in the one order of all this is of one who sees the change. */
void gate_shut(struct conn *c)
{
	for (unsigned i = 0; i < 2; i++) {
		_Atomic uint32_t *pass = &c->halves[i].pass;

		if (atomic_load_explicit(pass, memory_order_seq_cst))
			atomic_store_explicit(pass, 0, memory_order_seq_cst);
	}
}

void conn_verify(struct conn_table *t, struct conn_ref ref)
{
	struct conn *c = conn_deref(t, ref);

	if (c && proto_has_handshake(c->key.proto) && !conn_holds(t, ref))
		gate_shut(c);
}
