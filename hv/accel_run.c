/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/accel_run.c - one guest of the probe by the API of KVM.
 *
 * The process ends after it, so nothing is closed or freed here.
 */
#include "accel_run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/clock.h"

enum { CPUID_ENTRIES = 256 };

struct virtual_machine {
	int kvm, vm, cpu;
	struct kvm_run *run;
	uint8_t *memory;
};

/* True: it went well.  Else the step is noted with its errno. */
static bool passed(struct accel_run *out, const char *step, long result)
{
	if (result >= 0)
		return true;
	out->end = ACCEL_SETUP;
	out->step = step;
	out->code = errno;
	return false;
}

static void *map(int fd, size_t size)
{
	int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static bool machine_make(const char *device, struct virtual_machine *m, struct accel_run *out)
{
	m->kvm = open(device, O_RDWR | O_CLOEXEC);
	if (!passed(out, "opening it", m->kvm))
		return false;
	m->vm = ioctl(m->kvm, KVM_CREATE_VM, 0UL);
	if (!passed(out, "making a machine", m->vm))
		return false;
	/* Old Intel processors need a place for their real mode; others do not mind. */
	(void)ioctl(m->vm, KVM_SET_TSS_ADDR, 0xfffbd000UL);
	m->memory = map(-1, GUEST_MEMORY);
	if (!passed(out, "memory", m->memory ? 0 : -1))
		return false;
	struct kvm_userspace_memory_region region = {
		.memory_size = GUEST_MEMORY,
		.userspace_addr = (uintptr_t)m->memory,
	};
	return passed(out, "giving it memory", ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region));
}

/* The features that the host has: without them 64-bit mode is refused. */
static bool features_set(struct virtual_machine *m, struct accel_run *out)
{
	struct kvm_cpuid2 *list =
		calloc(1, sizeof(*list) + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2));
	bool is_set;

	if (!passed(out, "memory", list ? 0 : -1))
		return false;
	list->nent = CPUID_ENTRIES;
	is_set = passed(out, "asking for the features of its processors",
			ioctl(m->kvm, KVM_GET_SUPPORTED_CPUID, list)) &&
		 passed(out, "giving it a processor's features",
			ioctl(m->cpu, KVM_SET_CPUID2, list));
	free(list);
	return is_set;
}

static bool cpu_make(struct virtual_machine *m, struct accel_run *out)
{
	int size = ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0UL);

	m->cpu = ioctl(m->vm, KVM_CREATE_VCPU, 0UL);
	if (!passed(out, "making a processor", m->cpu) || !passed(out, "making a processor", size))
		return false;
	m->run = map(m->cpu, (size_t)size);
	return passed(out, "making a processor", m->run ? 0 : -1) && features_set(m, out);
}

static void long_mode(struct kvm_sregs *s)
{
	struct kvm_segment data = { .limit = 0xffffffff,
				    .selector = GUEST_DATA,
				    .type = 3,
				    .present = 1,
				    .db = 1,
				    .s = 1,
				    .g = 1 };

	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->cs = data;
	s->cs.selector = GUEST_CODE64;
	s->cs.type = 11;
	s->cs.db = 0;
	s->cs.l = 1;
	s->tr = (struct kvm_segment){ .base = GUEST_TSS,
				      .limit = GUEST_TSS_LIMIT,
				      .selector = GUEST_TASK,
				      .type = 11,
				      .present = 1 };
	s->gdt.base = GUEST_GDT;
	s->gdt.limit = GUEST_GDT_LIMIT;
	s->idt.base = GUEST_IDT;
	s->idt.limit = GUEST_IDT_LIMIT;
	s->cr0 = 0x80050033; /* PG AM WP NE ET MP PE */
	s->cr3 = GUEST_PML4;
	s->cr4 = 0x620;  /* PAE OSFXSR OSXMMEXCPT */
	s->efer = 0x500; /* LME LMA */
}

static bool cpu_place(struct virtual_machine *m, enum accel_stage stage, struct accel_run *out)
{
	struct kvm_regs r = { .rflags = 2, .rip = guest_entry(stage), .rsp = GUEST_STACK };
	struct kvm_sregs s;

	if (!passed(out, "reading its registers", ioctl(m->cpu, KVM_GET_SREGS, &s)))
		return false;
	s.cs.base = 0;
	s.cs.selector = 0;
	if (guest_begins_long(stage))
		long_mode(&s);
	return passed(out, "setting its registers", ioctl(m->cpu, KVM_SET_SREGS, &s)) &&
	       passed(out, "setting its registers", ioctl(m->cpu, KVM_SET_REGS, &r));
}

/* ---- running ---------------------------------------------------------------------------------- */

static void take_output(const struct kvm_run *run, size_t *count, struct accel_run *out)
{
	const char *bytes = (const char *)run + run->io.data_offset;

	if (*count + 1 < sizeof(out->says))
		out->says[(*count)++] = *bytes;
}

/* False: it goes on. */
static bool has_ended(const struct kvm_run *run, struct accel_run *out)
{
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		return false;
	case KVM_EXIT_HLT:
		out->end = ACCEL_SAID;
		break;
	case KVM_EXIT_SHUTDOWN:
		out->end = ACCEL_SHUTDOWN;
		break;
	case KVM_EXIT_FAIL_ENTRY:
		out->end = ACCEL_NO_ENTRY;
		out->code = (int)run->fail_entry.hardware_entry_failure_reason;
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		out->end = ACCEL_GAVE_UP;
		out->code = (int)run->internal.suberror;
		break;
	default:
		out->end = ACCEL_ODD_EXIT;
		out->code = (int)run->exit_reason;
		break;
	}
	return true;
}

static void run(struct virtual_machine *m, struct accel_run *out)
{
	uint64_t start_ns = clock_ns();
	size_t count = 0;

	for (;;) {
		if (ioctl(m->cpu, KVM_RUN, 0UL) < 0) {
			out->code = errno;
			out->end = ACCEL_INTERRUPTED;
			return;
		}
		if (m->run->exit_reason == KVM_EXIT_IO)
			take_output(m->run, &count, out);
		if (has_ended(m->run, out))
			break;
	}
	out->us = (uint32_t)((clock_ns() - start_ns) / NS_PER_US);
}

void accel_run(const char *device, enum accel_stage stage, struct accel_run *out)
{
	struct virtual_machine m = { -1, -1, -1, NULL, NULL };

	if (!machine_make(device, &m, out) || !cpu_make(&m, out))
		return;
	guest_fill(m.memory, GUEST_ROUND_TRIPS);
	if (cpu_place(&m, stage, out))
		run(&m, out);
}
