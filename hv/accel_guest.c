/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/accel_guest.c - the guests of the probe, in assembly language.
 *
 * All of them are one piece of code that is copied to 0x8000 of the guest's memory and entered at
 * different places, so every address is 0x8000 + (label - guest_code).  '!' is said where something
 * came out wrong, 'X' by exceptions that nobody wanted.
 */
#include "accel_guest.h"

#include <string.h>

/* clang-format off */
__asm__(
".pushsection .rodata\n"
".balign 16\n"
"guest_code:\n"

/* ---- 16 bits */
".code16\n"
"guest_real:\n"
"	movb $'R', %al\n"
"	outb %al, $0x10\n"
"	hlt\n"

"guest_spin:\n"
"	jmp guest_spin\n"

/* ---- 64 bits: registers, memory behind a page table, the stack */
".code64\n"
"guest_long:\n"
"	movabs $0x123456789abcdef0, %rax\n"
"	mov %rax, %r15\n"
"	rol $32, %r15\n"
"	movabs $0x9abcdef012345678, %r14\n"
"	cmp %r14, %r15\n"
"	jne guest_wrong\n"
"	mov $0x200000, %ebx\n"
"	mov %rax, (%rbx)\n"
"	cmp (%rbx), %rax\n"
"	jne guest_wrong\n"
"	push %rax\n"
"	pop %rdx\n"
"	cmp %rax, %rdx\n"
"	jne guest_wrong\n"
"	movb $'L', %al\n"
"	outb %al, $0x10\n"
"	hlt\n"

/* ---- SSE2 */
"guest_sse:\n"
"	mov $0x12345678, %eax\n"
"	movq %rax, %xmm0\n"
"	paddq %xmm0, %xmm0\n"
"	movq %xmm0, %rcx\n"
"	add %rax, %rax\n"
"	cmp %rax, %rcx\n"
"	jne guest_wrong\n"
"	movb $'F', %al\n"
"	outb %al, $0x10\n"
"	hlt\n"

"guest_wrong:\n"
"	movb $'!', %al\n"
"	outb %al, $0x10\n"
"	hlt\n"

/* ---- from 16 to 32 to 64 bits */
".code16\n"
"guest_switch:\n"
"	cli\n"
"	xorw %ax, %ax\n"
"	movw %ax, %ds\n"
"	movw %ax, %ss\n"
"	lgdtl 0x4100\n"
"	movl %cr0, %eax\n"
"	orl $1, %eax\n"
"	movl %eax, %cr0\n"
"	ljmpl $0x28, $(0x8000 + (guest_32 - guest_code))\n"
".code32\n"
"guest_32:\n"
"	movw $0x10, %ax\n"
"	movw %ax, %ds\n"
"	movw %ax, %es\n"
"	movw %ax, %ss\n"
"	movl %cr4, %eax\n"
"	orl $0x20, %eax\n"		/* PAE */
"	movl %eax, %cr4\n"
"	movl $0x1000, %eax\n"
"	movl %eax, %cr3\n"
"	movl $0xc0000080, %ecx\n"	/* EFER.LME */
"	rdmsr\n"
"	orl $0x100, %eax\n"
"	wrmsr\n"
"	movl %cr0, %eax\n"
"	orl $0x80000000, %eax\n"	/* PG */
"	movl %eax, %cr0\n"
"	ljmpl $0x08, $(0x8000 + (guest_64 - guest_code))\n"
".code64\n"
"guest_64:\n"
"	movabs $0x100000001, %rax\n"
"	shr $32, %rax\n"
"	cmp $1, %rax\n"
"	jne guest_wrong\n"
"	movb $'S', %al\n"
"	outb %al, $0x10\n"
"	hlt\n"

/* ---- what a kernel does first: tables of its own */
"guest_tables:\n"
"	lgdt 0x4100\n"
"	lidt 0x4110\n"
"	mov $0x18, %ax\n"
"	ltr %ax\n"
"	mov $0x10, %eax\n"
"	mov %eax, %ds\n"
"	mov %eax, %es\n"
"	mov %eax, %ss\n"
"	ret\n"

/* ---- control registers and MSRs (1), a breakpoint (2), a page fault that maps the page (3) */
"guest_idt:\n"
"	call guest_tables\n"
"	mov %cr3, %rax\n"
"	mov %rax, %cr3\n"
"	mov $0x200000, %ebx\n"
"	invlpg (%rbx)\n"
"	mov %cr4, %rax\n"
"	xor $0x80, %rax\n"
"	mov %rax, %cr4\n"
"	xor $0x80, %rax\n"
"	mov %rax, %cr4\n"
"	xor %eax, %eax\n"
"	cpuid\n"
"	rdtsc\n"
"	mov $0xc0000102, %ecx\n"	/* KERNEL_GS_BASE */
"	mov $0x12345, %eax\n"
"	xor %edx, %edx\n"
"	wrmsr\n"
"	swapgs\n"
"	swapgs\n"
"	rdmsr\n"
"	cmp $0x12345, %eax\n"
"	jne guest_wrong\n"
"	movb $'1', %al\n"
"	outb %al, $0x10\n"
"	xor %r8d, %r8d\n"
"	int3\n"
"	cmp $1, %r8d\n"
"	jne guest_wrong\n"
"	movb $'2', %al\n"
"	outb %al, $0x10\n"
"	mov $0x40000000, %ebx\n"
"	mov (%rbx), %rax\n"
"	cmp $2, %r8d\n"
"	jne guest_wrong\n"
"	movb $'3', %al\n"
"	outb %al, $0x10\n"
"	hlt\n"

/* ---- user mode by sysret, back by syscall.  STAR: kernel from 0x08, user from 0x33 */
"guest_ring3:\n"
"	call guest_tables\n"
"	mov $0xc0000081, %ecx\n"
"	xor %eax, %eax\n"
"	mov $0x00330008, %edx\n"
"	wrmsr\n"
"	mov $0xc0000082, %ecx\n"	/* LSTAR */
"	mov $(0x8000 + (guest_syscall - guest_code)), %eax\n"
"	xor %edx, %edx\n"
"	wrmsr\n"
"	mov $0xc0000084, %ecx\n"	/* FMASK: no interrupts */
"	mov $0x200, %eax\n"
"	xor %edx, %edx\n"
"	wrmsr\n"
"	mov $0xc0000080, %ecx\n"	/* EFER.SCE */
"	rdmsr\n"
"	or $1, %eax\n"
"	wrmsr\n"
"	xor %r9d, %r9d\n"
"guest_down:\n"
"	mov $(0x8000 + (guest_user - guest_code)), %ecx\n"
"	mov $2, %r11d\n"
"	mov $0x24000, %esp\n"
"	sysretq\n"
"guest_syscall:\n"
"	inc %r9d\n"
"	cmp 0x4200, %r9d\n"
"	jb guest_down\n"
"	movb $'K', %al\n"
"	outb %al, $0x10\n"
"	hlt\n"
"guest_user:\n"
"	mov %cs, %eax\n"
"	and $3, %eax\n"
"	cmp $3, %eax\n"
"	jne guest_not_user\n"
"	syscall\n"
"guest_not_user:\n"
"	ud2\n"

/* ---- exceptions */
"guest_breakpoint:\n"
"	inc %r8d\n"
"	iretq\n"
"guest_page_fault:\n"			/* maps 1 GiB at 1 GiB */
"	add $8, %rsp\n"
"	inc %r8d\n"
"	movq $0x83, 0x2008\n"
"	mov %cr2, %rax\n"
"	invlpg (%rax)\n"
"	iretq\n"
"guest_exception:\n"
"	movb $'X', %al\n"
"	outb %al, $0x10\n"
"	hlt\n"
"guest_code_end:\n"
".popsection\n");
/* clang-format on */

