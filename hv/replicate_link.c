/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/replicate_link.c - what a beat asks of the replica's host, over a link of its own; files of ports.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replicate_part.h"
#include "vm_archive.h"

enum { PIECE = 256 << 10 };

/* ---- the link --------------------------------------------------------------------------------- */

/* Text of another host, for people here. */
static void fail_there(struct replicating *r, const char *why)
{
	char clean[REPLICATE_WHY - 100];

	(void)snprintf(clean, sizeof(clean), "%s", why);
	for (char *c = clean; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	beat_fail(r, "host %s: %s", r->to, clean);
}

static void on_answer(void *arg, const json_t *value, const char *why)
{
	struct replicating *r = arg;
	void (*answered)(struct replicating * r, const json_t *value) = r->ask.answered;

	r->ask.answered = NULL;
	if (!answered)
		return;
	if (value)
		answered(r, value);
	else
		fail_there(r, why);
}

static void ask_send(struct replicating *r)
{
	json_t *params = r->ask.params;

	r->ask.params = NULL;
	if (params)
		remote_ask(r->link, r->ask.method, params, on_answer, r);
}

static void on_ready(void *arg, const char *name)
{
	struct replicating *r = arg;

	if (!remote_is_named(r->link, r->to)) {
		beat_fail(r, "host %s: its certificate is of \"%.200s\"", r->to, name);
		return;
	}
	r->is_linked = true;
	ask_send(r);
}

static void on_event(void *arg, const char *name, const json_t *params)
{
	(void)arg;
	(void)name;
	(void)params;
}

static void on_ended(void *arg, const char *why)
{
	fail_there(arg, why);
}

static const struct remote_ops ops = { on_ready, on_event, on_ended };

static bool dial(struct replicating *r)
{
	struct hv *hv = r->vm->hv;
	const struct host_peer *peer = settings_peer(&hv->settings, r->to);
	struct xvs_error err = ERROR_INIT;
	char host[TLS_HOST_TEXT];
	uint16_t port;

	if (!peer || !hv->tls) {
		beat_fail(r, "host %s: %.250s", r->to,
			  hv->tls ? "it is no peer any more by the settings of xvs-hv"
				  : hv->move_problem);
		return false;
	}
	/* what cannot be read anew leaves the former certificates in force */
	(void)tls_context_refresh(hv->tls, &err);
	peer_address(peer, host, &port);
	r->link = remote_connect(hv->loop, hv->tls, host, port, &ops, r);
	if (!r->link)
		beat_fail(r, "out of memory");
	return r->link != NULL;
}

void link_ask(struct replicating *r, const char *method, json_t *params,
	      void (*answered)(struct replicating *r, const json_t *value))
{
	if (!r->link && !dial(r)) {
		json_decref(params);
		return;
	}
	r->ask = (struct replicate_ask){ method, params, answered };
	if (r->is_linked)
		ask_send(r);
}

void link_close(struct replicating *r)
{
	struct remote_link *link = r->link;

	json_decref(r->ask.params);
	r->ask = (struct replicate_ask){ .method = NULL };
	r->link = NULL;
	r->is_linked = false;
	remote_close(link);
}

bool link_host(const struct replicating *r, char host[TLS_HOST_TEXT])
{
	uint16_t port;

	return r->is_linked && tls_address_parse(remote_address(r->link), REMOTE_PORT, host, &port);
}

/* ---- files of ports --------------------------------------------------------------------------- */

static bool is_state(const struct replicating *r)
{
	return r->file % 2 == 0;
}

/* Where the next piece is; false: there is no such file. */
static int file_open(const struct replicating *r)
{
	const char *adapter = r->vm->spec.adapters[r->file / 2].name;
	char path[PATH_MAX];

	(is_state(r) ? archive_path : archive_policies_path)(r->vm, REPLICATE_TAG, adapter, path,
							     sizeof(path));
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static char *piece_print(const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * len + 1);

	for (size_t i = 0; text && i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	if (text)
		text[2 * len] = '\0';
	return text;
}

static void on_taken(struct replicating *r, const json_t *value)
{
	(void)value;
	link_send_files(r);
}

static void piece_send(struct replicating *r, const uint8_t *bytes, size_t len)
{
	char *text = piece_print(bytes, len);
	json_t *params = json_pack("{s:s, s:I, s:s, s:s, s:I, s:s?}", "replica", r->id, "sequence",
				   (json_int_t)r->copy.sequence, "adapter",
				   r->vm->spec.adapters[r->file / 2].name, "kind",
				   is_state(r) ? "state" : "policies", "offset",
				   (json_int_t)r->offset, "bytes", text);

	free(text);
	r->offset += len;
	link_ask(r, "vm.replica.file", params, on_taken);
}

void link_send_files(struct replicating *r)
{
	uint8_t *bytes = malloc(PIECE);

	for (; bytes && r->file < 2 * r->vm->spec.adapter_count; r->file++, r->offset = 0) {
		int fd = file_open(r);
		ssize_t got = fd >= 0 ? pread(fd, bytes, PIECE, (off_t)r->offset) : 0;

		if (fd >= 0)
			(void)close(fd);
		if (got <= 0)
			continue;
		piece_send(r, bytes, (size_t)got);
		free(bytes);
		return;
	}
	if (bytes)
		beat_files_sent(r);
	else
		beat_fail(r, "out of memory");
	free(bytes);
}
