/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-conform: does a module keep the rules of the interface?
 *
 * Each rule is tried in a process of its own, so that whatever a module does ends that trial alone, and
 * is its result.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/yaml.h"
#include "trial.h"

enum {
	STATUS_BROKEN = 1,
	STATUS_USAGE = 2,
	PACKETS = 20000,
	DEADLINE_S = 60,
	AFTER_HANG_S = 2,
	POLL_NS = 1000000,
	DIGEST_TEXT = 65,
};

struct options {
	const char *path, *json_file, *only, *policy_file;
	uint64_t packets;
	uint32_t deadline_s;
};

struct conformance {
	struct options o;
	struct node *policies;
	char digest[DIGEST_TEXT];
	struct module_note note;
	json_t *trials;
	unsigned broken;
	uint32_t extensions;
	bool has_hung;
};

/* ---- one trial -------------------------------------------------------------------------------------- */

/* In the child.  What is broken is broken for this process: it ends here. */
static void try(const struct conformance *c, const struct rule *r, uint32_t index)
{
	struct trial t = { .path = c->o.path,
			   .index = index,
			   .packets = c->o.packets,
			   .policy_file = c->o.policy_file,
			   .given = c->policies,
			   .random = 1 };

	/* What a module prints is not to be read as the report. */
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	watch_record->result = (int)r->run(&t);
	watch_record->ended = getpid();
	_exit(0);
}

/* The child's status; -1: it did not end in time. */
static int await(pid_t child, uint32_t deadline_s)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };
	const uint64_t end = clock_ns() + deadline_s * NS_PER_S;
	int status;

	while (waitpid(child, &status, WNOHANG) == 0) {
		if (clock_ns() > end) {
			(void)kill(child, SIGKILL);
			(void)waitpid(child, &status, 0);
			return -1;
		}
		(void)nanosleep(&pause, NULL);
	}
	return status;
}

static const char *where_in(char out[CALL_BYTES + 8])
{
	watch_record->call[CALL_BYTES - 1] = '\0';
	if (watch_record->call[0] == '\0')
		return "outside of a call";
	(void)snprintf(out, CALL_BYTES + 8, "in %s()", watch_record->call);
	return out;
}

/* The status says nothing: a module may end the process, or have another come to the end in its place. */
static enum result judge(struct conformance *c, pid_t child, int status, uint32_t deadline_s)
{
	char call[CALL_BYTES + 8];

	if (status == -1) {
		c->has_hung = true;
		watch_record->finding[0] = '\0';
		watch_find("does not come to an end in %u s, %s", deadline_s, where_in(call));
	} else if (WIFSIGNALED(status)) {
		watch_record->finding[0] = '\0';
		watch_find("crashes %s: %s", where_in(call), strsignal(WTERMSIG(status)));
	} else if (watch_record->ended == child) {
		return (enum result)watch_record->result;
	} else if (watch_record->ended) {
		watch_find("ends the process, and goes on in one that it has made");
	} else {
		watch_find("ends the process %s, with status %d", where_in(call),
			   WEXITSTATUS(status));
	}
	return RESULT_BROKEN;
}

/* Not the one before: processes that a module left behind still write there. */
static bool record_renew(void)
{
	static struct watch_record *shared;
	void *fresh = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (fresh == MAP_FAILED)
		return false;
	watch_record = fresh;
	if (shared)
		(void)munmap(shared, sizeof(*shared));
	shared = fresh;
	return true;
}

static enum result run_one(struct conformance *c, const struct rule *r, uint32_t index)
{
	const uint32_t deadline_s =
		c->has_hung && c->o.deadline_s > AFTER_HANG_S ? AFTER_HANG_S : c->o.deadline_s;
	pid_t child;

	(void)fflush(NULL);
	child = record_renew() ? fork() : -1;
	if (child == 0)
		try(c, r, index);
	if (child < 0) {
		watch_find("cannot be tried: %s", strerror(errno));
		return RESULT_NOT_TRIED;
	}
	return judge(c, child, await(child, deadline_s), deadline_s);
}

/* ---- the report ------------------------------------------------------------------------------------- */

