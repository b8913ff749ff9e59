/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/block_server.h - a qemu-storage-daemon with the disks of a machine whose QEMU does not run: a
 * program beside us, as the machine's user, which does not outlive us.  [control]
 */
#ifndef XVS_HV_BLOCK_SERVER_H
#define XVS_HV_BLOCK_SERVER_H

#include "vm.h"

struct block_server;

struct block_server_user {
	void (*ready)(void *arg); /* it can be spoken to */
	/* It has ended by itself, or did not come up; block_server_destroy() remains to be called. */
	void (*ended)(void *arg, const char *why);
	void *arg;
};

/*
 * 'listener' is taken; -1: nothing is exported.  Whoever connects to it must have the key in
 * 'key_folder'.
 */
int block_server_start(struct vm *vm, int listener, const char *key_folder,
		       const struct block_server_user *user, struct block_server **out,
		       struct xvs_error *err);
struct qmp *block_server_qmp(const struct block_server *s);
/* Asks it to close the disks and end; ended() then, with NULL where it did. */
void block_server_quit(struct block_server *s);
/* Kills it, where it is there; its conversation is closed.  NULL is fine. */
void block_server_destroy(struct block_server *s);

#endif /* XVS_HV_BLOCK_SERVER_H */
