/* SPDX-License-Identifier: Apache-2.0 */
/* switch/spec_dhcp.c - freeing and copying of what is wanted of a DHCP server. */
#include "switch/spec_dhcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/array.h"

static bool is_label(const char *text, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char others[] = "0123456789-";

	if (len == 0 || len > 63 || text[len - 1] == '-' || !strchr(letters, text[0]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!strchr(letters, text[i]) && !strchr(others, text[i]))
			return false;
	}
	return true;
}

bool dhcp_name_valid(const char *text)
{
	return is_label(text, strlen(text)) && strcmp(text, "ignore") != 0 &&
	       strcmp(text, "infinite") != 0;
}

bool dhcp_domain_valid(const char *text)
{
	size_t len = strcspn(text, ".");

	while (is_label(text, len)) {
		if (text[len] == '\0')
			return true;
		text += len + 1;
		len = strcspn(text, ".");
	}
	return false;
}

void dhcp_spec_finish(struct dhcp_spec *s)
{
	free(s->dns);
	free(s->resolver.forward);
	free(s->reserved);
	*s = (struct dhcp_spec){ .range = "" };
}

int dhcp_spec_copy(const struct dhcp_spec *from, struct dhcp_spec *to)
{
	void *dns;
	void *forward;
	void *reserved;
	bool is_whole;

	is_whole = array_copy(&dns, from->dns, from->dns_count, sizeof(*from->dns));
	is_whole &= array_copy(&forward, from->resolver.forward, from->resolver.forward_count,
			       sizeof(*from->resolver.forward));
	is_whole &= array_copy(&reserved, from->reserved, from->reserved_count,
			       sizeof(*from->reserved));
	*to = *from;
	to->dns = dns;
	to->resolver.forward = forward;
	to->reserved = reserved;
	if (is_whole)
		return 0;
	dhcp_spec_finish(to);
	return -ENOMEM;
}
