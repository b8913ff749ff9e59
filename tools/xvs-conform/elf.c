/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-conform/elf.c - what a file says before anything of it runs: needs and constructors. */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "trial.h"

enum { LIBRARIES_MAX = 64, OWN_CONSTRUCTORS = 1 /* the compiler's, which registers frames */ };

struct file {
	int fd;
	Elf *elf;
};

static bool file_open(struct file *f, const char *path)
{
	(void)elf_version(EV_CURRENT);
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	f->elf = f->fd < 0 ? NULL : elf_begin(f->fd, ELF_C_READ, NULL);
	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF) {
		watch_find("is not an ELF file");
		return false;
	}
	return true;
}

static void file_close(struct file *f)
{
	if (f->elf)
		(void)elf_end(f->elf);
	if (f->fd >= 0)
		(void)close(f->fd);
}

static Elf_Scn *section_of(Elf *elf, uint32_t type, GElf_Shdr *header)
{
	for (Elf_Scn *s = elf_nextscn(elf, NULL); s; s = elf_nextscn(elf, s))
		if (gelf_getshdr(s, header) && header->sh_type == type)
			return s;
	return NULL;
}

/* ---- symbols --------------------------------------------------------------------------------------- */

struct libraries {
	void *handles[LIBRARIES_MAX];
	size_t count;
};

static void libraries_open(struct libraries *l, Elf *elf)
{
	GElf_Shdr header;
	Elf_Scn *s = section_of(elf, SHT_DYNAMIC, &header);
	Elf_Data *data = s ? elf_getdata(s, NULL) : NULL;
	GElf_Dyn entry;

	for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
		const char *name = entry.d_tag == DT_NEEDED
					   ? elf_strptr(elf, header.sh_link, entry.d_un.d_val)
					   : NULL;

		if (name && l->count < LIBRARIES_MAX) {
			l->handles[l->count] = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
			l->count += l->handles[l->count] != NULL;
		}
	}
	if (l->count < LIBRARIES_MAX) {
		l->handles[l->count] = dlopen("libc.so.6", RTLD_LAZY | RTLD_LOCAL);
		l->count += l->handles[l->count] != NULL;
	}
}

static bool is_found(const struct libraries *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++)
		if (dlsym(l->handles[i], name))
			return true;
	return false;
}

/* Of the compilers' own, which come with the program. */
static bool is_of_sanitizer(const char *name)
{
	return strncmp(name, "__asan", 6) == 0 || strncmp(name, "__ubsan", 7) == 0 ||
	       strncmp(name, "__tsan", 6) == 0 || strncmp(name, "__sanitizer", 11) == 0;
}

static void check_symbols(Elf *elf, const struct libraries *l)
{
	GElf_Shdr header;
	Elf_Scn *s = section_of(elf, SHT_DYNSYM, &header);
	Elf_Data *data = s ? elf_getdata(s, NULL) : NULL;
	GElf_Sym symbol;

	for (int i = 1; data && gelf_getsym(data, i, &symbol); i++) {
		const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);

		if (symbol.st_shndx != SHN_UNDEF || GELF_ST_BIND(symbol.st_info) == STB_WEAK ||
		    !name || !*name || is_of_sanitizer(name) || is_found(l, name))
			continue;
		watch_find("needs %s, which neither the C library nor a library that it names has",
			   name);
		return;
	}
}

enum result rule_symbols(struct trial *t)
{
	struct libraries l = { .count = 0 };
	struct file f = { .fd = -1 };

	if (file_open(&f, t->path)) {
		libraries_open(&l, f.elf);
		check_symbols(f.elf, &l);
	}
	file_close(&f);
	return watch_has_found() ? RESULT_BROKEN : RESULT_HOLDS;
}

/* ---- constructors ---------------------------------------------------------------------------------- */

enum result rule_constructors(struct trial *t)
{
	struct file f = { .fd = -1 };
	GElf_Shdr header;

	if (!memory_is_watched()) {
		watch_find("this build has a sanitizer, which has constructors of its own");
		return RESULT_NOT_TRIED;
	}
	if (file_open(&f, t->path)) {
		if (section_of(f.elf, SHT_INIT_ARRAY, &header) &&
		    header.sh_size / sizeof(uint64_t) > OWN_CONSTRUCTORS)
			watch_find(
				"has %zu constructors beside the compiler's, which run before the "
				"host has checked it",
				(size_t)header.sh_size / sizeof(uint64_t) - OWN_CONSTRUCTORS);
	}
	file_close(&f);
	return watch_has_found() ? RESULT_BROKEN : RESULT_HOLDS;
}
