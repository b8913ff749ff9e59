/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/trace.c - packets, typed or from a file, sent through the chain for what everybody says of them. */
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "summary.h"
#include "verbs.h"

/* ---- the answer for people ------------------------------------------------------------------------- */

static const char *text_of(const json_t *step, const char *key)
{
	const char *text = json_string_value(json_object_get(step, key));

	return text ? text : "";
}

static void put_clean(struct strbuf *out, const char *before, const char *text)
{
	if (!text[0])
		return;
	strbuf_add(out, "%s", before);
	format_clean(out, text);
}

static void put_set(struct strbuf *out, json_t *set)
{
	const char *before = "  sets ";
	const char *name;
	json_t *value;

	json_object_foreach(set, name, value)
	{
		strbuf_add(out, "%s%s=", before, name);
		format_value(out, value);
		before = " ";
	}
}

/* How it came to its rule, beneath it. */
static void put_way(struct strbuf *out, const json_t *lines)
{
	for (size_t i = 0; i < json_array_size(lines); i++) {
		const char *line = json_string_value(json_array_get(lines, i));

		strbuf_add(out, "    %-16s   ", "");
		format_clean(out, line ? line : "");
		strbuf_add(out, "\n");
	}
}

/* "  fw           drop: no-rule    rule 3 (...)" */
static void put_verdict(struct strbuf *out, const json_t *step)
{
	const char *by = text_of(step, "by");
	const char *what = text_of(step, "what");
	json_int_t sample = json_integer_value(json_object_get(step, "sample"));

	if (strcmp(what, "connection") == 0)
		by = "connection";
	strbuf_add(out, "    %-16s ", by);
	format_clean(out, text_of(step, "verdict"));
	put_clean(out, ": ", text_of(step, "reason"));
	if (sample)
		strbuf_add(out, " one packet in %" JSON_INTEGER_FORMAT, sample);
	if (strcmp(what, "called") == 0)
		strbuf_add(out, " (saw this packet)");
	put_clean(out, "  by ", text_of(step, "rule"));
	put_set(out, json_object_get(step, "set"));
	strbuf_add(out, "\n");
	put_way(out, json_object_get(step, "way"));
}

static void put_end(struct strbuf *out, const json_t *step)
{
	const json_t *tci = json_object_get(step, "tci");

	if (strcmp(text_of(step, "what"), "left") == 0) {
		strbuf_add(out, "    sent by ");
		format_clean(out, text_of(step, "port"));
		if (tci)
			strbuf_add(out, ", VLAN %" JSON_INTEGER_FORMAT,
				   json_integer_value(tci) & 0xfff);
	} else {
		strbuf_add(out, "    dropped at ");
		format_clean(out, text_of(step, "port"));
		put_clean(out, " by ", text_of(step, "by"));
		put_clean(out, ": ", text_of(step, "reason"));
		put_clean(out, "\n      ", text_of(step, "help"));
	}
	strbuf_add(out, "\n");
}

/* A line where the way goes on at another port. */
static void put_place(struct strbuf *out, const json_t *step, const char **last)
{
	const char *port = text_of(step, "port");
	bool is_out = strcmp(text_of(step, "stage"), "egress") == 0;

	if (*last && (!is_out || strcmp(*last, port) == 0))
		return;
	strbuf_add(out, "  %s ", is_out ? "out at" : "in at");
	format_clean(out, port);
	if (!is_out && json_object_get(step, "segment"))
		strbuf_add(out, ", segment %" JSON_INTEGER_FORMAT,
			   json_integer_value(json_object_get(step, "segment")));
	strbuf_add(out, "\n");
	*last = is_out ? port : "";
}

static void put_step(struct strbuf *out, const json_t *step)
{
	const char *what = text_of(step, "what");

	if (strcmp(what, "entered") == 0)
		return;
	if (strcmp(what, "left") == 0 || strcmp(what, "dropped") == 0) {
		put_end(out, step);
	} else if (strcmp(what, "forwarded") == 0) {
		strbuf_add(out, "    %-16s ", "forward");
		format_clean(out, text_of(step, "destination"));
		strbuf_add(out, ", %" JSON_INTEGER_FORMAT " ports\n",
			   json_integer_value(json_object_get(step, "ports")));
	} else {
		put_verdict(out, step);
	}
}

void print_trace(struct strbuf *out, const json_t *result)
{
	const json_t *steps = json_object_get(result, "steps");
	const char *last = NULL;

	for (size_t i = 0; i < json_array_size(steps); i++) {
		put_place(out, json_array_get(steps, i), &last);
		put_step(out, json_array_get(steps, i));
	}
	if (json_is_true(json_object_get(result, "cut")))
		strbuf_add(out, "  more than can be told: the rest is left out\n");
	strbuf_add(out, "  %s\n", text_of(result, "outcome"));
}

/* ---- the question ----------------------------------------------------------------------------------- */

struct tracing {
	struct client *client;
	const struct args *args;
	const char *port;
	json_t *answers; /* with --json: of all packets */
	uint64_t left;   /* packets that may still come */
};

static json_t *hex(const uint8_t *bytes, uint32_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * (size_t)len + 1);
	json_t *out;

	if (!text)
		return NULL;
	for (uint32_t i = 0; i < len; i++) {
		text[2 * (size_t)i] = digits[bytes[i] >> 4];
		text[2 * (size_t)i + 1] = digits[bytes[i] & 15];
	}
	out = json_stringn(text, 2 * (size_t)len);
	free(text);
	return out;
}

