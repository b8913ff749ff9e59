/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_address - addresses and routes that were kept on disk, read again.
 * links: xvs_port xvs_packet xvs_base
 */
#include <assert.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "port/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte: which kind; the rest: its bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address_item item = { .type = RTM_NEWADDR };
	struct address_set set = { .items = NULL };
	char text[LINK_ADDRESS_TEXT];
	uint8_t ip[16];

	if (size < 1 || size - 1 > sizeof(item.bytes))
		return 0;
	if (data[0] & 1)
		item.type = RTM_NEWROUTE;
	item.len = (uint16_t)(size - 1);
	memcpy(item.bytes, data + 1, size - 1);
	if (address_set_add(&set, &item) == 0) {
		size_t len = address_item_ip(&set.items[0], ip);

		assert(len == 0 || len == 4 || len == 16);
		assert(address_set_has(&set, &item));
		if (address_item_text(&set.items[0], text))
			assert(len != 0 && strchr(text, '/'));
	}
	address_set_finish(&set);
	return 0;
}
