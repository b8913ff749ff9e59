/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find_avx512.c - the stages of flow/batch.h with a key in one register: its hash is one
 * multiplication of eight lanes, a comparison under a mask two instructions.
 */
#include "flow/batch.h"

#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__BMI2__)

bool flow_has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("bmi2");
}

void flow_batch_avx512(struct flow_cache *c, const struct flow_batch *b, struct flow_entry **found)
{
	flow_batch_run(c, b, found);
}

#else

bool flow_has_avx512(void)
{
	return false;
}

void flow_batch_avx512(struct flow_cache *c, const struct flow_batch *b, struct flow_entry **found)
{
	flow_batch_plain(c, b, found);
}

#endif
