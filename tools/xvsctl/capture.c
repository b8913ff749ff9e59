/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvsctl/capture.c - the verb "capture": packets of the daemon's rings, filtered here, as lines or
 * as a pcapng file.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture_source.h"
#include "pcapng.h"
#include "summary.h"
#include "verbs.h"

enum {
	LOOK_MS = 50,     /* how often the rings are looked at; full ones sooner */
	LOOK_MANY = 1000, /* packets of one look after which the next follows at once */
	LOOKS_LAST = 100,
	SNAPLEN_FILTER = 1 << 18,
	NS_PER_US = 1000,
};

struct capturing {
	struct client *client;
	struct capture_source *source;
	struct bpf_program filter;
	bool has_filter;
	bool is_json;
	FILE *file; /* pcapng; NULL: lines to stdout */
	const char *file_name;
	const char *instance; /* of the point, as the operator called it; "" */
	uint64_t max;         /* packets; 0: no limit */
	uint64_t captured, filtered;
	uint32_t *interfaces; /* port ids in the order of their descriptions in the file */
	uint32_t interface_count;
};

static volatile sig_atomic_t is_interrupted;

static void on_signal(int number)
{
	(void)number;
	is_interrupted = 1;
}

/* ---- the command line ----------------------------------------------------------------------------- */

static bool read_max(struct capturing *c, const char *text)
{
	char *end = NULL;

	if (!text)
		return true;
	errno = 0;
	c->max = strtoull(text, &end, 10);
	if (errno == 0 && *end == '\0' && c->max > 0 && text[0] != '-')
		return true;
	(void)fprintf(stderr, "xvsctl: -c takes a number of packets from 1, not \"%s\"\n", text);
	return false;
}

/* All words together, as tcpdump has it. */
static bool read_filter(struct capturing *c, const struct args *a)
{
	struct strbuf text = { NULL, 0, 0, false };
	pcap_t *p = pcap_open_dead(DLT_EN10MB, SNAPLEN_FILTER);
	bool is_good;

	for (size_t i = 0; i < a->count; i++)
		strbuf_add(&text, "%s%s", i ? " " : "", a->words[i]);
	is_good = p && !text.failed &&
		  pcap_compile(p, &c->filter, text.text ? text.text : "", 1,
			       PCAP_NETMASK_UNKNOWN) == 0;
	if (is_good)
		c->has_filter = text.len > 0;
	else
		(void)fprintf(stderr, "xvsctl: filter \"%s\": %s\n", text.text ? text.text : "",
			      p ? pcap_geterr(p) : "out of memory");
	if (is_good && !c->has_filter)
		pcap_freecode(&c->filter);
	if (p)
		pcap_close(p);
	strbuf_finish(&text);
	return is_good;
}

