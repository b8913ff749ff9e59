/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_port xvs_packet xvs_base */
/* Any bytes as a capture file: read to the end or refused with a sentence, never out of bounds. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "port/pcap_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct pcap_reader *r)
{
	struct xvs_error err = ERROR_INIT;
	struct pcap_record record;
	volatile uint8_t sum = 0;
	int found;

	while ((found = pcap_reader_next(r, &record, &err)) > 0) {
		for (uint32_t i = 0; i < record.captured; i++)
			sum = (uint8_t)(sum + record.bytes[i]);
	}
	if (found < 0 && err.text[0] == '\0')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xvs_error err = ERROR_INIT;
	struct pcap_reader *r;
	int fd = memfd_create("capture", MFD_CLOEXEC);

	if (fd < 0)
		return 0;
	if (write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0) {
		(void)close(fd);
		return 0;
	}
	if (pcap_reader_create(fd, &r, &err) == 0) {
		read_all(r);
		pcap_reader_destroy(r);
	} else if (err.text[0] == '\0') {
		abort();
	}
	return 0;
}
