/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports as the command line of xvs-extrun names them.
 * links: xvs_extrun xvs_base
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/xvs-extrun/places.h"
#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Either there are ports, of which the last alone is an uplink, or one sentence says why not. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xvs_error err = ERROR_INIT;
	struct places *p = calloc(1, sizeof(*p));
	char *text = calloc(1, size + 1);
	int code;

	if (!p || !text)
		abort();
	memcpy(text, data, size);
	code = places_parse(text, p, &err);
	if (code > 0 || (code && (err.code != code || err.text[0] == '\0')))
		abort();
	places_close(p);
	for (size_t i = 0; code == 0 && i < p->count; i++)
		if (p->ports[i].is_uplink != (i == p->count - 1) || p->ports[i].name[0] == '\0' ||
		    places_of(p, p->ports[i].mac) >= p->count)
			abort();
	free(text);
	free(p);
	return 0;
}