static void tell(struct conformance *c, const struct rule *r, enum result result)
{
	static const char *const words[] = { "holds", "broken", "not tried" };
	json_t *j = json_pack("{s:s, s:s, s:s, s:s}", "rule", r->name, "text", r->text, "where",
			      r->where, "result", words[result]);

	if (!r->is_of_file)
		(void)json_object_set_new(j, "extension", json_string(watch_record->extension));

	watch_record->finding[FINDING_BYTES - 1] = '\0';
	(void)printf("%-14s %-9s %s\n", r->name, words[result],
		     watch_record->finding[0] ? watch_record->finding : r->text);
	if (watch_record->finding[0])
		(void)json_object_set_new(j, "finding",
					  json_stringn_nocheck(watch_record->finding,
							       strlen(watch_record->finding)));
	if (result == RESULT_BROKEN)
		(void)printf("%24s rule: %s (%s)\n", "", r->text, r->where);
	if (strcmp(r->name, "cost") == 0) {
		(void)printf("%24s %llu cycles a packet, %llu a judgement\n", "",
			     (unsigned long long)watch_record->cycles_per_packet,
			     (unsigned long long)watch_record->cycles_per_judgement);
		(void)json_object_update_new(
			j, json_pack("{s:I, s:I}", "cycles_per_packet",
				     (json_int_t)watch_record->cycles_per_packet,
				     "cycles_per_judgement",
				     (json_int_t)watch_record->cycles_per_judgement));
	}
	(void)json_array_append_new(c->trials, j);
	c->broken += result == RESULT_BROKEN;
}

static int write_json(const struct conformance *c)
{
	json_t *j =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:s*, s:b, s:O}", "kit",
			  "xvs " XVS_VERSION, "file", c->o.path, "sha256", c->digest, "id",
			  c->note.id, "version", c->note.version, "abi_major",
			  (int)c->note.abi_major, "packets", (json_int_t)c->o.packets, "only",
			  c->o.only, "conforms", c->broken == 0 && !c->o.only, "rules", c->trials);
	const bool is_stdout = strcmp(c->o.json_file, "-") == 0;
	FILE *file = is_stdout ? stdout : fopen(c->o.json_file, "we");
	int code = !j || !file || json_dumpf(j, file, JSON_INDENT(2)) || fputc('\n', file) == EOF;

	if (file && !is_stdout && fclose(file))
		code = 1;
	if (code)
		(void)fprintf(stderr, "xvs-conform: %s: cannot be written: %s\n", c->o.json_file,
			      strerror(errno));
	json_decref(j);
	return code ? -EIO : 0;
}

static bool digest_file(int fd, EVP_MD_CTX *to)
{
	unsigned char bytes[65536];
	ssize_t len;

	if (!to || EVP_DigestInit_ex(to, EVP_sha256(), NULL) != 1)
		return false;
	while ((len = read(fd, bytes, sizeof(bytes))) > 0)
		if (EVP_DigestUpdate(to, bytes, (size_t)len) != 1)
			return false;
	return len == 0;
}

/* Of the file; and its note, if it has one: that there is none is for a rule to say. */
static int digest(struct conformance *c)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	const int fd = open(c->o.path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !digest_file(fd, context) || EVP_DigestFinal_ex(context, sum, &len) != 1) {
		(void)fprintf(stderr, "xvs-conform: %s: cannot be read: %s\n", c->o.path,
			      strerror(errno));
		len = 0;
	}
	for (unsigned int i = 0; i < len; i++)
		(void)snprintf(c->digest + (size_t)2 * i, 3, "%02x", sum[i]);
	if (len)
		(void)note_read(fd, &c->note, NULL);
	if (fd >= 0)
		(void)close(fd);
	EVP_MD_CTX_free(context);
	return len ? 0 : -EIO;
}

/* ---- options ---------------------------------------------------------------------------------------- */

static const struct option options[] = {
	{ "json", required_argument, NULL, 'j' },     { "only", required_argument, NULL, 'o' },
	{ "packets", required_argument, NULL, 'p' },  { "policy", required_argument, NULL, 'y' },
	{ "deadline", required_argument, NULL, 'd' }, { "rules", no_argument, NULL, 'r' },
	{ "verbose", no_argument, NULL, 'v' },        { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },        { NULL, 0, NULL, 0 },
};

static const char help[] =
	"xvs-conform [options] MODULE\n"
	"Tries whether a module keeps the rules of the interface; exit status 0 only if every rule holds.\n"
	"  --json FILE     the report as JSON, too; -: on stdout\n"
	"  --only RULE     this rule alone\n"
	"  --packets N     that are made by chance (default 20000)\n"
	"  --policy FILE   YAML: {FEATURE: {FIELD: VALUE}}, in force where rules want policies\n"
	"  --deadline S    seconds for each rule (default 60)\n"
	"  --rules         what the rules are\n"
	"  -v, --verbose   what the switch and the module log, too\n";

static void list_rules(void)
{
	for (size_t i = 0; i < rule_count; i++)
		(void)printf("%-14s %s (%s)\n", rules[i].name, rules[i].text, rules[i].where);
}

