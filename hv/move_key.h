/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/move_key.h - the key of one move, by which two QEMUs know each other (api/vm-migration.md
 * section 1).  [control]
 */
#ifndef XVS_HV_MOVE_KEY_H
#define XVS_HV_MOVE_KEY_H

#include "vm.h"

enum { MOVE_KEY_BYTES = 32, MOVE_KEY_TEXT = 2 * MOVE_KEY_BYTES + 1, MOVE_KEY_FOLDER = VM_SOCKET };

void move_key_make(char out[MOVE_KEY_TEXT]);
/* What another host says is one: 64 digits of base 16. */
bool move_key_is_one(const char *text);

/* 'folder' is for QEMU's tls-creds-psk; only its user can read what is in it. */
int move_key_write(const struct vm *vm, const char *key, char folder[MOVE_KEY_FOLDER],
		   struct xvs_error *err);
void move_key_remove(const struct vm *vm);

#endif /* XVS_HV_MOVE_KEY_H */
