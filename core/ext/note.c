/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/note.c - what a file says of itself before any of it is loaded.
 *
 * The frame of the file (header, segments, section table) is checked against its size by our own
 * arithmetic, so a file that was cut anywhere is refused before libelf or the dynamic linker
 * meets it.  libelf walks the notes.
 */
#include "ext/module.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ext/file.h"
#include "ext/names.h"

#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#define NATIVE_NAME "x86-64"
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#define NATIVE_NAME "arm64"
#else
#error "name the machine here"
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_DATA ELFDATA2LSB
#else
#define NATIVE_DATA ELFDATA2MSB
#endif

enum {
	NOTE_TYPE = 1,
	DESC_1_0 = 100, /* bytes of the note's description in ABI 1.0 */
	DESC_MAJOR = 0, /* places within the description */
	DESC_MINOR = offsetof(struct xvs_note, needs_minor) - offsetof(struct xvs_note, abi_major),
	DESC_CLASSES = offsetof(struct xvs_note, classes) - offsetof(struct xvs_note, abi_major),
	DESC_RIGHTS = offsetof(struct xvs_note, rights) - offsetof(struct xvs_note, abi_major),
	DESC_ID = offsetof(struct xvs_note, id) - offsetof(struct xvs_note, abi_major),
	DESC_VERSION = offsetof(struct xvs_note, version) - offsetof(struct xvs_note, abi_major),
	CLASSES_KNOWN = 1 << XVS_INSPECT | 1 << XVS_FILTER | 1 << XVS_FIREWALL | 1 << XVS_FORWARD,
	RIGHTS_KNOWN = (XVS_RIGHT_NETWORK << 1) - 1,
};
_Static_assert(sizeof(struct xvs_note) - 16 == DESC_1_0, "as every module was built with it");

/* One description, as it lies in the file. */
struct desc {
	const unsigned char *bytes;
	size_t size;
};

/* The notes found: the one of our major, and another major where there is none. */
struct found {
	struct desc ours;
	uint32_t ours_count;
	uint32_t other_count;
	uint16_t other_major;
};

static int cut_short(const char *what, uint64_t end, size_t size, struct xvs_error *err)
{
	return error_set(err, -ENOEXEC, "",
			 "is cut short: its %s end at byte %llu, the file at %zu", what,
			 (unsigned long long)end, size);
}

/* True if [off, off + len) lies in the file; *end is where it ends, for the message. */
static bool lies_within(uint64_t off, uint64_t len, size_t size, uint64_t *end)
{
	if (__builtin_add_overflow(off, len, end)) {
		*end = UINT64_MAX;
		return false;
	}
	return *end <= size;
}

static int ident_check(const unsigned char *bytes, size_t size, struct xvs_error *err)
{
	if (size < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return error_set(err, -ENOEXEC, "", "is not an ELF file: not a shared object");
	if (size < sizeof(Elf64_Ehdr))
		return error_set(err, -ENOEXEC, "",
				 "is cut short: its ELF header ends at byte %zu, the file at %zu",
				 sizeof(Elf64_Ehdr), size);
	if (bytes[EI_CLASS] != ELFCLASS64)
		return error_set(err, -ENOEXEC, "",
				 "is not a 64-bit ELF file: build it for " NATIVE_NAME);
	if (bytes[EI_DATA] != NATIVE_DATA)
		return error_set(err, -ENOEXEC, "",
				 "has the other byte order: build it for " NATIVE_NAME);
	return 0;
}

static int header_check(const Elf64_Ehdr *h, size_t size, struct xvs_error *err)
{
	uint64_t end;

	if (h->e_machine != NATIVE_MACHINE)
		return error_set(err, -ENOEXEC, "",
				 "is made for ELF machine %u: build it for " NATIVE_NAME " (%u)",
				 h->e_machine, (unsigned)NATIVE_MACHINE);
	if (h->e_type != ET_DYN)
		return error_set(err, -ENOEXEC, "",
				 "is ELF type %u, not a shared object: link it with -shared",
				 h->e_type);
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 || h->e_phnum == PN_XNUM)
		return error_set(err, -ENOEXEC, "", "has no usable program headers");
	if (!lies_within(h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr), size, &end))
		return cut_short("program headers", end, size, err);
	/* Linkers put this table last, so it tells of the loss of a single byte. */
	if (h->e_shoff &&
	    !lies_within(h->e_shoff, (uint64_t)h->e_shnum * h->e_shentsize, size, &end))
		return cut_short("section headers", end, size, err);
	return 0;
}

