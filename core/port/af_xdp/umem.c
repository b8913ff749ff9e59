/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/umem.c - the frames' memory: a sealed memory file, registered with the kernel, which
 * keeps its pages in place (so a device with many queues gets shorter rings).
 */
#include "port/af_xdp/umem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RING_MAX = 2048, RING_MIN = 256, FRAMES_MAX = 16384 };

static uint32_t choose_ring_size(uint32_t queues)
{
	uint32_t size = RING_MAX;

	while (size > RING_MIN && size * 2 * queues > FRAMES_MAX)
		size /= 2;
	return size;
}

static uint32_t choose_frame_size(uint32_t mtu)
{
	const uint32_t spare = UMEM_FRAME_LARGE - UMEM_FRAME_SMALL;

	return mtu + spare <= UMEM_MTU_MAX ? UMEM_FRAME_SMALL : UMEM_FRAME_LARGE;
}

static int map_file(struct umem *u)
{
	void *map;

	u->fd = memfd_create("xvs-umem", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (u->fd < 0 || ftruncate(u->fd, (off_t)u->size) ||
	    fcntl(u->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
		return -errno;
	map = mmap(NULL, u->size, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	u->frames = map;
	return 0;
}

static int register_memory(struct umem *u)
{
	const struct xsk_umem_config config = {
		.fill_size = u->ring_places,
		.comp_size = u->ring_size,
		.frame_size = u->frame_size,
	};

	return xsk_umem__create(&u->handle, u->frames, u->size, u->fill, u->completion, &config);
}

int umem_open(struct umem *u, uint32_t mtu, uint32_t queues, struct xsk_ring_prod *fill,
	      struct xsk_ring_cons *completion, struct xvs_error *err)
{
	int code;

	u->ring_size = choose_ring_size(queues);
	u->ring_places = 2 * u->ring_size;
	u->frame_size = choose_frame_size(mtu);
	u->size = umem_rx_frame(u, queues, 0);
	u->fill = fill;
	u->completion = completion;
	code = map_file(u);
	if (code == 0)
		code = register_memory(u);
	if (code == 0)
		return 0;
	u->handle = NULL;
	umem_close(u);
	return error_set(err, code, "", "%llu MiB of frames: %s%s",
			 (unsigned long long)(u->size >> 20), strerror(-code),
			 code == -ENOBUFS ? "; locked memory is limited (CAP_IPC_LOCK)" : "");
}

void umem_close(struct umem *u)
{
	if (u->handle)
		(void)xsk_umem__delete(u->handle);
	u->handle = NULL;
	if (u->frames)
		(void)munmap(u->frames, u->size);
	u->frames = NULL;
	if (u->fd >= 0)
		(void)close(u->fd);
	u->fd = -1;
}
