/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/takeover_record.c - what was taken, on disk: STATE/taken/SWITCH, JSON.
 *
 *   {"boot": "8ab4...", "device": "host0",
 *    "from": [{"device": "eth1", "arp_ignore": "0", "disable_ipv6": "0", "items": ["20,0a18...", ...]}]}
 *
 * An item is the number of its kind of message and its bytes.  The folder is the daemon's own, and all
 * the same whatever is read is checked before the kernel is asked to do it.
 *
 * "boot" is the kernel's: after the machine has started anew its uplinks have what its own configuration
 * gives them, and nothing is owed to them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "switch/takeover.h"

#define FOLDER "taken"

enum { BOOT_TEXT = 64 };

/* ---- as text ------------------------------------------------------------------------------------- */

static json_t *item_json(const struct address_item *item)
{
	char text[2 * ADDRESS_BYTES + 8];
	int len = snprintf(text, sizeof(text), "%u,", item->type);

	for (size_t i = 0; i < item->len; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%02x", item->bytes[i]);
	return json_string(text);
}

static json_t *device_json(const struct taken_device *d)
{
	json_t *items = json_array();

	for (size_t i = 0; i < d->set.count; i++)
		(void)json_array_append_new(items, item_json(&d->set.items[i]));
	return json_pack("{s:s, s:s, s:s, s:o}", "device", d->device, "arp_ignore", d->arp_ignore,
			 "disable_ipv6", d->no_ipv6, "items", items);
}

/* "": unknown. */
static void boot_read(char out[BOOT_TEXT])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, out, BOOT_TEXT - 1) : 0;

	out[len > 0 ? len : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (fd >= 0)
		(void)close(fd);
}

static json_t *record_json(const struct takeover *t)
{
	json_t *from = json_array();
	char boot[BOOT_TEXT];

	for (size_t i = 0; i < t->count; i++)
		(void)json_array_append_new(from, device_json(&t->from[i]));
	boot_read(boot);
	return json_pack("{s:s, s:s, s:o}", "boot", boot, "device", t->device, "from", from);
}