static Elf64_Phdr segment_read(const unsigned char *bytes, const Elf64_Ehdr *h, unsigned nr)
{
	Elf64_Phdr segment;

	memcpy(&segment, bytes + h->e_phoff + (size_t)nr * sizeof(segment), sizeof(segment));
	return segment;
}

static int segments_check(const unsigned char *bytes, const Elf64_Ehdr *h, size_t size,
			  struct xvs_error *err)
{
	for (unsigned i = 0; i < h->e_phnum; i++) {
		Elf64_Phdr segment = segment_read(bytes, h, i);
		uint64_t end;

		if (segment.p_type != PT_NULL &&
		    !lies_within(segment.p_offset, segment.p_filesz, size, &end))
			return cut_short("segments", end, size, err);
	}
	return 0;
}

static uint16_t desc_u16(const struct desc *d, size_t at)
{
	uint16_t v;

	memcpy(&v, d->bytes + at, sizeof(v));
	return v;
}

static uint32_t desc_u32(const struct desc *d, size_t at)
{
	uint32_t v;

	memcpy(&v, d->bytes + at, sizeof(v));
	return v;
}

static void note_seen(const struct desc *d, struct found *found)
{
	uint16_t major = d->size >= sizeof(uint16_t) ? desc_u16(d, DESC_MAJOR) : 0;

	if (major == XVS_ABI_MAJOR) {
		found->ours = *d;
		found->ours_count++;
	} else {
		found->other_major = major;
		found->other_count++;
	}
}

static bool is_our_note(const GElf_Nhdr *header, const char *name)
{
	static const char ours[4] = "xvs";

	return header->n_type == NOTE_TYPE && header->n_namesz == sizeof(ours) &&
	       memcmp(name, ours, sizeof(ours)) == 0;
}

/* The notes of one segment; libelf stops at the first that does not fit. */
static void notes_walk(Elf *elf, const Elf64_Phdr *segment, struct found *found)
{
	Elf_Type type = segment->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
	Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)segment->p_offset,
					      (size_t)segment->p_filesz, type);
	size_t at = 0;

	while (data && at < data->d_size) {
		GElf_Nhdr header;
		size_t name;
		size_t desc;
		size_t next = gelf_getnote(data, at, &header, &name, &desc);

		if (next <= at)
			break;
		at = next;
		if (is_our_note(&header, (const char *)data->d_buf + name)) {
			struct desc d = { (const unsigned char *)data->d_buf + desc,
					  header.n_descsz };

			note_seen(&d, found);
		}
	}
}

static int desc_text(const struct desc *d, size_t at, size_t room, char *out, const char *what,
		     struct xvs_error *err)
{
	memcpy(out, d->bytes + at, room);
	if (!memchr(out, '\0', room))
		return error_set(err, -EINVAL, "", "%s has no end within %zu bytes", what, room);
	return text_check(what, out, room - 1, err);
}

static int tail_check(const struct desc *d, struct xvs_error *err)
{
	for (size_t i = DESC_1_0; i < d->size; i++) {
		if (d->bytes[i])
			return error_set(
				err, -E2BIG, "",
				"xvs_note: byte %zu is not zero, and this host knows %u bytes only",
				i + offsetof(struct xvs_note, abi_major),
				(unsigned)sizeof(struct xvs_note));
	}
	return 0;
}

