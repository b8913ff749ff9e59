/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-extrun: extensions on captured packets, without privileges and without a daemon.
 *
 * It neither forks nor catches signals, so that debuggers and valgrind see all there is.
 */
#include <elf.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "run.h"

enum { STATUS_USAGE = 2, THREADS_MOST = 16, REPEAT_MOST = 1000000 };

enum option_id {
	OPTION_PORTS = 256,
	OPTION_POLICY,
	OPTION_OUT,
	OPTION_SEED,
	OPTION_BATCH,
	OPTION_THREADS,
	OPTION_REPEAT,
	OPTION_EXTENSION,
	OPTION_SAVE_RESTORE,
	OPTION_JSON,
};

static const struct option options[] = {
	{ "ports", required_argument, NULL, OPTION_PORTS },
	{ "policy", required_argument, NULL, OPTION_POLICY },
	{ "out", required_argument, NULL, OPTION_OUT },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "batch", required_argument, NULL, OPTION_BATCH },
	{ "threads", required_argument, NULL, OPTION_THREADS },
	{ "repeat", required_argument, NULL, OPTION_REPEAT },
	{ "extension", required_argument, NULL, OPTION_EXTENSION },
	{ "save-restore", no_argument, NULL, OPTION_SAVE_RESTORE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const char help[] =
	"xvs-extrun [options] MODULE... PCAP...\n"
	"Runs extensions over captured packets and tells what becomes of each.\n"
	"  --ports NAME=MAC,..,NAME  ports, the last without address is the uplink; a packet comes in\n"
	"                            where its source is (default: a port for each capture)\n"
	"  --policy FILE             YAML: {FEATURE: {FIELD: VALUE}}, and {ports: {NAME: {FEATURE: ..}}}\n"
	"  --extension ID            of the modules, only this one\n"
	"  --out FILE                packets that leave, as a capture\n"
	"  --save-restore            half way the state goes to a second switch; verdicts must be equal\n"
	"  --seed N                  of all chance (default 1)\n"
	"  --batch N                 so many packets at a time, up to 64; only sums are told\n"
	"  --threads N               so many workers, up to 16; only sums are told\n"
	"  --repeat N                all captures N times over\n"
	"  --json                    a line of JSON for each packet, and one for the sums\n"
	"  -q, --quiet               only the sums\n"
	"  -v, --verbose             what the switch and the extensions log, too\n";

static int refuse(const char *what, const char *why)
{
	(void)fprintf(stderr, "xvs-extrun: %s: %s; try --help\n", what, why);
	return -1;
}

static bool number(const char *text, uint64_t most, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && *end == '\0' && *out <= most;
}

static int set_number(int id, const char *text, struct run_options *o)
{
	uint64_t value;

	if (!number(text, id == OPTION_SEED ? UINT64_MAX : REPEAT_MOST, &value))
		return refuse(text, "must be a number");
	if (id == OPTION_SEED)
		o->seed = value;
	else if (id == OPTION_BATCH && value >= 1 && value <= LAB_BATCH)
		o->batch = (uint32_t)value;
	else if (id == OPTION_THREADS && value <= THREADS_MOST)
		o->threads = (uint32_t)value;
	else if (id == OPTION_REPEAT && value >= 1)
		o->repeat = (uint32_t)value;
	else
		return refuse(text, "is out of range");
	return 0;
}

/* 1: done, nothing to run. */
static int set(int id, struct run_options *o)
{
	switch (id) {
	case OPTION_PORTS:
		o->ports = optarg;
		return 0;
	case OPTION_POLICY:
		o->policy_file = optarg;
		return 0;
	case OPTION_OUT:
		o->out_file = optarg;
		return 0;
	case OPTION_EXTENSION:
		o->extension = optarg;
		return 0;
	case OPTION_SAVE_RESTORE:
		o->is_moved = true;
		return 0;
	case OPTION_JSON:
		o->is_json = true;
		return 0;
	case 'q':
		o->is_quiet = true;
		return 0;
	case 'v':
		log_open(XVS_LOG_DEBUG, false);
		return 0;
	case 'h':
		(void)fputs(help, stdout);
		return 1;
	case 'V':
		(void)puts("xvs-extrun " XVS_VERSION);
		return 1;
	case '?':
		return -1;
	default:
		return set_number(id, optarg, o);
	}
}

static bool is_elf(const char *path)
{
	char magic[SELFMAG] = "";
	FILE *file = fopen(path, "re");
	const bool is = file && fread(magic, sizeof(magic), 1, file) == 1 &&
			memcmp(magic, ELFMAG, SELFMAG) == 0;

	if (file)
		(void)fclose(file);
	return is;
}

static int add_file(const char *path, struct run_options *o)
{
	if (is_elf(path)) {
		if (o->module_count == LAB_CHAIN_MAX)
			return refuse(path, "is one module too many");
		o->modules[o->module_count++] = path;
		return 0;
	}
	if (o->capture_count == INPUT_FILES_MAX)
		return refuse(path, "is one capture too many");
	o->captures[o->capture_count++] = path;
	return 0;
}

static int check(const struct run_options *o)
{
	if (o->module_count == 0)
		return refuse("MODULE", "no file is a module");
	if (o->capture_count == 0)
		return refuse("PCAP", "there is no capture");
	if (o->is_moved && (o->threads || o->batch > 1))
		return refuse("--save-restore",
			      "packets are compared one by one, without --threads "
			      "and --batch");
	return 0;
}

int main(int argc, char **argv)
{
	struct run_options o = { .seed = 1, .batch = 1, .repeat = 1 };
	int code = 0;
	int id;

	log_open(XVS_LOG_ERROR, false);
	while (code == 0 && (id = getopt_long(argc, argv, "qvhV", options, NULL)) != -1)
		code = set(id, &o);
	if (code == 1)
		return 0;
	for (; code == 0 && optind < argc; optind++)
		code = add_file(argv[optind], &o);
	if (code || check(&o))
		return STATUS_USAGE;
	return run(&o);
}
