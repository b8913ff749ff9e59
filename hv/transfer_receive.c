/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/transfer_receive.c - the target's QEMU: takes disks and memory, and stands.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "transfer_script.h"

enum { CHANNELS = 4, PORT_MAX = 65535 };

static const char disks_fd[] = "move-disks";

static enum outcome server_key_add(struct transfer *t)
{
	return key_add(t, "server");
}

static enum outcome parameters_set(struct transfer *t)
{
	return script_ask(t, "migrate-set-parameters",
			  json_pack("{s:s, s:i}", "tls-creds", transfer_key, "multifd-channels",
				    CHANNELS));
}

/* ---- disks ------------------------------------------------------------------------------------- */

static enum outcome socket_give(struct transfer *t)
{
	if (!t->options->has_disks)
		return ACT_DONE;
	return script_ask_fd(t, "getfd", json_pack("{s:s}", "fdname", disks_fd), t->fd);
}

static enum outcome server_start(struct transfer *t)
{
	if (!t->options->has_disks)
		return ACT_DONE;
	return script_ask(t, "nbd-server-start",
			  json_pack("{s:{s:s, s:{s:s}}, s:s, s:i}", "addr", "type", "fd", "data",
				    "str", disks_fd, "tls-creds", transfer_key, "max-connections",
				    SPEC_DISKS * 2));
}

static const char *disk_node(const struct transfer *t, char out[SPEC_NAME + 16])
{
	(void)snprintf(out, SPEC_NAME + 16, "disk-%.*s", SPEC_NAME, script_disk(t));
	return out;
}

static enum outcome export_add(struct transfer *t)
{
	char node[SPEC_NAME + 16];

	(void)disk_node(t, node);
	return script_ask(t, "block-export-add",
			  json_pack("{s:s, s:s, s:s, s:s, s:b}", "type", "nbd", "id", node,
				    "node-name", node, "name", node, "writable", 1));
}

static enum outcome export_remove(struct transfer *t)
{
	char node[SPEC_NAME + 16];

	return script_ask(t, "block-export-del",
			  json_pack("{s:s, s:s}", "id", disk_node(t, node), "mode", "hard"));
}

static enum outcome exports_ask(struct transfer *t)
{
	return script_ask(t, "query-block-exports", NULL);
}

static enum outcome no_exports(struct transfer *t, const struct qmp_answer *answer)
{
	if (!answer->value)
		return script_fail(t, "%s", answer->error);
	return json_array_size(answer->value) == 0 ? ACT_DONE : ACT_AGAIN;
}

static enum outcome server_stop(struct transfer *t)
{
	if (!t->options->has_disks)
		return ACT_DONE;
	return script_ask(t, "nbd-server-stop", NULL);
}

/* ---- memory ------------------------------------------------------------------------------------ */

/* Port 0: one that is free. */
static enum outcome incoming(struct transfer *t)
{
	char uri[TRANSFER_HOST + 16];
	bool is_v6 = strchr(t->host, ':') != NULL;

	(void)snprintf(uri, sizeof(uri), "tcp:%s%s%s:0", is_v6 ? "[" : "", t->host,
		       is_v6 ? "]" : "");
	return script_ask(t, "migrate-incoming", json_pack("{s:s}", "uri", uri));
}

static enum outcome port_read(struct transfer *t, const struct qmp_answer *answer)
{
	const json_t *places;
	const char *text;
	unsigned long port;

	if (!answer->value)
		return script_fail(t, "%s", answer->error);
	places = json_object_get(answer->value, "socket-address");
	text = json_string_value(json_object_get(json_array_get(places, 0), "port"));
	port = text ? strtoul(text, NULL, 10) : 0;
	if (port == 0 || port > PORT_MAX)
		return script_fail(t, "QEMU does not tell where it waits for memory");
	t->port = (uint16_t)port;
	return ACT_DONE;
}

static const struct act receive_acts[] = {
	{ key_remove, judge_kindly, false }, { server_key_add, NULL, false },
	{ capabilities_set, NULL, false },   { parameters_set, NULL, false },
	{ socket_give, NULL, false },        { server_start, NULL, false },
	{ export_add, NULL, true },          { incoming, NULL, false },
	{ status_ask, port_read, false },    { NULL, NULL, false },
};

void transfer_receive(struct transfer *t, const char *host, int fd, transfer_done done, void *arg)
{
	(void)str_copy(t->host, sizeof(t->host), host);
	t->fd = fd;
	script_start(t, receive_acts, done, arg);
}

static const struct act release_acts[] = {
	{ export_remove, judge_kindly, true },
	{ exports_ask, no_exports, false },
	{ server_stop, judge_kindly, false },
	{ NULL, NULL, false },
};

void transfer_release(struct transfer *t, transfer_done done, void *arg)
{
	script_start(t, release_acts, done, arg);
}

static enum outcome all_has_come(struct transfer *t, const struct qmp_answer *answer)
{
	if (!answer->value)
		return script_fail(t, "%s", answer->error);
	status_read(t, answer->value);
	if (strcmp(t->status, "completed") == 0)
		return ACT_DONE;
	return strcmp(t->status, "failed") == 0 ? ACT_FAILED : ACT_AGAIN;
}

static const struct act loaded_acts[] = {
	{ status_ask, all_has_come, false },
	{ key_remove, judge_kindly, false },
	{ NULL, NULL, false },
};

void transfer_loaded(struct transfer *t, transfer_done done, void *arg)
{
	script_start(t, loaded_acts, done, arg);
}