/* What others sent is nobody else's business: the file is for its owner alone. */
static bool open_file(struct capturing *c, const char *name)
{
	int fd;

	c->file_name = name;
	if (!name)
		return true;
	if (strcmp(name, "-") == 0) {
		c->file = isatty(STDOUT_FILENO) ? NULL : stdout;
		if (!c->file)
			(void)fputs("xvsctl: -w -: the standard output is a terminal\n", stderr);
		return c->file != NULL;
	}
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	c->file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (c->file)
		return true;
	(void)fprintf(stderr, "xvsctl: %s: it cannot be written: %s\n", name, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return false;
}

static bool read_options(struct capturing *c, const struct args *a)
{
	const char *point = verb_option(a, OPTION_POINT);
	const char *colon = point ? strchr(point, ':') : NULL;

	c->instance = colon ? colon + 1 : "";
	c->is_json = a->is_json;
	if (a->is_json && verb_option(a, OPTION_WRITE)) {
		(void)fputs("xvsctl: capture gives JSON, or pcapng with -w, not both\n", stderr);
		return false;
	}
	return read_max(c, verb_option(a, OPTION_COUNT)) && read_filter(c, a);
}

/* ---- one packet ----------------------------------------------------------------------------------- */

static void add_fate(struct strbuf *out, struct capturing *c, const struct capture_record *r)
{
	if (r->verdict == CAPTURE_PASSED)
		strbuf_add(out, "passed");
	else if (r->verdict == CAPTURE_HELD)
		strbuf_add(out, "held");
	else if (r->reason == UINT16_MAX)
		strbuf_add(out, "consumed");
	else
		strbuf_add(out, "dropped %s%s", r->instance ? "" : "by the switch: ",
			   capture_source_name(c->source, COUNTERS_REASON, r->instance, r->reason));
}

/* Verdict and reason: "drop lab/guard: spoofed-mac (ingress)", "after fw: passed (egress)". */
static void add_comment(struct strbuf *out, struct capturing *c, const struct capture_record *r)
{
	static const char *const stages[] = { "ingress", "forward", "egress" };

	if (r->point == CAPTURE_ENDS)
		return;
	if (r->point == CAPTURE_BEFORE) {
		strbuf_add(out, "before %s", c->instance);
	} else if (r->point == CAPTURE_AFTER) {
		strbuf_add(out, "after %s: ", c->instance);
		add_fate(out, c, r);
	} else {
		strbuf_add(out, "drop %s: ",
			   r->instance ? capture_source_name(c->source, COUNTERS_INSTANCE, 0,
							     r->instance)
				       : "switch");
		strbuf_add(out, "%s",
			   capture_source_name(c->source, COUNTERS_REASON, r->instance, r->reason));
	}
	strbuf_add(out, " (%s)", r->stage < 3 ? stages[r->stage] : "?");
}

static const char *port_name(struct capturing *c, const struct capture_record *r)
{
	return r->port ? capture_source_name(c->source, COUNTERS_PORT, 0, r->port) : "no port";
}

/* The number of the port's description in the file, which is written when it is needed first. */
static uint32_t interface_of(struct capturing *c, const struct capture_record *r)
{
	uint32_t *more;

	for (uint32_t i = 0; i < c->interface_count; i++) {
		if (c->interfaces[i] == r->port)
			return i;
	}
	more = realloc(c->interfaces, (c->interface_count + 1) * sizeof(*more));
	if (!more)
		return 0;
	c->interfaces = more;
	c->interfaces[c->interface_count] = r->port;
	pcapng_interface(c->file, port_name(c, r), capture_source_snaplen(c->source) + 4);
	return c->interface_count++;
}

static void add_time(struct strbuf *out, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	char clock[16] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		(void)strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	strbuf_add(out, "%s.%06u ", clock, (unsigned)(ns % 1000000000 / NS_PER_US));
}

static void print_line(struct capturing *c, const struct capture_record *r,
		       const struct pcapng_packet *p)
{
	struct strbuf line = { NULL, 0, 0, false };

	add_time(&line, p->ns);
	strbuf_add(&line, "%s %s ", port_name(c, r), r->stage == 2 ? "out" : "in");
	if (p->comment[0])
		strbuf_add(&line, "%s: ", p->comment);
	summary_add(&line, p->bytes, p->cap_len, p->wire_len);
	if (r->flags & CAPTURE_MANY)
		strbuf_add(&line, ", many in one");
	(void)printf("%s\n", line.text ? line.text : "");
	strbuf_finish(&line);
}

/* An object a line, as it comes: there is no end of it to wait for. */
static void print_json(struct capturing *c, const struct capture_record *r,
		       const struct pcapng_packet *p)
{
	struct strbuf summary = { NULL, 0, 0, false };
	json_t *one;

	summary_add(&summary, p->bytes, p->cap_len, p->wire_len);
	one = json_pack("{s:I, s:s, s:s, s:s*, s:I, s:b, s:s}", "time_ns", (json_int_t)p->ns,
			"port", port_name(c, r), "direction", r->stage == 2 ? "out" : "in",
			"comment", p->comment[0] ? p->comment : NULL, "length",
			(json_int_t)p->wire_len, "many", (r->flags & CAPTURE_MANY) != 0, "summary",
			summary.text ? summary.text : "");
	(void)json_dumpf(one, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(one);
	strbuf_finish(&summary);
}

static bool matches(const struct capturing *c, const struct pcapng_packet *p)
{
	const struct pcap_pkthdr header = { .caplen = p->cap_len, .len = p->wire_len };

	return !c->has_filter || pcap_offline_filter(&c->filter, &header, p->bytes) != 0;
}

static void take(struct capturing *c, const struct capture_record *r)
{
	struct strbuf comment = { NULL, 0, 0, false };
	struct pcapng_packet p = {
		.ns = capture_source_ns(c->source, r),
		.direction = r->stage == 2 ? PCAPNG_OUTBOUND : PCAPNG_INBOUND,
		.comment = "",
	};

	p.bytes = capture_source_frame(c->source, r, &p.cap_len, &p.wire_len);
	if (!matches(c, &p)) {
		c->filtered++;
		return;
	}
	c->captured++;
	add_comment(&comment, c, r);
	if (comment.text)
		p.comment = comment.text;
	if (c->file) {
		p.interface = interface_of(c, r);
		pcapng_packet(c->file, &p);
	} else if (c->is_json) {
		print_json(c, r, &p);
	} else {
		print_line(c, r, &p);
	}
	strbuf_finish(&comment);
}

/* ---- all packets ---------------------------------------------------------------------------------- */

static bool is_full(const struct capturing *c)
{
	return c->max && c->captured >= c->max;
}

static FILE *output(const struct capturing *c)
{
	return c->file ? c->file : stdout;
}

/* How many came. */
static uint32_t look(struct capturing *c)
{
	const struct capture_record *r;
	uint32_t count = 0;

	capture_source_learn(c->source);
	while (!is_full(c) && count < LOOK_MANY && (r = capture_source_next(c->source))) {
		take(c, r);
		count++;
	}
	(void)fflush(output(c));
	return count;
}

/* What was on its way when the end came; where there is no end of it, not all. */
static void look_last(struct capturing *c)
{
	for (unsigned i = 0; i < LOOKS_LAST && look(c) > 0; i++)
		;
}

/* Until a signal, the last of '-c', an error of the output, or the daemon's end. */
static int run(struct capturing *c)
{
	struct pollfd daemon = { .fd = client_descriptor(c->client), .events = POLLIN };

	while (!is_interrupted && !is_full(c)) {
		uint32_t count = look(c);

		if (ferror(output(c))) {
			(void)fprintf(stderr, "xvsctl: %s: it cannot be written any more: %s\n",
				      c->file_name ? c->file_name : "standard output",
				      strerror(errno));
			return EXIT_REFUSED;
		}
		/* it says nothing more: when it can be read, it has ended */
		if (poll(&daemon, 1, count == LOOK_MANY ? 0 : LOOK_MS) > 0) {
			look_last(c);
			(void)fputs("xvsctl: the daemon has ended\n", stderr);
			return EXIT_NO_DAEMON;
		}
	}
	look_last(c);
	return EXIT_DONE;
}

static void say_sum(const struct capturing *c)
{
	(void)fprintf(stderr,
		      "%" PRIu64 " packets captured, %" PRIu64 " did not match the filter, %" PRIu64
		      " lost\n",
		      c->captured, c->filtered, capture_source_lost(c->source));
}

/* Without SA_RESTART: what waits is to end. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

static int session_run(struct capturing *c, const struct args *a, json_t *params)
{
	int code = capture_source_open(c->client, params, &c->source);

	if (code != EXIT_DONE)
		return code;
	/* not before: what the daemon refuses leaves an old file alone */
	if (!open_file(c, verb_option(a, OPTION_WRITE)))
		return EXIT_REFUSED;
	if (c->file)
		pcapng_section(c->file);
	catch_signals();
	code = run(c);
	if (c->file && c->file != stdout && fclose(c->file) && code == EXIT_DONE) {
		(void)fprintf(stderr, "xvsctl: %s: it cannot be written: %s\n", c->file_name,
			      strerror(errno));
		code = EXIT_REFUSED;
	}
	say_sum(c);
	return code;
}

int run_capture(const struct verb *v, const struct args *a)
{
	struct capturing c = { .file = NULL };
	char why[512];
	json_t *params;
	int code = EXIT_NO_DAEMON;

	if (!read_options(&c, a))
		return EXIT_WRONG_USE;
	params = verb_params(v, a);
	if (params)
		c.client = client_open(a->socket, "xvsd", why, sizeof(why));
	else
		code = EXIT_WRONG_USE;
	if (c.client) {
		code = session_run(&c, a, params);
	} else if (params) {
		(void)fprintf(stderr, "xvsctl: %s\n", why);
		json_decref(params);
	}
	capture_source_close(c.source);
	client_close(c.client);
	free(c.interfaces);
	if (c.has_filter)
		pcap_freecode(&c.filter);
	return code;
}
