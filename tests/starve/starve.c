/* SPDX-License-Identifier: Apache-2.0 */
/*
 * starve.c - memory fails on purpose: preloaded into a daemon under test.
 *
 * The file that XVS_STARVE names is two 64-bit words, shared with the test.  The first counts down
 * with each allocation that the control thread makes in the program's own code; that which takes it to
 * zero, and as many behind it as the test says in bits 32 and up, get none.  The second counts those.
 * Zero: nothing fails, and each allocation costs two comparisons.
 *
 * Libraries are left alone: what they do without memory is not ours to test.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct starve {
	_Atomic uint64_t left; /* allocations that succeed, and in bits 32.. how many then fail */
	_Atomic uint64_t failed;
};

static struct starve *starve;
static uintptr_t code_start, code_end; /* of the program */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *from, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

/* The first object is the program. */
static int find_code(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
			continue;
		code_start = (uintptr_t)(info->dlpi_addr + part->p_vaddr);
		code_end = code_start + part->p_memsz;
	}
	return 1;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("XVS_STARVE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *words;

	if (fd < 0)
		return;
	words = mmap(NULL, sizeof(*starve), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (words == MAP_FAILED)
		return;
	(void)dl_iterate_phdr(find_code, NULL);
	starve = words;
}

static bool is_refused(const void *caller)
{
	uintptr_t at = (uintptr_t)caller;
	uint64_t left;

	if (!starve)
		return false;
	left = atomic_load_explicit(&starve->left, memory_order_relaxed);
	if (left == 0 || at < code_start || at >= code_end || gettid() != getpid())
		return false;
	if ((uint32_t)left > 1) {
		atomic_store_explicit(&starve->left, left - 1, memory_order_relaxed);
		return false;
	}
	left = left >> 32 ? left - (UINT64_C(1) << 32) : 0;
	atomic_store_explicit(&starve->left, left, memory_order_relaxed);
	atomic_fetch_add_explicit(&starve->failed, 1, memory_order_relaxed);
	errno = ENOMEM;
	return true;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the library's begin with __ */
#define REFUSE() is_refused(__builtin_return_address(0))

__attribute__((visibility("default"))) void *malloc(size_t bytes)
{
	return REFUSE() ? NULL : __libc_malloc(bytes);
}

__attribute__((visibility("default"))) void *calloc(size_t count, size_t bytes)
{
	return REFUSE() ? NULL : __libc_calloc(count, bytes);
}

__attribute__((visibility("default"))) void *realloc(void *from, size_t bytes)
{
	return REFUSE() ? NULL : __libc_realloc(from, bytes);
}

__attribute__((visibility("default"))) void *reallocarray(void *from, size_t count, size_t bytes)
{
	size_t all;

	if (REFUSE())
		return NULL;
	if (!__builtin_mul_overflow(count, bytes, &all))
		return __libc_realloc(from, all);
	errno = ENOMEM;
	return NULL;
}

__attribute__((visibility("default"))) void *aligned_alloc(size_t alignment, size_t bytes)
{
	return REFUSE() ? NULL : __libc_memalign(alignment, bytes);
}

static char *copy_text(const char *text, size_t len)
{
	char *copy = __libc_malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

__attribute__((visibility("default"))) char *strdup(const char *text)
{
	return REFUSE() ? NULL : copy_text(text, strlen(text));
}

__attribute__((visibility("default"))) char *strndup(const char *text, size_t most)
{
	return REFUSE() ? NULL : copy_text(text, strnlen(text, most));
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
