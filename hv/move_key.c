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

static const char key_file[] = "keys.psk";
static const char group_file[] = "dh-params.pem";

/*
 * ffdhe2048 of RFC 7919.  QEMU as server makes a group of its own where there is none, for seconds in
 * which it answers nobody, and then does not need it.
 */
static const char group[] = "-----BEGIN DH PARAMETERS-----\n"
			    "MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz\n"
			    "+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a\n"
			    "87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7\n"
			    "YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi\n"
			    "7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD\n"
			    "ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==\n"
			    "-----END DH PARAMETERS-----\n";

static void path_of(const struct vm *vm, const char *file, char path[MOVE_KEY_FOLDER + 16])
{
	(void)snprintf(path, MOVE_KEY_FOLDER + 16, "%s/move/%s", vm->run, file);
}

/* Anew, for QEMU's user alone. */
static int file_write(const struct vm *vm, const char *file, const char *text,
		      struct xvs_error *err)
{
	const struct user *u = &vm->user;
	char path[MOVE_KEY_FOLDER + 16];
	size_t len = strlen(text);
	int code = 0;
	int fd;

	path_of(vm, file, path);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (fd < 0)
		return error_set(err, -errno, "", "%s: %s", path, strerror(errno));
	if (write(fd, text, len) != (ssize_t)len || (!u->is_us && fchown(fd, u->uid, u->gid)))
		code = -errno;
	(void)close(fd);
	if (code == 0)
		return 0;
	(void)unlink(path);
	return error_set(err, code, "", "%s: it cannot be written: %s", path, strerror(-code));
}

int move_key_write(const struct vm *vm, const char *key, char folder[MOVE_KEY_FOLDER],
		   struct xvs_error *err)
{
	char line[MOVE_KEY_TEXT + 8];
	int code;

	folder_of(vm, folder);
	if (mkdir(folder, 0711) && errno != EEXIST)
		return error_set(err, -errno, "", "folder %s: %s", folder, strerror(errno));
	/* "qemu" is the name by which QEMU looks for it */
	(void)snprintf(line, sizeof(line), "qemu:%s\n", key);
	code = file_write(vm, key_file, line, err);
	explicit_bzero(line, sizeof(line));
	return code ? code : file_write(vm, group_file, group, err);
}

void move_key_remove(const struct vm *vm)
{
	char path[MOVE_KEY_FOLDER + 16];
	char folder[MOVE_KEY_FOLDER];

	path_of(vm, key_file, path);
	(void)unlink(path);
	path_of(vm, group_file, path);
	(void)unlink(path);
	folder_of(vm, folder);
	(void)rmdir(folder);
}
