/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/program.c - loading our XDP program and attaching it, and nobody else's taken off.
 *
 * Through the dispatcher of libxdp several programs share a device.  It needs a BPF file system,
 * and programs that replace functions of another (BPF_PROG_TYPE_EXT, with BTF and a JIT).  Where
 * it cannot be, and for programs that are bound to one device, the program is attached directly by
 * a BPF link, which the kernel cuts when our last descriptor of it closes.
 *
 * A dispatcher stays when we are killed.  So whoever attaches first looks for programs by our name:
 * the XDP sockets of the device are ours by then, hence nobody lives who needs them.
 */
#include "port/af_xdp/program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "base/log.h"
#include "base/str.h"
#include "port/af_xdp/kernel.h"
#include "port/af_xdp/kernel_bytes.h"

enum {
	FLAG_DEVICE_BOUND = 1 << 6, /* BPF_F_XDP_DEV_BOUND_ONLY, of newer headers than Debian's */
	PROGRAMS_MAX = 16,
	LINE_BYTES = 160,
};

/* One way to attach. */
struct way {
	uint32_t ifindex;
	bool is_native;
	bool with_tags;
};

/* ---- what the libraries say ------------------------------------------------------------------ */

/* The first complaint since it was emptied; libraries print from our calls only. */
static char complaint[LINE_BYTES];

__attribute__((format(printf, 1, 0))) static void keep_complaint(const char *format, va_list args)
{
	char line[LINE_BYTES];

	(void)vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("%s", line);
	if (!complaint[0])
		(void)str_copy(complaint, sizeof(complaint), line);
}

__attribute__((format(printf, 2, 0))) static int on_bpf_line(enum libbpf_print_level level,
							     const char *format, va_list args)
{
	if (level == LIBBPF_WARN)
		keep_complaint(format, args);
	return 0;
}

__attribute__((format(printf, 2, 0))) static int on_xdp_line(enum libxdp_print_level level,
							     const char *format, va_list args)
{
	if (level == LIBXDP_WARN)
		keep_complaint(format, args);
	return 0;
}

/* ---- loading --------------------------------------------------------------------------------- */

static struct bpf_object *open_object(void)
{
	const struct bpf_object_open_opts options = { .sz = sizeof(options), .object_name = "xvs" };

	return bpf_object__open_mem(kernel_bytes, sizeof(kernel_bytes), &options);
}

enum {
	WORD_BYTES = sizeof(uint32_t),
	COUNTS_BYTES = sizeof(struct kernel_count) * KERNEL_LANES * KERNEL_SHED,
};

/* A map's values in our memory, as the program has them; NULL: it cannot be. */
static void *map_values(const struct bpf_map *map, size_t size, int rights)
{
	void *values = map ? mmap(NULL, size, rights, MAP_SHARED, bpf_map__fd(map), 0) : MAP_FAILED;

	return values == MAP_FAILED ? NULL : values;
}

static void unmap_values(volatile void *values, size_t size)
{
	if (values)
		(void)munmap((void *)(uintptr_t)values, size);
}

static int find_maps(struct program *p)
{
	p->sockets = bpf_object__find_map_fd_by_name(p->object, "xvs_sockets");
	p->shed4 = bpf_object__find_map_fd_by_name(p->object, "xvs_shed4");
	p->shed6 = bpf_object__find_map_fd_by_name(p->object, "xvs_shed6");
	p->counts = map_values(bpf_object__find_map_by_name(p->object, "xvs_counts"), COUNTS_BYTES,
			       PROT_READ);
	/* the program's variables: there is one */
	p->shed_entries = map_values(bpf_object__find_map_by_name(p->object, ".bss"), WORD_BYTES,
				     PROT_READ | PROT_WRITE);
	return p->sockets < 0 || p->shed4 < 0 || p->shed6 < 0 || !p->counts || !p->shed_entries
		       ? -EINVAL
		       : 0;
}

static void unload(struct program *p)
{
	unmap_values(p->counts, COUNTS_BYTES);
	unmap_values(p->shed_entries, WORD_BYTES);
	p->counts = NULL;
	p->shed_entries = NULL;
	bpf_object__close(p->object);
	p->object = NULL;
}

