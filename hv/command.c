/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/command.c - options of QEMU 7.2, one thing of the machine after the other.
 *
 * What holds names or paths is given as JSON, in which no comma needs care.
 *
 *      slot of pcie.0 or pci.0      02..09 adapters   0a..11 disks   12 random numbers   13 display
 */
#include "command.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

enum { SLOT_ADAPTERS = 0x02, SLOT_DISKS = 0x0a, SLOT_RANDOM = 0x12, SLOT_DISPLAY = 0x13 };
enum { KIB = 1024, TCG_EXTRA = 8 * KIB };

void launch_init(struct launch *l)
{
	memset(l, 0, sizeof(*l));
	l->qmp = l->console = -1;
	for (size_t i = 0; i < SPEC_SERIALS; i++)
		l->serials[i] = -1;
	for (size_t i = 0; i < SPEC_ADAPTERS; i++) {
		for (size_t j = 0; j < SPEC_QUEUES; j++)
			l->taps[i][j] = -1;
	}
}

static void drop(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void launch_finish(struct launch *l)
{
	drop(&l->qmp);
	drop(&l->console);
	for (size_t i = 0; i < SPEC_SERIALS; i++)
		drop(&l->serials[i]);
	for (size_t i = 0; i < SPEC_ADAPTERS; i++) {
		for (size_t j = 0; j < SPEC_QUEUES; j++)
			drop(&l->taps[i][j]);
	}
}

void disk_path(const struct disk_spec *disk, const char *folder, char out[SPEC_PATH])
{
	if (disk->file[0])
		(void)str_copy(out, SPEC_PATH, disk->file);
	else
		(void)snprintf(out, SPEC_PATH, "%s/%s.%s", folder, disk->name,
			       disk_format_name(disk->format));
}

/* Its number in the program. */
static int give(struct plan *p, int *fd)
{
	int number = plan_fd(p, *fd);

	*fd = -1;
	return number;
}

/* Takes 'value'. */
static void option_json(struct plan *p, const char *option, json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

	json_decref(value);
	if (text)
		plan_option(p, option, "%s", text);
	else
		p->has_failed = true;
	free(text);
}

/* ---- the machine ------------------------------------------------------------------------------ */

static bool is_q35(const struct vm_spec *s)
{
	return s->generation == 2;
}

/*
 * QEMU before 9.0 loses writes of emulated guests while their memory is copied: of RAM that is a
 * multiple of 256 KiB it clears the marks of changed pages 64 at a time and forgets to tell the
 * translated code, which goes on without marking (upstream: "physmem: fix migration dirty bitmap
 * coherency with TCG memory access").  RAM of another size takes the way page by page, which does.
 */
static uint64_t memory_of(const struct vm_spec *s, const struct launch *l)
{
	return l->is_kvm || s->has_hugepages ? s->memory : s->memory + TCG_EXTRA;
}

static void add_machine(const struct vm_spec *s, const struct launch *l, struct plan *p)
{
	bool is_uefi = spec_firmware(s) == FIRMWARE_UEFI;
	char uuid[UUID_TEXT];

	plan_option(p, "-name", "guest=%s", s->name);
	plan_option(p, "-uuid", "%s", uuid_print(s->uuid, uuid));
	plan_option(p, "-machine", "%s,memory-backend=ram%s%s", s->machine,
		    is_uefi ? ",pflash0=firmware,pflash1=variables" : "",
		    s->display == DISPLAY_NONE ? ",graphics=off" : "");
	option_json(p, "-object",
		    json_pack("{s:s, s:s, s:I, s:b, s:b}", "qom-type", "memory-backend-memfd", "id",
			      "ram", "size", (json_int_t)memory_of(s, l), "share", 1, "hugetlb",
			      s->has_hugepages));
	plan_option(p, "-m", "%" PRIu64 "K", memory_of(s, l) / KIB);
	plan_option(p, "-smp", "%" PRIu32, s->cpus);
}

/* Never "kvm:tcg", which takes KVM when it merely opens. */
static void add_processor(const struct vm_spec *s, const struct launch *l, struct plan *p)
{
	const char *model = s->cpu;

	if (strcmp(model, "auto") == 0)
		model = l->is_kvm ? "host" : "max";
	plan_option(p, "-accel", "%s", l->is_kvm ? "kvm" : "tcg,tb-size=128");
	plan_option(p, "-cpu", "%s", model);
}

/* QEMU wants to be told whether it is a file or a device. */
static json_t *file_node(const char *path, bool is_read_only)
{
	struct stat st;
	bool is_device = stat(path, &st) == 0 && S_ISBLK(st.st_mode);

	return json_pack("{s:s, s:s, s:b}", "driver", is_device ? "host_device" : "file",
			 "filename", path, "read-only", is_read_only);
}

static void add_firmware(const struct vm_spec *s, const struct launch *l, struct plan *p)
{
	if (spec_firmware(s) == FIRMWARE_BIOS)
		return;
	option_json(p, "-blockdev",
		    json_pack("{s:s, s:s, s:b, s:o}", "driver", "raw", "node-name", "firmware",
			      "read-only", 1, "file", file_node(l->firmware, true)));
	option_json(p, "-blockdev",
		    json_pack("{s:s, s:s, s:o}", "driver", "raw", "node-name", "variables", "file",
			      file_node(l->variables, false)));
	plan_needs(p, l->firmware, R_OK);
	plan_needs(p, l->variables, R_OK | W_OK);
}

static void add_kernel(const struct vm_spec *s, struct plan *p)
{
	if (!s->kernel[0])
		return;
	plan_option(p, "-kernel", "%s", s->kernel);
	plan_needs(p, s->kernel, R_OK);
	if (s->initrd[0]) {
		plan_option(p, "-initrd", "%s", s->initrd);
		plan_needs(p, s->initrd, R_OK);
	}
	if (s->cmdline[0])
		plan_option(p, "-append", "%s", s->cmdline);
}

/* ---- disks ------------------------------------------------------------------------------------ */

/* Adds "bootindex" where the name stands in the order. */
static void put_order(json_t *device, const struct vm_spec *s, const char *name)
{
	for (uint32_t i = 0; i < s->boot_count && device; i++) {
		if (strcmp(s->boot[i], name) == 0)
			(void)json_object_set_new(device, "bootindex", json_integer(i + 1));
	}
}

static void put_slot(json_t *device, const struct vm_spec *s, uint32_t slot)
{
	char text[8];

	(void)snprintf(text, sizeof(text), "%#x", slot);
	(void)json_object_set_new(device, "bus", json_string(is_q35(s) ? "pcie.0" : "pci.0"));
	(void)json_object_set_new(device, "addr", json_string(text));
}

/* q35: six ports of one disk; pc: two buses of two. */
static void put_sata(json_t *device, const struct vm_spec *s, uint32_t place)
{
	char text[8];

	(void)snprintf(text, sizeof(text), "ide.%u", is_q35(s) ? place : place / 2);
	(void)json_object_set_new(device, "bus", json_string(text));
	(void)json_object_set_new(device, "unit", json_integer(is_q35(s) ? 0 : place % 2));
}

static void add_disk(const struct vm_spec *s, uint32_t i, uint32_t *sata, struct plan *p,
		     const struct launch *l)
{
	const struct disk_spec *disk = &s->disks[i];
	char path[SPEC_PATH];
	json_t *device;

	disk_path(disk, l->folder, path);
	option_json(p, "-blockdev",
		    json_pack("{s:s, s:s+, s:b, s:s, s:o}", "driver",
			      disk_format_name(disk->format), "node-name", "disk-", disk->name,
			      "read-only", disk->is_read_only, "discard", "unmap", "file",
			      file_node(path, disk->is_read_only)));
	device = json_pack("{s:s, s:s+, s:s+}", "driver",
			   disk->bus == DISK_SATA ? "ide-hd" : "virtio-blk-pci", "id", "dev-",
			   disk->name, "drive", "disk-", disk->name);
	if (disk->bus == DISK_SATA)
		put_sata(device, s, ++*sata);
	else
		put_slot(device, s, SLOT_DISKS + i);
	put_order(device, s, disk->name);
	option_json(p, "-device", device);
}

/* One word of the process' own list: names of files live as long as the definition. */
static void need_disks(const struct vm_spec *s, struct plan *p)
{
	for (uint32_t i = 0; i < s->disk_count; i++) {
		const struct disk_spec *disk = &s->disks[i];

		if (disk->file[0])
			plan_needs(p, disk->file, disk->is_read_only ? R_OK : R_OK | W_OK);
	}
}

static void add_cd(const struct vm_spec *s, struct plan *p)
{
	json_t *device;

	if (!s->cd[0])
		return;
	plan_needs(p, s->cd, R_OK);
	option_json(p, "-blockdev",
		    json_pack("{s:s, s:s, s:b, s:o}", "driver", "raw", "node-name", "cd",
			      "read-only", 1, "file", file_node(s->cd, true)));
	device = json_pack("{s:s, s:s, s:s}", "driver", "ide-cd", "id", "dev-cd", "drive", "cd");
	put_sata(device, s, 0);
	put_order(device, s, "cd");
	option_json(p, "-device", device);
}

/* ---- adapters --------------------------------------------------------------------------------- */

/*
 * The card wants to be connected when it is made; the switch is there by then, since its port is.
 * By a path: of sockets that are handed over, QEMU 7.2 does not believe that they pass descriptors.
 */
static void add_vhost_user(const struct adapter_spec *a, const struct launch *l, struct plan *p)
{
	plan_option(p, "-chardev", "socket,id=sock-%s,path=%s/net-%s,server=on,wait=on", a->name,
		    l->sockets, a->name);
	option_json(p, "-netdev",
		    json_pack("{s:s, s:s+, s:s+, s:i}", "type", "vhost-user", "id", "net-", a->name,
			      "chardev", "sock-", a->name, "queues", (int)a->queues));
}

static void add_tap(const struct adapter_spec *a, int fds[SPEC_QUEUES], struct plan *p)
{
	json_t *netdev =
		json_pack("{s:s, s:s+, s:b}", "type", "tap", "id", "net-", a->name, "vhost", 0);
	struct strbuf list = { NULL, 0, 0, false };

	for (uint32_t i = 0; i < a->queues; i++)
		strbuf_add(&list, "%s%d", i ? ":" : "", give(p, &fds[i]));
	if (netdev && list.text)
		(void)json_object_set_new(netdev, a->queues > 1 ? "fds" : "fd",
					  json_string(list.text));
	strbuf_finish(&list);
	option_json(p, "-netdev", netdev);
}

static json_t *card_make(const struct adapter_spec *a, bool is_kvm)
{
	bool is_virtio = a->model == ADAPTER_VIRTIO;
	char mac[MAC_TEXT];
	json_t *card = json_pack("{s:s, s:s+, s:s+, s:s}", "driver",
				 is_virtio ? "virtio-net-pci" : "e1000e", "id", "dev-", a->name,
				 "netdev", "net-", a->name, "mac", mac_print(a->mac, mac));

	if (!card || !is_virtio)
		return card;
	if (a->queues > 1)
		(void)json_object_set_new(card, "mq", json_true());
	/* QEMU 7.2 crashes where MSI-X of a vhost device meets TCG: one interrupt, no vectors. */
	if (a->link == LINK_VHOST_USER && !is_kvm)
		(void)json_object_set_new(card, "vectors", json_integer(0));
	else if (a->queues > 1)
		(void)json_object_set_new(card, "vectors", json_integer(2 * a->queues + 2));
	return card;
}

static bool has_order(const struct vm_spec *s, const char *name)
{
	for (uint32_t i = 0; i < s->boot_count; i++) {
		if (strcmp(s->boot[i], name) == 0)
			return true;
	}
	return false;
}

static void add_adapter(const struct vm_spec *s, uint32_t i, struct launch *l, struct plan *p)
{
	const struct adapter_spec *a = &s->adapters[i];
	json_t *card = card_make(a, l->is_kvm);

	if (a->link == LINK_VHOST_USER)
		add_vhost_user(a, l, p);
	else
		add_tap(a, l->taps[i], p);
	put_slot(card, s, SLOT_ADAPTERS + i);
	/* Its boot program costs time and is of use to those alone that boot from the network. */
	if (!has_order(s, a->name))
		(void)json_object_set_new(card, "romfile", json_string(""));
	put_order(card, s, a->name);
	option_json(p, "-device", card);
}

/* ---- the rest --------------------------------------------------------------------------------- */

static void add_sockets(const struct vm_spec *s, struct launch *l, struct plan *p)
{
	plan_option(p, "-chardev", "socket,id=qmp,fd=%d,server=on,wait=off", give(p, &l->qmp));
	plan_option(p, "-mon", "chardev=qmp,mode=control");
	plan_option(p, "-chardev", "socket,id=console,fd=%d,server=on,wait=off",
		    give(p, &l->console));
	plan_option(p, "-serial", "chardev:console");
	for (uint32_t i = 0; i < s->serial_count; i++) {
		plan_option(p, "-chardev", "socket,id=serial-%s,fd=%d,server=on,wait=off",
			    s->serials[i], give(p, &l->serials[i]));
		plan_option(p, "-serial", "chardev:serial-%s", s->serials[i]);
	}
}

static void add_small_devices(const struct vm_spec *s, const struct launch *l, struct plan *p)
{
	json_t *random = json_pack("{s:s, s:s, s:s}", "driver", "virtio-rng-pci", "id",
				   "dev-random", "rng", "random");
	json_t *display = NULL;

	plan_option(p, "-object", "rng-builtin,id=random");
	put_slot(random, s, SLOT_RANDOM);
	option_json(p, "-device", random);
	if (s->display == DISPLAY_NONE)
		return;
	display = json_pack("{s:s, s:s}", "driver", "VGA", "id", "dev-display");
	put_slot(display, s, SLOT_DISPLAY);
	option_json(p, "-device", display);
	plan_option(p, "-vnc", "unix:%s/vnc", l->sockets);
}

void command_make(const struct vm_spec *s, struct launch *l, struct plan *p)
{
	uint32_t sata = 0;

	plan_word(p, "%s", l->qemu);
	plan_option(p, "-nodefaults", "-no-user-config");
	plan_option(p, "-display", "none");
	plan_word(p, "-S");
	plan_option(p, "-msg", "timestamp=on");
	plan_option(p, "-sandbox",
		    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	add_machine(s, l, p);
	add_processor(s, l, p);
	add_firmware(s, l, p);
	add_kernel(s, p);
	add_sockets(s, l, p);
	for (uint32_t i = 0; i < s->disk_count; i++)
		add_disk(s, i, &sata, p, l);
	need_disks(s, p);
	add_cd(s, p);
	for (uint32_t i = 0; i < s->adapter_count; i++)
		add_adapter(s, i, l, p);
	add_small_devices(s, l, p);
	if (l->is_incoming)
		plan_option(p, "-incoming", "defer");
	launch_finish(l);
}

/* ---- its disks alone -------------------------------------------------------------------------- */

static void add_export(const struct vm_spec *s, uint32_t i, struct plan *p)
{
	char node[SPEC_NAME + 8];

	(void)snprintf(node, sizeof(node), "disk-%.*s", SPEC_NAME, s->disks[i].name);
	option_json(p, "--export",
		    json_pack("{s:s, s:s, s:s, s:s, s:b}", "type", "nbd", "id", node, "node-name",
			      node, "name", node, "writable", 1));
}

static void add_server(const struct storage_launch *l, struct plan *p)
{
	char fd[16];

	option_json(p, "--object",
		    json_pack("{s:s, s:s, s:s, s:s}", "qom-type", "tls-creds-psk", "id", "key",
			      "endpoint", "server", "dir", l->key_folder));
	(void)snprintf(fd, sizeof(fd), "%d", plan_fd(p, l->listener));
	option_json(p, "--nbd-server",
		    json_pack("{s:{s:s, s:s}, s:s, s:i}", "addr", "type", "fd", "str", fd,
			      "tls-creds", "key", "max-connections", SPEC_DISKS * 2));
}

void command_storage(const struct vm_spec *s, const struct storage_launch *l, struct plan *p)
{
	char path[SPEC_PATH];

	plan_word(p, "qemu-storage-daemon");
	plan_option(p, "--chardev", "socket,id=qmp,fd=%d,server=on,wait=off", plan_fd(p, l->qmp));
	plan_option(p, "--monitor", "chardev=qmp");
	for (uint32_t i = 0; i < s->disk_count; i++) {
		if (s->disks[i].is_read_only)
			continue;
		disk_path(&s->disks[i], l->folder, path);
		option_json(p, "--blockdev",
			    json_pack("{s:s, s:s+, s:s, s:o}", "driver",
				      disk_format_name(s->disks[i].format), "node-name", "disk-",
				      s->disks[i].name, "discard", "unmap", "file",
				      file_node(path, false)));
	}
	if (l->listener < 0)
		return;
	add_server(l, p);
	for (uint32_t i = 0; i < s->disk_count; i++) {
		if (!s->disks[i].is_read_only)
			add_export(s, i, p);
	}
}
