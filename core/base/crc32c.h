/* SPDX-License-Identifier: Apache-2.0 */
/* base/crc32c.h - the checksum of RFC 9260 appendix A (Castagnoli), for what travels between hosts. */
#ifndef XVS_BASE_CRC32C_H
#define XVS_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* [any] Goes on from 'crc', which is 0 at the beginning. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
uint32_t crc32c_plain(uint32_t crc, const void *bytes, size_t len); /* its plain twin */

#endif /* XVS_BASE_CRC32C_H */