extern const uint8_t guest_code[], guest_code_end[], guest_real[], guest_long[], guest_sse[],
	guest_switch[], guest_idt[], guest_ring3[], guest_spin[], guest_breakpoint[],
	guest_page_fault[], guest_exception[];

bool guest_begins_long(enum accel_stage stage)
{
	return stage == ACCEL_LONG || stage == ACCEL_SSE || stage == ACCEL_IDT ||
	       stage == ACCEL_RING3;
}

static uint64_t address_of(const uint8_t *label)
{
	return GUEST_CODE + (uint64_t)(label - guest_code);
}

uint64_t guest_entry(enum accel_stage stage)
{
	static const uint8_t *const entries[] = {
		[ACCEL_REAL] = guest_real, [ACCEL_LONG] = guest_long,
		[ACCEL_SSE] = guest_sse,   [ACCEL_SWITCH] = guest_switch,
		[ACCEL_IDT] = guest_idt,   [ACCEL_RING3] = guest_ring3,
		[ACCEL_SPIN] = guest_spin,
	};

	return address_of(entries[stage]);
}

const char *guest_says(enum accel_stage stage)
{
	static const char *const words[] = {
		[ACCEL_REAL] = "R",  [ACCEL_LONG] = "L",  [ACCEL_SSE] = "F", [ACCEL_SWITCH] = "S",
		[ACCEL_IDT] = "123", [ACCEL_RING3] = "K", [ACCEL_SPIN] = "",
	};

	return words[stage];
}

