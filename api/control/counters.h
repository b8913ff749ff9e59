/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/counters.h - layout of the counter segment, for tools that read it without asking
 * the daemon.  Needs C11 or C++17, and nothing else of xvs.
 *
 * Map the file read-only and shared, check it with counters_valid(), then find everything
 * through the offsets and strides of its header, never through sizes compiled in:
 *
 *   header | names | shard 0 | shard 1 | ... one shard a worker
 *   shard:   struct port_counters by port id | struct drop_cell (hash table) | lost drops
 *
 * Each number has one writer, in one shard; the sum over the shards is the value.  Numbers only
 * grow, except that those of a port start again at zero when its id is given to another.  Two
 * numbers read one after the other may be of different moments.  A daemon that starts makes a
 * new file and renames it over the old one, so a reader that sees 'pid' end opens it again.
 *
 * Version 1 grows by taking reserved fields and by larger strides; what is described here stays.
 */
#ifndef XVS_CONTROL_COUNTERS_H
#define XVS_CONTROL_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COUNTERS_MAGIC UINT64_C(0x746e756f63737678) /* "xvscount" in memory */

enum { COUNTERS_VERSION = 1, COUNTERS_NAME_SIZE = 112 };

struct counters_header {
	uint64_t magic; /* written last, when the segment is whole */
	uint32_t version;
	uint32_t header_size;
	uint64_t size; /* of the file */
	int64_t pid;   /* of the daemon */

	uint64_t names_offset; /* from here */
	uint32_t names_count;
	uint32_t names_stride;
	uint64_t names_sequence; /* odd: names are being changed */

	uint64_t shards_offset; /* from here */
	uint64_t shard_stride;
	uint32_t shard_count;
	uint32_t ports_count;  /* ids below this */
	uint64_t ports_offset; /* from the start of a shard, as the next three */
	uint64_t drops_offset;
	uint64_t lost_offset; /* uint64_t: drops that found no cell */
	uint32_t drops_count;
	uint32_t port_stride;
	uint32_t drop_stride;
	uint32_t reserved;
	uint64_t reserved_words[8];
};

enum counters_kind { COUNTERS_PORT = 1, COUNTERS_INSTANCE = 2, COUNTERS_REASON = 3 };

/* What a number means.  Free if kind is 0. */
struct counters_name {
	uint32_t kind;
	uint32_t instance; /* REASON: whose reason it is, 0 for the host's own; else 0 */
	uint32_t id;       /* port id, instance number or reason */
	uint32_t reserved;
	char name[COUNTERS_NAME_SIZE]; /* NUL-terminated UTF-8 */
};

/*
 * Packets as the switch holds them (a GSO packet is one).  The law, over all ports:
 * received + originated + copied + segmented = sent + drops + consumed + held.
 */
struct port_counters {
	uint64_t rx_packets, rx_bytes, rx_multicast, rx_broadcast, rx_errors;
	uint64_t tx_packets, tx_bytes, tx_multicast, tx_broadcast, tx_errors;
	uint64_t originated; /* by extensions or the host, entering or leaving here */
	uint64_t copied;     /* clones: one packet became two */
	uint64_t segmented;  /* n - 1 for each packet cut into n */
	uint64_t consumed;   /* XVS_REASON_CONSUMED */
	uint64_t drops;      /* all reasons together */
	uint64_t drop_bytes;
};

struct drop_cell {
	uint64_t key; /* drop_key() + 1; 0: free.  Released after the numbers are zero */
	uint64_t packets;
	uint64_t bytes;
};

static inline uint64_t drop_key(uint32_t port, uint32_t stage, uint32_t instance, uint32_t reason)
{
	return (uint64_t)(port & 0xffffff) << 36 | (uint64_t)(stage & 0xf) << 32 |
	       (uint64_t)(instance & 0xffff) << 16 | (reason & 0xffff);
}

static inline uint32_t drop_key_port(uint64_t key)
{
	return (uint32_t)(key >> 36) & 0xffffff;
}

static inline uint32_t drop_key_stage(uint64_t key)
{
	return (uint32_t)(key >> 32) & 0xf;
}

static inline uint32_t drop_key_instance(uint64_t key)
{
	return (uint32_t)(key >> 16) & 0xffff;
}

static inline uint32_t drop_key_reason(uint64_t key)
{
	return (uint32_t)key & 0xffff;
}

/* A number while its writer counts on. */
static inline uint64_t counter_read(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* 'mapped' bytes are there.  False: no segment, one of another version, or one being made. */
static inline bool counters_valid(const struct counters_header *h, uint64_t mapped)
{
	return mapped >= sizeof(*h) &&
	       __atomic_load_n(&h->magic, __ATOMIC_ACQUIRE) == COUNTERS_MAGIC &&
	       h->version == COUNTERS_VERSION && h->size <= mapped;
}

static inline const void *counters_shard_at(const struct counters_header *h, uint32_t shard,
					    uint64_t offset)
{
	return (const char *)h + h->shards_offset + shard * h->shard_stride + offset;
}

static inline const struct port_counters *counters_port_at(const struct counters_header *h,
							   uint32_t shard, uint32_t port)
{
	uint64_t offset = h->ports_offset + (uint64_t)port * h->port_stride;

	return (const struct port_counters *)counters_shard_at(h, shard, offset);
}

static inline const struct drop_cell *counters_drop_at(const struct counters_header *h,
						       uint32_t shard, uint32_t cell)
{
	uint64_t offset = h->drops_offset + (uint64_t)cell * h->drop_stride;

	return (const struct drop_cell *)counters_shard_at(h, shard, offset);
}

static inline uint64_t counters_lost(const struct counters_header *h, uint32_t shard)
{
	return counter_read((const uint64_t *)counters_shard_at(h, shard, h->lost_offset));
}

/*
 * Copies name 'index' (below names_count).  False: free, or changed meanwhile: read again when
 * names_sequence is even.  Word by word with acquire loads, which pair with the writer's release
 * stores: a word of a change that is under way comes with the odd sequence number.
 */
static inline bool counters_name_read(const struct counters_header *h, uint32_t index,
				      struct counters_name *out)
{
	const uint64_t *from = (const uint64_t *)(const void *)((const char *)h + h->names_offset +
								(uint64_t)index * h->names_stride);
	uint64_t before = __atomic_load_n(&h->names_sequence, __ATOMIC_ACQUIRE);
	uint64_t words[sizeof(*out) / sizeof(uint64_t)];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		words[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
	if ((before & 1) || __atomic_load_n(&h->names_sequence, __ATOMIC_RELAXED) != before)
		return false;
	__builtin_memcpy(out, words, sizeof(*out));
	out->name[COUNTERS_NAME_SIZE - 1] = '\0';
	return out->kind != 0;
}

#ifdef __cplusplus
}
#endif

#endif /* XVS_CONTROL_COUNTERS_H */
