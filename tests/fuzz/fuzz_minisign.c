/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_minisign
 *
 * A public key, a zero byte, a signature: neither takes the daemon along, and nothing is believed that
 * the key did not sign.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/minisign.h"

static const char file[] = "hello module\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, 0, size);
	size_t len = end ? (size_t)(end - data) : size;
	struct xvs_error err = ERROR_INIT;
	struct minisign_proof proof;
	struct minisign_key key;
	bool has_key = minisign_key_parse((const char *)data, len, &key, &err) == 0;
	int code;

	if (!end)
		return 0;
	code = minisign_verify(&key, has_key, (const char *)end + 1, size - len - 1, file,
			       sizeof(file) - 1, &proof, &err);
	assert(code <= 0 && (has_key || code == -EINVAL || code == -ENOKEY));
	/* of the wrong length it is never right */
	assert(minisign_verify(&key, has_key, (const char *)end + 1, size - len - 1, file, 5,
			       &proof, &err) != 0);
	return 0;
}