/* ---- attaching ------------------------------------------------------------------------------- */

static bool has_bpf_filesystem(void)
{
	const char *path = getenv("LIBXDP_BPFFS");
	struct statfs facts;

	return statfs(path ? path : "/sys/fs/bpf", &facts) == 0 &&
	       (uint32_t)facts.f_type == BPF_FS_MAGIC;
}

static bool is_dispatched(uint32_t ifindex)
{
	struct xdp_multiprog *all = xdp_multiprog__get_from_ifindex((int)ifindex);
	bool answer;

	if (libxdp_get_error(all))
		return false;
	answer = !xdp_multiprog__is_legacy(all);
	xdp_multiprog__close(all);
	return answer;
}

static void leave_dispatcher(struct program *p)
{
	const enum xdp_attach_mode mode = p->is_native ? XDP_MODE_NATIVE : XDP_MODE_SKB;

	(void)xdp_program__detach(p->shared, (int)p->ifindex, mode, 0);
	xdp_program__close(p->shared);
	p->shared = NULL;
}

/* Without a dispatcher libxdp attaches the program alone, in a way that would outlive us. */
static int attach_shared(struct program *p, const struct way *way)
{
	const enum xdp_attach_mode mode = way->is_native ? XDP_MODE_NATIVE : XDP_MODE_SKB;
	int code;

	p->object = open_object();
	if (!p->object)
		return -errno;
	p->shared = xdp_program__from_bpf_obj(p->object, "xdp");
	code = (int)libxdp_get_error(p->shared);
	if (code) {
		p->shared = NULL;
		return code;
	}
	p->is_native = way->is_native;
	code = xdp_program__attach(p->shared, (int)way->ifindex, mode, 0);
	if (code == 0 && is_dispatched(way->ifindex))
		return find_maps(p);
	if (code == 0) {
		leave_dispatcher(p);
		return -EOPNOTSUPP;
	}
	xdp_program__close(p->shared);
	p->shared = NULL;
	return code;
}

static int attach_direct(struct program *p, const struct way *way)
{
	const struct bpf_link_create_opts options = {
		.sz = sizeof(options),
		.flags = way->is_native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE,
	};
	struct bpf_program *with_tags;
	struct bpf_program *plain;
	int code;

	p->object = open_object();
	if (!p->object)
		return -errno;
	plain = bpf_object__find_program_by_name(p->object, KERNEL_PROGRAM);
	with_tags = bpf_object__find_program_by_name(p->object, KERNEL_PROGRAM_TAGS);
	(void)bpf_program__set_autoload(way->with_tags ? plain : with_tags, false);
	if (way->with_tags) {
		(void)bpf_program__set_autoload(with_tags, true);
		bpf_program__set_ifindex(with_tags, way->ifindex);
		(void)bpf_program__set_flags(with_tags, FLAG_DEVICE_BOUND);
	}
	code = bpf_object__load(p->object);
	if (code == 0)
		code = find_maps(p);
	if (code)
		return code;
	p->link = bpf_link_create(bpf_program__fd(way->with_tags ? with_tags : plain),
				  (int)way->ifindex, BPF_XDP, &options);
	p->is_native = way->is_native;
	p->puts_tags = way->with_tags;
	return p->link < 0 ? -errno : 0;
}

static int try_way(struct program *p, const struct way *way, bool is_shared)
{
	int code;

	complaint[0] = '\0';
	code = is_shared ? attach_shared(p, way) : attach_direct(p, way);
	if (code)
		program_detach(p);
	return code;
}

/* Both ways of one mode. */
static int try_mode(struct program *p, const struct way *way)
{
	if (has_bpf_filesystem()) {
		if (try_way(p, way, true) == 0)
			return 0;
		(void)str_copy(p->why_direct, sizeof(p->why_direct), complaint);
	} else {
		(void)str_copy(p->why_direct, sizeof(p->why_direct),
			       "no BPF file system is mounted at /sys/fs/bpf");
	}
	return try_way(p, way, false);
}

/* ---- who else is there ----------------------------------------------------------------------- */

