/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_xvsctl xvs_base */
/* Any words as a packet: its bytes, or a sentence, and nothing written beyond either. */
#include <stdlib.h>
#include <string.h>

#include "frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct frame f;
	char why[FRAME_WHY] = "";
	char *text = malloc(size + 1);
	int len;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	len = frame_build(text, NULL, &f, why);
	if (len < 0 ? why[0] == '\0' : len > FRAME_MAX || (uint32_t)len != f.len)
		abort();
	free(text);
	return 0;
}
