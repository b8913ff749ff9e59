/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-extrun/run.h - one run of extensions over captures. */
#ifndef XVS_EXTRUN_RUN_H
#define XVS_EXTRUN_RUN_H

#include "extlab/lab.h"
#include "input.h"

struct run_options {
	const char *modules[LAB_CHAIN_MAX];
	uint32_t module_count;
	const char *captures[INPUT_FILES_MAX];
	uint32_t capture_count;
	const char *extension; /* of the modules only this one; NULL: all */
	const char *ports;     /* NULL: one for each capture */
	const char *policy_file;
	const char *out_file;
	uint64_t seed;
	uint32_t batch; /* 1 .. LAB_BATCH; more than 1: no line a packet */
	uint32_t threads;
	uint32_t repeat;
	bool is_json, is_quiet, is_moved;
};

/* The exit status: 0, or 1 and it was said why on stderr. */
int run(const struct run_options *o);

#endif /* XVS_EXTRUN_RUN_H */
