/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_net_target - where an extension's policy says to connect or to listen, and an operator's pattern.
 * links: xvs_net_target xvs_tls xvs_base
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ext/net_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *text_of(const uint8_t *data, size_t len)
{
	char *text = calloc(1, len + 1);

	if (text && len)
		memcpy(text, data, len);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	size_t len = end ? (size_t)(end - data) : size;
	char *text = text_of(data, len);
	char *pattern = end ? text_of(end + 1, size - len - 1) : strdup("tcp:*");
	char printed[TARGET_TEXT];
	char again[TARGET_TEXT];
	struct net_target t;

	if (text && pattern && net_target_parse(text, &t)) {
		net_target_print(&t, printed);
		assert(net_target_parse(printed, &t));
		net_target_print(&t, again);
		assert(strcmp(printed, again) == 0);
		assert(net_target_fits(&t, printed));
		if (net_target_pattern_valid(pattern))
			(void)net_target_fits(&t, pattern);
	}
	free(text);
	free(pattern);
	return 0;
}
