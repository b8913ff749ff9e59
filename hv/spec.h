/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/spec.h - what a virtual machine is to be: its definition, read and checked.
 */
#ifndef XVS_HV_SPEC_H
#define XVS_HV_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SPEC_NAME = 48, /* of machines, disks, adapters: they become parts of socket names */
	SPEC_TEXT = 64,
	SPEC_PATH = 512,
	SPEC_CMDLINE = 2048,
	SPEC_DISKS = 8,
	SPEC_ADAPTERS = 8,
	SPEC_SERIALS = 2, /* beside the console */
	SPEC_BOOT = 8,
	SPEC_REQUIRES = 16,
	SPEC_CPUS = 256,
	SPEC_QUEUES = 8,
};

enum disk_format { DISK_QCOW2, DISK_RAW, DISK_VHDX };
enum disk_bus { DISK_VIRTIO, DISK_SATA };

struct disk_spec {
	char name[SPEC_NAME];
	char file[SPEC_PATH]; /* absolute; "": in the machine's own folder */
	enum disk_format format;
	enum disk_bus bus;
	uint64_t size; /* of one that is to be made; 0: it is there */
	bool is_fixed; /* all of it is taken from the file system at once */
	bool is_read_only;
};

enum adapter_model { ADAPTER_VIRTIO, ADAPTER_E1000E };
enum adapter_link { LINK_VHOST_USER, LINK_TAP };

struct adapter_spec {
	char name[SPEC_NAME];
	char switch_name[SPEC_TEXT];
	char port[SPEC_TEXT];
	enum adapter_model model;
	enum adapter_link link;
	bool has_link;
	bool has_mac;
	bool has_uuid;
	uint8_t mac[6];
	uint8_t uuid[16]; /* of the port */
	uint32_t queues;
	char group[SPEC_TEXT];
	char requires[SPEC_REQUIRES][SPEC_TEXT];
	uint32_t require_count;
	json_t *policies;          /* owned; NULL: none */
	json_t *failover_policies; /* laid over them where it fails over to; owned; NULL: none */
};

enum accel_choice { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };
enum restart_policy { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };
enum firmware { FIRMWARE_BIOS, FIRMWARE_UEFI };
enum display { DISPLAY_NONE, DISPLAY_VNC };

struct vm_spec {
	char name[SPEC_NAME];
	bool has_uuid;
	uint8_t uuid[16];
	uint32_t generation;     /* 1: pc with BIOS, 2: q35 with UEFI */
	char machine[SPEC_TEXT]; /* with its version: "pc-q35-7.2"; "": not chosen yet */
	uint64_t memory;
	bool has_hugepages;
	uint32_t cpus;
	char cpu[SPEC_TEXT]; /* model; "auto" */
	enum accel_choice accel;
	char kernel[SPEC_PATH];
	char initrd[SPEC_PATH];
	char cmdline[SPEC_CMDLINE];
	char cd[SPEC_PATH];
	char boot[SPEC_BOOT][SPEC_NAME]; /* names of disks and adapters, "cd" */
	uint32_t boot_count;
	enum display display;
	char serials[SPEC_SERIALS][SPEC_NAME];
	uint32_t serial_count;
	enum restart_policy restart;
	bool is_autostart;
	uint32_t shutdown_s; /* what a guest has to end in order */
	struct disk_spec disks[SPEC_DISKS];
	uint32_t disk_count;
	struct adapter_spec adapters[SPEC_ADAPTERS];
	uint32_t adapter_count;
};

/* [any] */
void spec_finish(struct vm_spec *s); /* zeroed is fine */
enum firmware spec_firmware(const struct vm_spec *s);
const char *disk_format_name(enum disk_format format);

#endif /* XVS_HV_SPEC_H */
