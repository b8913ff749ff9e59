/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/reading.h - what the readers of sections and of single values share.
 */
#ifndef XVS_CONFIG_READING_H
#define XVS_CONFIG_READING_H

#include "config/keys.h"

struct reading {
	struct diags *diags;
	char where[256]; /* "switch lab: port vm1: ", put before each message */
	size_t where_len;
};

/* Returns the length to go back to. */
size_t reading_enter(struct reading *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void reading_leave(struct reading *r, size_t before);

void reading_refuse(struct reading *r, const struct node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void reading_refuse_key(struct reading *r, const struct node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void reading_refuse_memory(struct reading *r);

/* Any key but KEY_MAP, KEY_BACKEND and KEY_LIST; errors go to the diagnostics. */
void value_read(struct reading *r, const struct key *k, const struct node *n, void *structure);

#endif /* XVS_CONFIG_READING_H */