static bool is_ours(const struct xdp_program *program)
{
	const char *name = xdp_program__name(program);

	return name &&
	       (strcmp(name, KERNEL_PROGRAM) == 0 || strcmp(name, KERNEL_PROGRAM_TAGS) == 0);
}

/* A dispatcher's programs of our name go, all others stay. */
static int clean_dispatcher(struct xdp_multiprog *all, uint32_t ifindex)
{
	const enum xdp_attach_mode mode = xdp_multiprog__attach_mode(all);
	struct xdp_program *stale[PROGRAMS_MAX];
	struct xdp_program *at = NULL;
	size_t count = 0;

	while ((at = xdp_multiprog__next_prog(at, all)) != NULL) {
		if (is_ours(at) && count < PROGRAMS_MAX)
			stale[count++] = at;
	}
	if (count == 0)
		return 0;
	log_message(MSG_XDP,
		    "device with index %u: %zu XDP programs of a daemon that has ended are removed",
		    ifindex, count);
	return xdp_program__detach_multi(stale, count, (int)ifindex, mode, 0);
}

static int refuse_other(const struct xdp_program *other, struct xvs_error *err)
{
	return error_set(err, -EBUSY, "device",
			 "the XDP program %s (id %u) is attached, which shares the device with "
			 "nobody; attach it through libxdp, or remove it with ip link set dev "
			 "DEVICE xdp off",
			 xdp_program__name(other) ? xdp_program__name(other) : "without name",
			 xdp_program__id(other));
}

static int clean_legacy(struct xdp_multiprog *all, uint32_t ifindex, struct xvs_error *err)
{
	const struct xdp_program *main_one = xdp_multiprog__main_prog(all);

	if (!main_one)
		return 0;
	if (!is_ours(main_one))
		return refuse_other(main_one, err);
	log_message(MSG_XDP,
		    "device with index %u: the XDP program of a daemon that has ended is removed",
		    ifindex);
	return xdp_multiprog__detach(all);
}

static int clean(uint32_t ifindex, struct xvs_error *err)
{
	struct xdp_multiprog *all = xdp_multiprog__get_from_ifindex((int)ifindex);
	int code;

	if (libxdp_get_error(all))
		return 0; /* nothing is attached */
	code = xdp_multiprog__is_legacy(all) ? clean_legacy(all, ifindex, err)
					     : clean_dispatcher(all, ifindex);
	xdp_multiprog__close(all);
	if (code && code != -EBUSY)
		return error_set(err, code, "device",
				 "the XDP program of an earlier daemon cannot be removed: %s",
				 strerror(-code));
	return code;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int refuse(int code, struct xvs_error *err)
{
	return error_set(err, code, "device", "the XDP program cannot be attached: %s%s%s%s",
			 strerror(-code), complaint[0] ? " (" : "", complaint,
			 complaint[0] ? ")" : "");
}

int program_attach(struct program *p, uint32_t ifindex, bool gives_tags, struct xvs_error *err)
{
	struct way way = { .ifindex = ifindex, .is_native = true, .with_tags = gives_tags };
	int code;

	(void)libbpf_set_print(on_bpf_line);
	(void)libxdp_set_print(on_xdp_line);
	p->ifindex = ifindex;
	code = clean(ifindex, err);
	if (code)
		return code;
	if (gives_tags && try_way(p, &way, false) == 0)
		return 0;
	way.with_tags = false;
	if (try_mode(p, &way) == 0)
		return 0;
	way.is_native = false;
	code = try_mode(p, &way);
	return code ? refuse(code, err) : 0;
}

void program_detach(struct program *p)
{
	if (p->shared)
		leave_dispatcher(p);
	if (p->link >= 0)
		(void)close(p->link);
	p->link = -1;
	unload(p);
}

int program_set_socket(struct program *p, uint32_t queue, int fd, struct xvs_error *err)
{
	const uint32_t value = (uint32_t)fd;

	if (bpf_map_update_elem(p->sockets, &queue, &value, BPF_ANY) == 0)
		return 0;
	return error_set(err, -errno, "", "receive queue %u: %s", queue, strerror(errno));
}
