/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon reads of the process of an extension: 'd' what a module declares, 'f' the value of
 * a status, 'w' messages by the socket.
 * links: xvs_ext xvs_packet xvs_base
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ext/describe.h"
#include "ext/flat.h"
#include "ext/normalise.h"
#include "ext/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fuzz_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		       struct xvs_error *err)
{
	(void)host;
	(void)args;
	(void)self;
	return err->code;
}

static void fuzz_destroy(void *self)
{
	(void)self;
}

static bool has_interface(const char *id)
{
	return id[0] == 'x';
}

static void describe(const uint8_t *data, size_t size)
{
	static const struct xvs_ops ops = { .size = sizeof(ops),
					    .create = fuzz_create,
					    .destroy = fuzz_destroy };
	const struct module_note note = { .abi_major = 1, .classes = ~0u, .rights = ~0u };
	struct xvs_error err = ERROR_INIT;
	struct arena arena = { NULL };
	struct normalised n = { .count = 0 };
	const struct xvs_module *m = described_module((const char *)data, size, &arena, &ops, &err);

	if (!m && !err.text[0])
		abort();
	if (m && module_normalise(m, &note, has_interface, &n, &err) == 0)
		normalised_finish(&n);
	arena_finish(&arena);
}

struct inner {
	uint32_t n;
	char word[12];
};

struct value {
	struct xvs_table list;
	uint32_t choice;
	bool flag;
};

static uint64_t sum(const struct value *v)
{
	const struct inner *in = v->list.items;
	uint64_t all = 0;

	for (uint32_t i = 0; i < v->list.count; i++)
		all += in[i].n + strlen(in[i].word);
	return all;
}

static void unpack(const uint8_t *data, size_t size)
{
	static const char *const words[] = { "a", "b" };
	static const struct xvs_field in[] = {
		{ .name = "n", .type = XVS_U32, .max = UINT32_MAX },
		{ .name = "word",
		  .offset = offsetof(struct inner, word),
		  .type = XVS_TEXT,
		  .max = sizeof(((struct inner *)0)->word) },
	};
	static const struct xvs_field out[] = {
		{ .name = "list",
		  .type = XVS_LIST,
		  .max = 1000,
		  .fields = XVS_TABLE(in),
		  .element_bytes = sizeof(struct inner) },
		{ .name = "choice",
		  .offset = offsetof(struct value, choice),
		  .type = XVS_ENUM,
		  .names = XVS_TABLE(words) },
		{ .name = "flag", .offset = offsetof(struct value, flag), .type = XVS_BOOL },
	};
	static const struct xvs_feature f = { .size = sizeof(f),
					      .bytes = sizeof(struct value),
					      .id = "com.example.fuzz/1",
					      .fields = XVS_TABLE(out) };
	struct xvs_error err = ERROR_INIT;
	void *bytes = malloc(size + 1);

	if (!bytes)
		return;
	memcpy(bytes, data, size);
	if (flat_unpack(&f, bytes, size, &err) == 0 && sum(bytes) == UINT64_MAX)
		abort();
	free(bytes);
}

static void heard(void *arg, uint32_t type, const void *body, size_t len)
{
	uint64_t *all = arg;
	const uint8_t *b = body;

	for (size_t i = 0; i < len; i++)
		*all += b[i] + type;
}

static void listen_to(const uint8_t *data, size_t size)
{
	struct process p = { .pid = -1, .box.most = WIRE_SAY_MAX };
	uint64_t all = 0;
	int pair[2];

	if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return;
	p.socket = pair[0];
	if (write(pair[1], data, size) == (ssize_t)size) {
		(void)close(pair[1]);
		for (int n = 0; n < 16 && exthost_listen(&p, heard, &all); n++)
			;
	} else {
		(void)close(pair[1]);
	}
	(void)close(pair[0]);
	wire_box_finish(&p.box);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'd')
		describe(data + 1, size - 1);
	else if (data[0] == 'f')
		unpack(data + 1, size - 1);
	else if (data[0] == 'w')
		listen_to(data + 1, size - 1);
	return 0;
}