static int refuse(const char *what, const char *why)
{
	(void)fprintf(stderr, "xvs-conform: %s: %s; try --help\n", what, why);
	return -1;
}

static bool number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && *out >= least && *out <= most;
}

static bool is_rule(const char *name)
{
	for (size_t i = 0; i < rule_count; i++)
		if (strcmp(rules[i].name, name) == 0)
			return true;
	return false;
}

/* 1: done. */
static int set(int id, struct options *o)
{
	uint64_t n;

	switch (id) {
	case 'j':
		o->json_file = optarg;
		return 0;
	case 'o':
		o->only = optarg;
		return is_rule(optarg) ? 0 : refuse(optarg, "is no rule: --rules lists them");
	case 'y':
		o->policy_file = optarg;
		return 0;
	case 'p':
		if (!number(optarg, 1, UINT64_C(1) << 40, &o->packets))
			return refuse(optarg, "must be a number");
		return 0;
	case 'd':
		if (!number(optarg, 1, 86400, &n))
			return refuse(optarg, "must be 1..86400");
		o->deadline_s = (uint32_t)n;
		return 0;
	case 'v':
		log_open(XVS_LOG_DEBUG, false);
		return 0;
	case 'r':
		list_rules();
		return 1;
	case 'h':
		(void)fputs(help, stdout);
		return 1;
	case 'V':
		(void)puts("xvs-conform " XVS_VERSION);
		return 1;
	default:
		return -1;
	}
}

static int read_policies(struct conformance *c)
{
	struct diags *d = c->o.policy_file ? calloc(1, sizeof(*d)) : NULL;
	char text[512];

	if (!c->o.policy_file)
		return 0;
	c->policies = d ? yaml_read_file(c->o.policy_file, d) : NULL;
	if (d && !c->policies)
		(void)fprintf(stderr, "xvs-conform: %s\n", diag_print(d, 0, text, sizeof(text)));
	free(d);
	return c->policies ? 0 : -EINVAL;
}

/* Of the file, or of one extension in it; what is not loaded is not tried any further. */
static void run_rules(struct conformance *c, bool is_of_file, uint32_t index)
{
	for (size_t i = 0; i < rule_count; i++) {
		const struct rule *r = &rules[i];
		const bool is_load = strcmp(r->name, "load") == 0;
		const bool is_asked = !c->o.only || strcmp(c->o.only, r->name) == 0;
		enum result result;

		if (r->is_of_file != is_of_file || (!is_asked && !is_load))
			continue;
		result = run_one(c, r, index);
		if (is_load)
			c->extensions = watch_record->extensions;
		if (is_asked || result == RESULT_BROKEN)
			tell(c, r, result);
	}
}

/* Each trial reads the file again. */
static bool is_same_file(const struct conformance *c)
{
	struct conformance now = { .o = c->o };

	if (digest(&now))
		return false;
	if (strcmp(now.digest, c->digest) == 0)
		return true;
	(void)fprintf(stderr, "xvs-conform: %s: was changed while it was tried\n", c->o.path);
	return false;
}

static int conform(struct conformance *c)
{
	static const char *const words[] = { "conforms", "does not conform" };

	if (digest(c) || read_policies(c))
		return STATUS_BROKEN;
	(void)printf("%s %s, sha256 %s\n", c->note.id, c->note.version, c->digest);
	run_rules(c, true, 0);
	for (uint32_t i = 0; i < c->extensions; i++) {
		if (c->extensions > 1)
			(void)printf("extension %u of %u\n", i + 1, c->extensions);
		run_rules(c, false, i);
	}
	if (!is_same_file(c))
		return STATUS_BROKEN;
	(void)printf("%s\n", c->o.only && !c->broken ? "the other rules were not tried"
						     : words[c->broken != 0]);
	if (c->o.json_file && write_json(c))
		return STATUS_BROKEN;
	return c->broken ? STATUS_BROKEN : 0;
}

int main(int argc, char **argv)
{
	struct conformance c = { .o = { .packets = PACKETS, .deadline_s = DEADLINE_S } };
	int code = 0;
	int id;

	log_open(XVS_LOG_ERROR - 1, false);
	while (code == 0 && (id = getopt_long(argc, argv, "vhV", options, NULL)) != -1)
		code = set(id, &c.o);
	if (code == 1)
		return 0;
	if (code || optind != argc - 1) {
		if (code == 0)
			(void)refuse("MODULE", "name one file");
		return STATUS_USAGE;
	}
	c.o.path = argv[optind];
	c.trials = json_array();
	if (!c.trials)
		return STATUS_BROKEN;
	code = conform(&c);
	json_decref(c.trials);
	node_destroy(c.policies);
	return code;
}
