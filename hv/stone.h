/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/stone.h - what is left of a machine that has moved to another host, and how often one moved.
 *
 * A folder with a stone is no machine, whatever else is in it.  [control]
 */
#ifndef XVS_HV_STONE_H
#define XVS_HV_STONE_H

#include "store.h"

enum { STONE_TEXT = 300 };

/* The highest number of a move of this machine that is remembered; 0: it never moved. */
uint64_t epoch_recall(const struct store *s, const char *name);
int epoch_keep(const struct store *s, const char *name, uint64_t epoch, struct xvs_error *err);

/* The machine is 'host''s now.  Its definition goes; twice is as good as once. */
int stone_lay(const struct store *s, const char *name, const char *host, struct xvs_error *err);
/* "it moved to hostb.example.org at 2026-01-31T12:00:00Z"; false: there is no stone. */
bool stone_read(const struct store *s, const char *name, char out[STONE_TEXT]);
/* It comes back, or a person forgets it. */
int stone_remove(const struct store *s, const char *name, struct xvs_error *err);

#endif /* XVS_HV_STONE_H */
