/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/stone.c - a stone is there before the definition goes, and goes after all else that would make
 * a machine of the folder again: whenever the host crashes, a machine is in one place.
 */
#include "stone.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

uint64_t epoch_recall(const struct store *s, const char *name)
{
	struct xvs_error err = ERROR_INIT;
	json_t *kept = store_read(s, name, "epoch.json", &err);
	json_int_t epoch = json_integer_value(json_object_get(kept, "epoch"));

	json_decref(kept);
	return epoch > 0 ? (uint64_t)epoch : 0;
}

int epoch_keep(const struct store *s, const char *name, uint64_t epoch, struct xvs_error *err)
{
	json_t *kept = json_pack("{s:I}", "epoch", (json_int_t)epoch);
	int code = store_write(s, name, "epoch.json", kept, err);

	json_decref(kept);
	return code;
}

static json_t *stone_make(const char *host)
{
	time_t now = time(NULL);
	struct tm utc;
	char text[32];

	(void)gmtime_r(&now, &utc);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_pack("{s:s, s:s}", "host", host, "time", text);
}

int stone_lay(const struct store *s, const char *name, const char *host, struct xvs_error *err)
{
	json_t *stone = stone_make(host);
	char text[STONE_TEXT];
	int code = 0;

	if (!stone_read(s, name, text))
		code = store_write(s, name, "stone.json", stone, err);
	json_decref(stone);
	if (code == 0)
		code = store_remove_file(s, name, "definition.json", err);
	return code ? code : store_remove_file(s, name, "state.json", err);
}

bool stone_read(const struct store *s, const char *name, char out[STONE_TEXT])
{
	struct xvs_error err = ERROR_INIT;
	json_t *stone = store_read(s, name, "stone.json", &err);
	const char *host = json_string_value(json_object_get(stone, "host"));
	const char *when = json_string_value(json_object_get(stone, "time"));
	/* one that cannot be read is one */
	bool is_there = stone || err.code;

	(void)snprintf(out, STONE_TEXT, "it moved to %.128s at %.32s", host ? host : "another host",
		       when ? when : "an unknown time");
	json_decref(stone);
	return is_there;
}

int stone_remove(const struct store *s, const char *name, struct xvs_error *err)
{
	/* its state went with its definition; what is there is of the machine that comes back */
	static const char *const files[] = { "definition.json", "departure.json" };
	char text[STONE_TEXT];
	int code = 0;

	if (!stone_read(s, name, text))
		return 0;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && code == 0; i++)
		code = store_remove_file(s, name, files[i], err);
	return code ? code : store_remove_file(s, name, "stone.json", err);
}