static int nibble(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool item_read(const char *text, struct address_item *out)
{
	size_t digits = text ? strspn(text, "0123456789") : 0;
	unsigned long type;
	size_t len;

	if (digits == 0 || digits > 5 || text[digits] != ',')
		return false;
	type = strtoul(text, NULL, 10);
	text += digits + 1;
	len = strlen(text);
	if (len % 2 || len / 2 > sizeof(out->bytes) || type > UINT16_MAX)
		return false;
	*out = (struct address_item){ .type = (uint16_t)type, .len = (uint16_t)(len / 2) };
	for (size_t i = 0; i < len; i++) {
		int value = nibble(text[i]);

		if (value < 0)
			return false;
		out->bytes[i / 2] = (uint8_t)(out->bytes[i / 2] << 4 | value);
	}
	return true;
}

/* A name of a device, or a number for the kernel. */
static bool word_read(const json_t *object, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && !strchr(text, '/') && strcmp(text, "..") != 0 && str_copy(out, size, text);
}

static bool device_read(const json_t *object, struct taken_device *d)
{
	const json_t *items = json_object_get(object, "items");
	struct address_item item;

	if (!word_read(object, "device", d->device, sizeof(d->device)) ||
	    !word_read(object, "arp_ignore", d->arp_ignore, sizeof(d->arp_ignore)) ||
	    !word_read(object, "disable_ipv6", d->no_ipv6, sizeof(d->no_ipv6)))
		return false;
	for (size_t i = 0; i < json_array_size(items); i++) {
		if (!item_read(json_string_value(json_array_get(items, i)), &item) ||
		    address_set_add(&d->set, &item))
			return false;
	}
	return true;
}

static struct takeover *record_read(const json_t *j)
{
	const json_t *from = json_object_get(j, "from");
	size_t count = json_array_size(from);
	struct takeover *t = calloc(1, sizeof(*t));
	bool is_good =
		t && count <= TAKEN_DEVICES && word_read(j, "device", t->device, sizeof(t->device));

	for (size_t i = 0; is_good && i < count; i++) {
		t->count = i + 1;
		is_good = device_read(json_array_get(from, i), &t->from[i]);
	}
	if (is_good)
		return t;
	takeover_destroy(t);
	return NULL;
}

/* ---- as a file ----------------------------------------------------------------------------------- */

static int folder_open(const char *state_dir)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/" FOLDER, state_dir) >= (int)sizeof(path))
		return -1;
	(void)mkdir(path, 0700);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Whole and on the disk under its name, or not at all. */
static int file_write(int folder, const char *name, const char *text)
{
	size_t len = strlen(text);
	int fd =
		openat(folder, ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int code = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len || fsync(fd))
		code = errno ? -errno : -ENOSPC;
	(void)close(fd);
	if (code == 0 && (renameat(folder, ".new", folder, name) || fsync(folder)))
		code = -errno;
	return code;
}

int takeover_keep(const char *state_dir, const char *name, const struct takeover *t,
		  struct xvs_error *err)
{
	json_t *j = record_json(t);
	char *text = json_dumps(j, JSON_INDENT(1));
	int folder = folder_open(state_dir);
	int code = !text ? -ENOMEM : folder < 0 ? -errno : file_write(folder, name, text);

	if (folder >= 0)
		(void)close(folder);
	free(text);
	json_decref(j);
	return code ? error_set(err, code, "", "%s/" FOLDER "/%s: %s", state_dir, name,
				strerror(-code))
		    : 0;
}

void takeover_forget(const char *state_dir, const char *name)
{
	int folder = folder_open(state_dir);

	if (folder < 0)
		return;
	(void)unlinkat(folder, name, 0);
	(void)fsync(folder);
	(void)close(folder);
}

enum found { FOUND_NOTHING, FOUND_OLD, FOUND_BROKEN, FOUND_CLOSED, FOUND_GOOD };

/* FOUND_OLD: of another start of the machine; FOUND_CLOSED: it cannot be read now. */
static enum found record_find(const char *state_dir, const char *name, struct takeover **out)
{
	char path[PATH_MAX];
	char boot[BOOT_TEXT];
	char now[BOOT_TEXT];
	json_error_t why;
	json_t *j;
	bool has_boot;

	(void)snprintf(path, sizeof(path), "%s/" FOLDER "/%s", state_dir, name);
	j = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (!j && json_error_code(&why) == json_error_cannot_open_file)
		return errno == ENOENT ? FOUND_NOTHING : FOUND_CLOSED;
	if (!j)
		return json_error_code(&why) == json_error_out_of_memory ? FOUND_CLOSED
									 : FOUND_BROKEN;
	boot_read(now);
	has_boot = word_read(j, "boot", boot, sizeof(boot));
	*out = has_boot ? record_read(j) : NULL;
	json_decref(j);
	if (!*out)
		return FOUND_BROKEN;
	if (strcmp(boot, now) == 0)
		return FOUND_GOOD;
	takeover_destroy(*out);
	*out = NULL;
	return FOUND_OLD;
}

struct takeover *takeover_load(const char *state_dir, const char *name)
{
	struct takeover *t = NULL;

	if (record_find(state_dir, name, &t) != FOUND_GOOD)
		return NULL;
	for (size_t i = 0; i < t->count; i++)
		t->from[i].is_owed = true;
	return t;
}

/* Out of the way of the next record: somebody may still want to read it. */
static void set_aside(const char *state_dir, const char *name)
{
	int folder = folder_open(state_dir);
	char aside[NAME_MAX + 1];

	(void)snprintf(aside, sizeof(aside), ".damaged-%.*s", NAME_MAX - 16, name);
	if (folder < 0)
		return;
	(void)renameat(folder, name, folder, aside);
	(void)close(folder);
	log_message(MSG_ADDRESSES_LOST,
		    "%s/" FOLDER "/%s: what a host port of switch %s took cannot be read, so look "
		    "after the addresses of its uplinks yourself",
		    state_dir, aside, name);
}

static int give_back(const char *state_dir, const char *name, struct takeover *t)
{
	struct xvs_error err = ERROR_INIT;
	struct xvs_error unkept = ERROR_INIT;
	size_t had = t->count;
	int code = takeover_return(t, &err);

	if (code == 0) {
		log_message(MSG_ADDRESSES,
			    "switch %s: addresses that a host port had are back at "
			    "the uplinks, after a daemon that was killed",
			    name);
		takeover_forget(state_dir, name);
		return 0;
	}
	log_message(MSG_ADDRESSES_LOST, "switch %s: addresses are not back: %s", name, err.text);
	if (t->count != had && takeover_keep(state_dir, name, t, &unkept))
		log_message(MSG_ADDRESSES_LOST, "switch %s: %s", name, unkept.text);
	return code;
}

static int recover(const char *state_dir, const char *name)
{
	struct takeover *t = NULL;
	int code = 0;

	switch (record_find(state_dir, name, &t)) {
	case FOUND_GOOD:
		code = give_back(state_dir, name, t);
		break;
	case FOUND_BROKEN:
		set_aside(state_dir, name);
		return -EINVAL;
	case FOUND_CLOSED:
		log_message(MSG_ADDRESSES_LOST, "%s/" FOLDER "/%s cannot be read", state_dir, name);
		return -EIO;
	case FOUND_OLD:
		takeover_forget(state_dir, name);
		break;
	case FOUND_NOTHING:
		break;
	}
	takeover_destroy(t);
	return code;
}

int world_recover_addresses(const char *state_dir)
{
	int folder = folder_open(state_dir);
	DIR *all = folder >= 0 ? fdopendir(folder) : NULL;
	const struct dirent *one;
	int worst = all ? 0 : -errno;

	if (worst)
		log_message(MSG_ADDRESSES_LOST, "%s/" FOLDER ": %s", state_dir, strerror(-worst));
	while (all && (one = readdir(all)) != NULL) {
		int code = one->d_name[0] == '.' ? 0 : recover(state_dir, one->d_name);

		worst = code ? code : worst;
	}
	if (all)
		(void)closedir(all);
	else if (folder >= 0)
		(void)close(folder);
	return worst;
}
