/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/move_key.c - a key in a file of its own.
 *
 * The folder is ours and the file in it QEMU's: whoever broke into QEMU cannot put anything in our way.
 */
#include "move_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"

static const char digits[] = "0123456789abcdef";

void move_key_make(char out[MOVE_KEY_TEXT])
{
	uint8_t bytes[MOVE_KEY_BYTES];

	random_fill(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[MOVE_KEY_TEXT - 1] = '\0';
	explicit_bzero(bytes, sizeof(bytes));
}

bool move_key_is_one(const char *text)
{
	return strlen(text) == MOVE_KEY_TEXT - 1 && strspn(text, digits) == MOVE_KEY_TEXT - 1;
}

static void folder_of(const struct vm *vm, char folder[MOVE_KEY_FOLDER])
{
	(void)snprintf(folder, MOVE_KEY_FOLDER, "%s/move", vm->run);
}

static void path_of(const struct vm *vm, char path[MOVE_KEY_FOLDER + 16])
{
	folder_of(vm, path);
	(void)strcat(path, "/keys.psk");
}

/* "qemu" is the name by which QEMU looks for it. */
static int line_write(int fd, const char *key, const struct user *u)
{
	char line[MOVE_KEY_TEXT + 8];
	int len = snprintf(line, sizeof(line), "qemu:%s\n", key);
	bool is_written = write(fd, line, (size_t)len) == len &&
			  (u->is_us || fchown(fd, u->uid, u->gid) == 0);

	explicit_bzero(line, sizeof(line));
	return is_written ? 0 : -errno;
}

int move_key_write(const struct vm *vm, const char *key, char folder[MOVE_KEY_FOLDER],
		   struct xvs_error *err)
{
	char path[MOVE_KEY_FOLDER + 16];
	int code = 0;
	int fd;

	folder_of(vm, folder);
	path_of(vm, path);
	(void)unlink(path);
	if (mkdir(folder, 0711) && errno != EEXIST)
		return error_set(err, -errno, "", "folder %s: %s", folder, strerror(errno));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (fd < 0)
		return error_set(err, -errno, "", "%s: %s", path, strerror(errno));
	code = line_write(fd, key, &vm->user);
	(void)close(fd);
	if (code == 0)
		return 0;
	(void)unlink(path);
	return error_set(err, code, "", "%s: it cannot be written: %s", path, strerror(-code));
}

void move_key_remove(const struct vm *vm)
{
	char path[MOVE_KEY_FOLDER + 16];
	char folder[MOVE_KEY_FOLDER];

	folder_of(vm, folder);
	path_of(vm, path);
	(void)unlink(path);
	(void)rmdir(folder);
}
