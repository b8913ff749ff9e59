/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line.c - JSON (RFC 8259) of a record: numbers, fixed words, and the port's name, which is the only
 * text that is not ours.
 */
#include "line.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "xvs/ext/sdk.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58, PROTO_SCTP = 132 };

#define NS_PER_S UINT64_C(1000000000)

struct text {
	char *out;
	size_t len;
};

/* What does not fit is cut; by the bounds of all parts, nothing is. */
__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	size_t room = LINE_MAX_BYTES - t->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->out + t->len, room, format, args);
	va_end(args);
	if (n > 0)
		t->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void add_name(struct text *t, const char name[PORT_NAME_MAX])
{
	for (unsigned i = 0; i < PORT_NAME_MAX && name[i]; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c < 0x20 || c == '"' || c == '\\' || c > 0x7e)
			add(t, "\\u%04x", c);
		else
			add(t, "%c", c);
	}
}

static void add_time(struct text *t, uint64_t ns)
{
	time_t s = (time_t)(ns / NS_PER_S);
	struct tm tm;
	char text[32];

	(void)gmtime_r(&s, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	add(t, "%s.%06uZ", text, (unsigned)(ns % NS_PER_S / 1000));
}

static void add_address(struct text *t, const char *key, const uint8_t address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool is_v4 = memcmp(address, mapped, sizeof(mapped)) == 0;
	char text[INET6_ADDRSTRLEN];

	if (!inet_ntop(is_v4 ? AF_INET : AF_INET6, address + (is_v4 ? 12 : 0), text, sizeof(text)))
		text[0] = '\0';
	add(t, ",\"%s\":\"%s\"", key, text);
}

static void add_proto(struct text *t, uint8_t proto)
{
	static const char *const names[256] = {
		[PROTO_ICMP] = "icmp",     [PROTO_TCP] = "tcp",   [PROTO_UDP] = "udp",
		[PROTO_ICMPV6] = "icmpv6", [PROTO_SCTP] = "sctp",
	};

	if (names[proto])
		add(t, ",\"proto\":\"%s\"", names[proto]);
	else
		add(t, ",\"proto\":\"%u\"", proto);
}

static void add_ports(struct text *t, const struct record *r)
{
	if (r->proto == PROTO_ICMP || r->proto == PROTO_ICMPV6)
		add(t, ",\"icmp_id\":%u,\"icmp_type\":%u,\"icmp_code\":%u", r->src_port,
		    r->dst_port >> 8, r->dst_port & 0xffu);
	else
		add(t, ",\"src_port\":%u,\"dst_port\":%u", r->src_port, r->dst_port);
}

static const char *cause_name(uint8_t cause)
{
	static const char *const names[] = {
		[XVS_CONN_FIN] = "fin",         [XVS_CONN_RST] = "rst",
		[XVS_CONN_IDLE] = "idle",       [XVS_CONN_DENIED] = "denied",
		[XVS_CONN_EVICTED] = "evicted", [XVS_CONN_MOVED] = "moved",
	};

	return cause < sizeof(names) / sizeof(names[0]) && names[cause] ? names[cause] : "other";
}

static bool is_denied(const struct record *r)
{
	return r->what == HAPPENED_DENIED ||
	       (r->what == HAPPENED_END && r->cause == XVS_CONN_DENIED);
}

size_t line_print(const struct record *r, uint64_t epoch_ns, char out[LINE_MAX_BYTES])
{
	static const char *const events[] = { "begin", "report", "end", "denied" };
	struct text t = { out, 0 };
	uint64_t lasted = r->now_ns > r->begin_ns ? r->now_ns - r->begin_ns : 0;

	add(&t, "{\"time\":\"");
	add_time(&t, r->now_ns + epoch_ns);
	add(&t, "\",\"event\":\"%s\",\"port\":\"", events[r->what % 4]);
	add_name(&t, r->port);
	add(&t, "\",\"id\":%llu,\"direction\":\"%s\",\"segment\":%u", (unsigned long long)r->id,
	    r->inbound ? "in" : "out", r->segment);
	add_proto(&t, r->proto);
	add_address(&t, "src", r->src);
	add_address(&t, "dst", r->dst);
	add_ports(&t, r);
	add(&t, ",\"packets\":[%llu,%llu],\"bytes\":[%llu,%llu],\"verdict\":\"%s\"",
	    (unsigned long long)r->packets[0], (unsigned long long)r->packets[1],
	    (unsigned long long)r->bytes[0], (unsigned long long)r->bytes[1],
	    is_denied(r) ? "deny" : "allow");
	if (r->mark)
		add(&t, ",\"mark\":%u", r->mark);
	if (r->what == HAPPENED_END)
		add(&t, ",\"cause\":\"%s\"", cause_name(r->cause));
	if (r->what == HAPPENED_END || r->what == HAPPENED_REPORT)
		add(&t, ",\"seconds\":%llu.%06u", (unsigned long long)(lasted / NS_PER_S),
		    (unsigned)(lasted % NS_PER_S / 1000));
	add(&t, "}\n");
	return t.len;
}
