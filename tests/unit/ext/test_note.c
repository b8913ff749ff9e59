/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of made-up ELF files: the frame, then the note, each spoiled in one place. */
#include "support/test.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext/module.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#define BUILD_FOR "build it for x86-64"
#define BUILD_FOR_NR BUILD_FOR " (62)"
#else
#define MACHINE EM_AARCH64
#define BUILD_FOR "build it for arm64"
#define BUILD_FOR_NR BUILD_FOR " (183)"
#endif

/* Header, one segment, two notes: the smallest file that is a module as far as its note goes. */
static struct file {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	struct xvs_note first;
	struct xvs_note second;
} file;

static int setup(void **state)
{
	(void)state;
	memset(&file, 0, sizeof(file));
	memcpy(file.header.e_ident, ELFMAG, SELFMAG);
	file.header.e_ident[EI_CLASS] = ELFCLASS64;
	file.header.e_ident[EI_DATA] = ELFDATA2LSB;
	file.header.e_ident[EI_VERSION] = EV_CURRENT;
	file.header.e_type = ET_DYN;
	file.header.e_machine = MACHINE;
	file.header.e_version = EV_CURRENT;
	file.header.e_ehsize = sizeof(Elf64_Ehdr);
	file.header.e_phoff = offsetof(struct file, segment);
	file.header.e_phentsize = sizeof(Elf64_Phdr);
	file.header.e_phnum = 1;
	file.segment.p_type = PT_NOTE;
	file.segment.p_align = 4;
	file.segment.p_offset = offsetof(struct file, first);
	file.segment.p_filesz = sizeof(struct xvs_note);
	file.first = (struct xvs_note){
		.name_size = 4,
		.desc_size = 100,
		.type = 1,
		.name = "xvs",
		.abi_major = 1,
		.needs_minor = 0,
		.classes = 1u << XVS_FILTER,
		.rights = XVS_RIGHT_REWRITE,
		.id = "com.x.guard",
		.version = "1.2",
	};
	file.second = file.first;
	return 0;
}

/* From memory of the exact size, so that a sanitizer sees a read behind it. */
static int parse(size_t size, struct module_note *out, struct xvs_error *err)
{
	void *bytes = malloc(size ? size : 1);
	int code;

	assert_non_null(bytes);
	memcpy(bytes, &file, size);
	code = note_parse(bytes, size, out, err);
	free(bytes);
	return code;
}

static void refused(int code, const char *text)
{
	struct xvs_error err = ERROR_INIT;
	struct module_note note;

	assert_int_equal(parse(sizeof(file), &note, &err), code);
	assert_string_equal(err.text, text);
	setup(NULL);
}

static void a_note_is_read_whole(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct module_note note;

	(void)state;
	if (parse(sizeof(file), &note, &err))
		fail_msg("%s", err.text);
	assert_int_equal(note.abi_major, 1);
	assert_int_equal(note.needs_minor, 0);
	assert_int_equal(note.classes, 1u << XVS_FILTER);
	assert_int_equal(note.rights, XVS_RIGHT_REWRITE);
	assert_string_equal(note.id, "com.x.guard");
	assert_string_equal(note.version, "1.2");
}

static void what_is_no_file_for_this_machine_is_refused(void **state)
{
	(void)state;
	file.header.e_ident[EI_MAG1] = 'e';
	refused(-ENOEXEC, "is not an ELF file: not a shared object");
	file.header.e_ident[EI_CLASS] = ELFCLASS32;
	refused(-ENOEXEC, "is not a 64-bit ELF file: " BUILD_FOR);
	file.header.e_ident[EI_DATA] = ELFDATA2MSB;
	refused(-ENOEXEC, "has the other byte order: " BUILD_FOR);
	file.header.e_machine = EM_RISCV;
	refused(-ENOEXEC, "is made for ELF machine 243: " BUILD_FOR_NR);
	file.header.e_type = ET_EXEC;
	refused(-ENOEXEC, "is ELF type 2, not a shared object: link it with -shared");
	file.header.e_type = ET_REL;
	refused(-ENOEXEC, "is ELF type 1, not a shared object: link it with -shared");
}

static void a_frame_larger_than_the_file_is_refused(void **state)
{
	(void)state;
	file.header.e_phnum = 0;
	refused(-ENOEXEC, "has no usable program headers");
	file.header.e_phentsize = 32;
	refused(-ENOEXEC, "has no usable program headers");
	file.header.e_phnum = 1000;
	refused(-ENOEXEC, "is cut short: its program headers end at byte 56064, the file at 352");
	file.header.e_phoff = UINT64_MAX - 10;
	refused(-ENOEXEC,
		"is cut short: its program headers end at byte 18446744073709551615, the file at 352");
	file.header.e_shoff = 340;
	file.header.e_shentsize = sizeof(Elf64_Shdr);
	file.header.e_shnum = 2;
	refused(-ENOEXEC, "is cut short: its section headers end at byte 468, the file at 352");
	file.segment.p_filesz = 1000;
	refused(-ENOEXEC, "is cut short: its segments end at byte 1120, the file at 352");
	file.segment.p_offset = UINT64_MAX;
	refused(-ENOEXEC,
		"is cut short: its segments end at byte 18446744073709551615, the file at 352");
}