static void answer(struct tracing *t, const uint8_t *bytes, uint32_t len, json_t *result)
{
	struct strbuf text = { NULL, 0, 0, false };

	summary_add(&text, bytes, len, len);
	if (t->answers) {
		(void)json_object_set_new(result, "summary", json_string(text.text));
		(void)json_array_append(t->answers, result);
	} else {
		strbuf_add(&text, "\n");
		print_trace(&text, result);
		(void)fwrite(text.text, 1, text.len, stdout);
	}
	strbuf_finish(&text);
}

static int trace_frame(struct tracing *t, const uint8_t *bytes, uint32_t len)
{
	json_t *params = json_pack("{s:s, s:o}", "port", t->port, "frame", hex(bytes, len));
	json_t *result = NULL;
	int code = client_call(t->client, "trace", params, &result);

	if (code == EXIT_DONE)
		answer(t, bytes, len, result);
	json_decref(result);
	return code;
}

/* The port's own address, where it has one that it must use. */
static int own_address(struct tracing *t, uint8_t mac[6], bool *is_known)
{
	json_t *port = NULL;
	int code =
		client_call(t->client, "port.show", json_pack("{s:s}", "target", t->port), &port);

	*is_known = code == EXIT_DONE && mac_parse(text_of(port, "mac"), mac);
	json_decref(port);
	return code;
}

static int trace_words(struct tracing *t)
{
	struct strbuf text = { NULL, 0, 0, false };
	struct frame *f = malloc(sizeof(*f));
	char why[FRAME_WHY];
	uint8_t mac[6];
	bool has_mac;
	int code = own_address(t, mac, &has_mac);

	if (code) {
		free(f);
		return code;
	}
	code = EXIT_WRONG_USE;
	for (size_t i = 0; i < t->args->count; i++)
		strbuf_add(&text, "%s ", t->args->words[i]);
	if (f && frame_build(text.text, has_mac ? mac : NULL, f, why) >= 0)
		code = trace_frame(t, f->bytes, f->len);
	else
		(void)fprintf(stderr, "xvsctl: %s\n", f ? why : "out of memory");
	strbuf_finish(&text);
	free(f);
	return code;
}

static int trace_file(struct tracing *t, const char *name)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *file = pcap_open_offline(name, why);
	struct pcap_pkthdr *header;
	const u_char *bytes;
	int code = EXIT_DONE;
	int found = 1;

	if (!file) {
		(void)fprintf(stderr, "xvsctl: %s: not a capture file: %s\n", name, why);
		return EXIT_REFUSED;
	}
	if (pcap_datalink(file) != DLT_EN10MB) {
		(void)fprintf(stderr, "xvsctl: %s: its packets are not Ethernet frames\n", name);
		pcap_close(file);
		return EXIT_REFUSED;
	}
	while (code == EXIT_DONE && t->left-- > 0 &&
	       (found = pcap_next_ex(file, &header, &bytes)) == 1) {
		if (header->caplen < header->len)
			(void)fprintf(stderr, "xvsctl: %s: a packet was cut to %u of %u bytes\n",
				      name, header->caplen, header->len);
		code = trace_frame(t, bytes, header->caplen);
	}
	if (found == PCAP_ERROR) {
		(void)fprintf(stderr, "xvsctl: %s: damaged: %s\n", name, pcap_geterr(file));
		code = EXIT_REFUSED;
	}
	pcap_close(file);
	return code;
}

static bool read_options(struct tracing *t, const char *file)
{
	const char *count = verb_option(t->args, OPTION_COUNT);
	char *end = NULL;

	t->left = UINT64_MAX;
	if (!t->port)
		(void)fputs("xvsctl: trace needs --port PORT, where the packet would come in\n",
			    stderr);
	else if (!file == !t->args->count)
		(void)fputs("xvsctl: trace needs a packet, as \"ipv4 src=10.0.0.1 dst=10.0.0.2 / "
			    "tcp dport=80\", or --pcap FILE\n",
			    stderr);
	else if (count && (!(t->left = strtoull(count, &end, 10)) || *end))
		(void)fprintf(stderr, "xvsctl: -c takes a number from 1, not \"%s\"\n", count);
	else
		return true;
	return false;
}

int run_trace(const struct verb *v, const struct args *a)
{
	const char *file = verb_option(a, OPTION_PCAP);
	struct tracing t = { .args = a, .port = verb_option(a, OPTION_PORT) };
	char why[512];
	int code;

	(void)v;
	if (!read_options(&t, file))
		return EXIT_WRONG_USE;
	t.client = client_open(a->socket, "xvsd", why, sizeof(why));
	if (!t.client) {
		(void)fprintf(stderr, "xvsctl: %s\n", why);
		return EXIT_NO_DAEMON;
	}
	t.answers = a->is_json ? json_array() : NULL;
	code = file ? trace_file(&t, file) : trace_words(&t);
	if (t.answers && code == EXIT_DONE) {
		(void)json_dumpf(t.answers, stdout, JSON_INDENT(2));
		(void)putchar('\n');
	}
	json_decref(t.answers);
	client_close(t.client);
	return code;
}
