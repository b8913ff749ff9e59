/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main/host_id.c - by what hosts are told apart, without asking them: machine-id(5), and the state
 * directory, since two daemons on one machine are two hosts.
 */
#include "main/host_id.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"

enum { MACHINE_ID = 64 };

/* Without a machine-id, by name. */
static size_t read_machine(char out[MACHINE_ID])
{
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, out, MACHINE_ID) : -1;

	if (fd >= 0)
		(void)close(fd);
	if (len > 0)
		return (size_t)len;
	if (gethostname(out, MACHINE_ID) < 0)
		return 0;
	return strnlen(out, MACHINE_ID);
}

uint64_t host_id(const char *state_dir)
{
	char machine[MACHINE_ID];
	uint64_t id = hash_lasting(machine, read_machine(machine), HASH_LASTING_EMPTY);

	return state_dir ? hash_lasting(state_dir, strlen(state_dir), id) : id;
}
