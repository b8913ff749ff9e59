/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over every file of the corpus directories given, and over nothing at all.
 *
 * Stands in for libFuzzer's main() in ordinary builds, so that what fuzzing once found is
 * tested on every change, by each compiler and sanitizer.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20 };

/* An exact-size heap copy, so that the address sanitizer sees a read behind its end. */
static int replay_bytes(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = calloc(1, size ? size : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, bytes, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	return 0;
}

static int replay_file(const char *path)
{
	static uint8_t buffer[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	size_t size;
	int err;

	if (!file)
		return -errno;
	size = fread(buffer, 1, sizeof(buffer), file);
	err = ferror(file) ? -EIO : replay_bytes(buffer, size);
	(void)fclose(file);
	return err;
}

/* The number of files replayed, or a negative errno. */
static int replay_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	char path[4096];
	int count = 0;
	int err = 0;

	if (!dir)
		return -errno;
	while (err == 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		err = replay_file(path);
		count++;
	}
	(void)closedir(dir);
	if (err)
		(void)fprintf(stderr, "%s: %s\n", path, strerror(-err));
	return err ? err : count;
}

int main(int argc, char **argv)
{
	static const uint8_t nothing[1];
	int total = 0;

	if (replay_bytes(nothing, 0))
		return 1;
	for (int i = 1; i < argc; i++) {
		int count = replay_folder(argv[i]);

		if (count <= 0) {
			(void)fprintf(stderr, "%s: no corpus to replay\n", argv[i]);
			return 1;
		}
		total += count;
	}
	printf("%d inputs replayed\n", total);
	return 0;
}
