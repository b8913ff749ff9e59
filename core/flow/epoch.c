/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoch.c - the count of changes and the ring of exact ones.
 *
 * A writer takes a number, marks its slot as being written, writes, and marks it whole.  A reader
 * that finds another mark than it expects, before or after reading, treats the record as one that
 * concerns it, which costs one judging.  A writer that was overtaken by 64 others, or finds such a
 * one still at work, leaves the slot alone: its own record is then one that concerns everybody.
 */
#include "flow/epoch.h"

#include <string.h>

static _Atomic uint64_t epoch_count = 1;
static _Atomic uint64_t change_count = 1;
static _Atomic uint64_t hard_count;

uint64_t epoch_now(void)
{
	return atomic_load_explicit(&epoch_count, memory_order_acquire);
}

uint64_t epoch_bump(void)
{
	return atomic_fetch_add_explicit(&epoch_count, 1, memory_order_acq_rel) + 1;
}

uint64_t epoch_changes(void)
{
	return atomic_load_explicit(&change_count, memory_order_acquire);
}

static void changed(void)
{
	atomic_fetch_add_explicit(&change_count, 1, memory_order_acq_rel);
}

void epoch_told(void)
{
	atomic_fetch_add_explicit(&hard_count, 1, memory_order_acq_rel);
	changed();
}

uint64_t epoch_hard_changes(void)
{
	return atomic_load_explicit(&hard_count, memory_order_acquire);
}

static void log_write(struct epoch_log *log, const struct epoch_change *change)
{
	uint64_t words[EPOCH_CHANGE_WORDS];
	uint64_t number = atomic_fetch_add_explicit(&log->written, 1, memory_order_acq_rel);
	struct epoch_record *r = &log->records[number % EPOCH_RECORDS];
	uint64_t mark = atomic_load_explicit(&r->sequence, memory_order_acquire);

	if (mark & 1 || mark > 2 * number ||
	    !atomic_compare_exchange_strong_explicit(&r->sequence, &mark, 2 * number + 1,
						     memory_order_acq_rel, memory_order_relaxed))
		return;
	memcpy(words, change, sizeof(words));
	/* the words below must not become visible before the mark above */
	atomic_thread_fence(memory_order_release);
	for (unsigned i = 0; i < EPOCH_CHANGE_WORDS; i++)
		atomic_store_explicit(&r->words[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&r->sequence, 2 * number + 2, memory_order_release);
}

bool epoch_log_read(const struct epoch_log *log, uint64_t number, struct epoch_change *out)
{
	struct epoch_record *r =
		(struct epoch_record *)(uintptr_t)&log->records[number % EPOCH_RECORDS];
	uint64_t words[EPOCH_CHANGE_WORDS];

	if (atomic_load_explicit(&r->sequence, memory_order_acquire) != 2 * number + 2)
		return false;
	for (unsigned i = 0; i < EPOCH_CHANGE_WORDS; i++)
		words[i] = atomic_load_explicit(&r->words[i], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&r->sequence, memory_order_relaxed) != 2 * number + 2)
		return false;
	memcpy(out, words, sizeof(*out));
	return true;
}

/*
 * As far as records are whole.  One that cannot be read is lost once it has been overwritten, and
 * until then it is left to those who test entries against it.
 */
static void digest_some(struct epoch_log *log)
{
	uint64_t n = atomic_load_explicit(&log->digested, memory_order_relaxed);
	uint64_t end = epoch_log_count(log);
	struct epoch_change c;

	if (end - n > EPOCH_RECORDS) {
		n = end - EPOCH_RECORDS;
		atomic_store_explicit(&log->floor, n, memory_order_relaxed);
	}
	for (; n < end && epoch_log_read(log, n, &c); n++)
		digest_put(&log->digest, &c, n);
	atomic_store_explicit(&log->digested, n, memory_order_release);
}

void epoch_log_add(struct epoch_log *log, const struct epoch_change *change)
{
	log_write(log, change);
	if (!atomic_exchange_explicit(&log->is_digesting, true, memory_order_acquire)) {
		digest_some(log);
		atomic_store_explicit(&log->is_digesting, false, memory_order_release);
	}
	changed();
}
