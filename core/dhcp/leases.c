/* SPDX-License-Identifier: Apache-2.0 */
/* dhcp/leases.c - reading the file of leases, which another program writes. */
#include "dhcp/leases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ipv4.h"
#include "base/str.h"

enum { FIELD_MAX = LEASE_NAME_MAX };

/* The next word, cut out of the line; false: there is none, or it is longer than any of ours. */
static bool next_word(const char **at, const char *end, char out[FIELD_MAX])
{
	size_t len = 0;

	while (*at < end && **at == ' ')
		(*at)++;
	while (*at + len < end && (*at)[len] != ' ')
		len++;
	if (len == 0 || len >= FIELD_MAX)
		return false;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at += len;
	return true;
}

static bool time_read(const char *text, int64_t *out)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return false;
	*out = strtoll(text, NULL, 10);
	return true;
}

/* A guest may call itself what it likes. */
static void name_clean(char *name)
{
	for (; *name; name++) {
		if (*name <= ' ' || *name > '~')
			*name = '?';
	}
}

bool dhcp_lease_read(const char *line, size_t len, struct dhcp_lease *out)
{
	const char *end = line + len;
	struct dhcp_lease lease = { 0 };
	char word[FIELD_MAX];
	struct ipv4 ip;

	if (memchr(line, '\0', len))
		return false;
	if (!next_word(&line, end, word) || !time_read(word, &lease.until_s))
		return false;
	if (!next_word(&line, end, word) || !mac_parse(word, lease.mac))
		return false;
	if (!next_word(&line, end, word) || !ipv4_parse(word, &ip) || ip.has_len)
		return false;
	lease.address = ip.address;
	if (!next_word(&line, end, word))
		return false;
	name_clean(word);
	if (strcmp(word, "*") != 0)
		(void)str_copy(lease.name, sizeof(lease.name), word);
	*out = lease;
	return true;
}

int dhcp_leases_each(const char *path, int64_t now_s, dhcp_lease_fn fn, void *arg,
		     struct xvs_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	struct dhcp_lease lease;
	char line[1024];

	if (!file) {
		int code = -errno;

		if (fd >= 0)
			(void)close(fd);
		return code == -ENOENT ? 0
				       : error_set(err, code, "", "%s: %s", path, strerror(-code));
	}
	for (unsigned i = 0; i < LEASES_MAX && fgets(line, sizeof(line), file); i++) {
		if (dhcp_lease_read(line, strcspn(line, "\n"), &lease) &&
		    (lease.until_s == 0 || lease.until_s > now_s))
			fn(arg, &lease);
	}
	(void)fclose(file);
	return 0;
}