/* ---- memory ----------------------------------------------------------------------------------- */

static void put(uint8_t *memory, uint32_t at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		memory[at + i] = (uint8_t)(value >> (8 * i));
}

static void fill_pages(uint8_t *memory)
{
	put(memory, GUEST_PML4, GUEST_PDPT | 7, 8);
	put(memory, GUEST_PDPT, GUEST_PD | 7, 8);
	put(memory, GUEST_PD, 0x87, 8); /* 2 MiB each, also for user mode */
	put(memory, GUEST_PD + 8, 0x200087, 8);
}

static void fill_segments(uint8_t *memory)
{
	static const uint64_t descriptors[] = {
		0,
		0x00209a0000000000, /* 08 code, 64 bits */
		0x00cf92000000ffff, /* 10 data */
		0x0000890000000067 | (uint64_t)GUEST_TSS << 16,
		0,
		0x00cf9a000000ffff, /* 28 code, 32 bits */
		0x00cffa000000ffff, /* 30 the same of user mode, from where STAR counts */
		0x00cff2000000ffff, /* 38 data of user mode */
		0x0020fa0000000000, /* 40 code of user mode, 64 bits */
	};

	for (uint32_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++)
		put(memory, GUEST_GDT + 8 * i, descriptors[i], 8);
	put(memory, GUEST_GDTR, GUEST_GDT_LIMIT, 2);
	put(memory, GUEST_GDTR + 2, GUEST_GDT, 8);
	put(memory, GUEST_TSS + 4, GUEST_STACK, 8);
}

static void fill_gate(uint8_t *memory, uint32_t vector, uint64_t handler)
{
	uint32_t at = GUEST_IDT + 16 * vector;

	put(memory, at, handler & 0xffff, 2);
	put(memory, at + 2, GUEST_CODE64, 2);
	put(memory, at + 5, 0x8e, 1);
	put(memory, at + 6, handler >> 16, 2);
}

void guest_fill(uint8_t *memory, uint32_t trips)
{
	memcpy(memory + GUEST_CODE, guest_code, (size_t)(guest_code_end - guest_code));
	fill_pages(memory);
	fill_segments(memory);
	for (uint32_t vector = 0; vector < 32; vector++)
		fill_gate(memory, vector, address_of(guest_exception));
	fill_gate(memory, 3, address_of(guest_breakpoint));
	fill_gate(memory, 14, address_of(guest_page_fault));
	put(memory, GUEST_IDTR, GUEST_IDT_LIMIT, 2);
	put(memory, GUEST_IDTR + 2, GUEST_IDT, 8);
	put(memory, GUEST_TRIPS, trips, 4);
}