static void every_shorter_file_is_refused(void **state)
{
	struct module_note note;

	(void)state;
	for (size_t size = 0; size < offsetof(struct file, second); size++)
		assert_int_equal(parse(size, &note, NULL), -ENOEXEC);
	assert_int_equal(parse(offsetof(struct file, second), &note, NULL), 0);
}

static void notes_of_others_are_passed_over(void **state)
{
	struct module_note note;

	(void)state;
	file.segment.p_filesz = 2 * sizeof(struct xvs_note);
	memcpy(file.first.name, "GNU", 4);
	assert_int_equal(parse(sizeof(file), &note, NULL), 0);
	file.first.type = 7;
	memcpy(file.first.name, "xvs", 4);
	assert_int_equal(parse(sizeof(file), &note, NULL), 0);
	file.second.type = 7;
	refused(-ENOEXEC, "has no xvs note: not an extension, or built without XVS_NOTE");
}

static void a_note_that_does_not_fit_its_segment_is_none(void **state)
{
	(void)state;
	file.first.desc_size = 104;
	refused(-ENOEXEC, "has no xvs note: not an extension, or built without XVS_NOTE");
	file.first.desc_size = UINT32_MAX;
	refused(-ENOEXEC, "has no xvs note: not an extension, or built without XVS_NOTE");
	file.first.name_size = UINT32_MAX;
	refused(-ENOEXEC, "has no xvs note: not an extension, or built without XVS_NOTE");
	file.segment.p_filesz = 3;
	refused(-ENOEXEC, "has no xvs note: not an extension, or built without XVS_NOTE");
}

static void a_short_note_is_refused(void **state)
{
	(void)state;
	file.first.desc_size = 96;
	refused(-EINVAL, "its xvs note has 96 bytes, in ABI 1.0 it has 100");
	file.first.desc_size = 0;
	refused(-EPROTONOSUPPORT,
		"needs ABI 0, this host offers ABI 1: use the vendor's build for it");
}

/* Rule 2 holds for the note as well. */
static void a_longer_note_is_taken_if_its_tail_is_zero(void **state)
{
	struct module_note note;

	(void)state;
	file.first.desc_size = 108;
	file.segment.p_filesz += 8;
	file.second.name_size = 0;
	file.second.desc_size = 0;
	assert_int_equal(parse(sizeof(file), &note, NULL), 0);
	file.second.desc_size = 0x100;
	refused(-E2BIG, "xvs_note: byte 121 is not zero, and this host knows 116 bytes only");
}

/* "A module that serves two majors exports two symbols", and has a note for each. */
static void the_note_of_this_major_counts(void **state)
{
	struct module_note note;

	(void)state;
	file.segment.p_filesz = 2 * sizeof(struct xvs_note);
	file.first.abi_major = 2;
	assert_int_equal(parse(sizeof(file), &note, NULL), 0);
	assert_int_equal(note.abi_major, 1);
	file.second.abi_major = 3;
	refused(-EPROTONOSUPPORT,
		"needs ABI 3, this host offers ABI 1: use the vendor's build for it");
	file.segment.p_filesz = 2 * sizeof(struct xvs_note);
	refused(-EINVAL, "has 2 xvs notes of ABI 1, must have one");
}

static void contents_are_checked(void **state)
{
	(void)state;
	file.first.needs_minor = 1;
	refused(-EPROTONOSUPPORT, "needs ABI 1.1, this host offers 1.0: use a newer xvs");
	file.first.classes = 0;
	refused(-EINVAL, "xvs_note.classes: 0x0 has no bits");
	file.first.classes = 0x20;
	refused(-EINVAL, "xvs_note.classes: 0x20 has unknown bits");
	file.first.rights = 0x80;
	refused(-EINVAL, "xvs_note.rights: unknown bits 0x80");
	memset(file.first.id, 'a', sizeof(file.first.id));
	refused(-EINVAL, "xvs_note.id has no end within 64 bytes");
	memset(file.first.version, '1', sizeof(file.first.version));
	refused(-EINVAL, "xvs_note.version has no end within 24 bytes");
	file.first.version[0] = '\0';
	refused(-EINVAL, "xvs_note.version is empty");
	file.first.id[3] = '\x1b';
	refused(-EINVAL, "xvs_note.id: byte 3 is not printable UTF-8");
	file.first.id[3] = ' ';
	refused(-EINVAL, "xvs_note.id: \"com x.guard\" is not an id \"vendor.name\"");
}

#define NOTE(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOTE(a_note_is_read_whole),
		NOTE(what_is_no_file_for_this_machine_is_refused),
		NOTE(a_frame_larger_than_the_file_is_refused),
		NOTE(every_shorter_file_is_refused),
		NOTE(notes_of_others_are_passed_over),
		NOTE(a_note_that_does_not_fit_its_segment_is_none),
		NOTE(a_short_note_is_refused),
		NOTE(a_longer_note_is_taken_if_its_tail_is_zero),
		NOTE(the_note_of_this_major_counts),
		NOTE(contents_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