static int note_check(const struct module_note *note, struct xvs_error *err)
{
	if (note->needs_minor > XVS_ABI_MINOR)
		return error_set(err, -EPROTONOSUPPORT, "",
				 "needs ABI %u.%u, this host offers %u.%u: use a newer xvs",
				 note->abi_major, note->needs_minor, XVS_ABI_MAJOR, XVS_ABI_MINOR);
	if (!note->classes || note->classes & ~(uint32_t)CLASSES_KNOWN)
		return error_set(err, -EINVAL, "", "xvs_note.classes: 0x%x has %s bits",
				 note->classes, note->classes ? "unknown" : "no");
	if (note->rights & ~(uint32_t)RIGHTS_KNOWN)
		return error_set(err, -EINVAL, "", "xvs_note.rights: unknown bits 0x%x",
				 note->rights & ~(uint32_t)RIGHTS_KNOWN);
	if (!id_is_valid(note->id))
		return error_set(err, -EINVAL, "",
				 "xvs_note.id: \"%s\" is not an id \"vendor.name\"", note->id);
	return 0;
}

static int desc_read(const struct desc *d, struct module_note *out, struct xvs_error *err)
{
	struct module_note note;
	int code;

	if (d->size < DESC_1_0)
		return error_set(err, -EINVAL, "",
				 "its xvs note has %zu bytes, in ABI 1.0 it has %u", d->size,
				 (unsigned)DESC_1_0);
	note.abi_major = desc_u16(d, DESC_MAJOR);
	note.needs_minor = desc_u16(d, DESC_MINOR);
	note.classes = desc_u32(d, DESC_CLASSES);
	note.rights = desc_u32(d, DESC_RIGHTS);
	code = desc_text(d, DESC_ID, sizeof(note.id), note.id, "xvs_note.id", err);
	if (code == 0)
		code = desc_text(d, DESC_VERSION, sizeof(note.version), note.version,
				 "xvs_note.version", err);
	if (code == 0)
		code = note_check(&note, err);
	/* Last: a module for a newer minor is best told so. */
	if (code == 0)
		code = tail_check(d, err);
	if (code == 0)
		*out = note;
	return code;
}

static int found_check(const struct found *found, struct xvs_error *err)
{
	if (found->ours_count == 1)
		return 0;
	if (found->ours_count)
		return error_set(err, -EINVAL, "", "has %u xvs notes of ABI %u, must have one",
				 found->ours_count, XVS_ABI_MAJOR);
	if (found->other_count)
		return error_set(
			err, -EPROTONOSUPPORT, "",
			"needs ABI %u, this host offers ABI %u: use the vendor's build for it",
			found->other_major, XVS_ABI_MAJOR);
	return error_set(err, -ENOEXEC, "",
			 "has no xvs note: not an extension, or built without XVS_NOTE");
}

static int notes_read(const unsigned char *bytes, size_t size, const Elf64_Ehdr *h,
		      struct module_note *out, struct xvs_error *err)
{
	struct found found = { .ours_count = 0 };
	Elf *elf;
	int code;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return error_set(err, -ENOSYS, "", "cannot be read: libelf is too old");
	/* libelf takes writable memory, but does not write with its commands for reading. */
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): only the const is taken off. */
	elf = elf_memory((char *)(uintptr_t)bytes, size);
	if (!elf)
		return error_set(err, -ENOEXEC, "", "is not a usable ELF file: %s", elf_errmsg(-1));
	for (unsigned i = 0; i < h->e_phnum; i++) {
		Elf64_Phdr segment = segment_read(bytes, h, i);

		if (segment.p_type == PT_NOTE)
			notes_walk(elf, &segment, &found);
	}
	code = found_check(&found, err);
	if (code == 0)
		code = desc_read(&found.ours, out, err);
	(void)elf_end(elf); /* found.ours points into its memory */
	return code;
}

int note_parse(const void *elf, size_t size, struct module_note *out, struct xvs_error *err)
{
	Elf64_Ehdr header;
	int code = ident_check(elf, size, err);

	if (code)
		return code;
	memcpy(&header, elf, sizeof(header));
	code = header_check(&header, size, err);
	if (code == 0)
		code = segments_check(elf, &header, size, err);
	return code ? code : notes_read(elf, size, &header, out, err);
}

int note_read(int fd, struct module_note *out, struct xvs_error *err)
{
	size_t size = 0;
	void *bytes = NULL;
	int code = file_read(fd, &bytes, &size, err);

	if (code)
		return code;
	code = note_parse(bytes, size, out, err);
	free(bytes);
	return code;
}
