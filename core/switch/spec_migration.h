/* SPDX-License-Identifier: Apache-2.0 */
/* switch/spec_migration.h - how ports move to and from this host, as the document has it. */
#ifndef XVS_SWITCH_SPEC_MIGRATION_H
#define XVS_SWITCH_SPEC_MIGRATION_H

#include "switch/spec_nat.h" /* struct position */

enum { PEER_SWITCHES = 32, FILE_TEXT = 512 };

/* Another host, and where its ports may come to. */
struct peer_spec {
	char name[64]; /* as its certificate has it */
	struct position at;
	char switches[PEER_SWITCHES][64];
	size_t switch_count;
};

struct migration_spec {
	struct position at;
	bool is_given;
	char listen[64]; /* address with port; "": nobody may come */
	char certificate[FILE_TEXT], key[FILE_TEXT], ca[FILE_TEXT];
	struct peer_spec *peers;
	size_t peer_count;
};

void migration_spec_finish(struct migration_spec *m);
int migration_spec_copy(const struct migration_spec *from, struct migration_spec *to); /* -ENOMEM */
bool migration_spec_equal(const struct migration_spec *a, const struct migration_spec *b);

#endif /* XVS_SWITCH_SPEC_MIGRATION_H */
