/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-extrun/verdict.c - ends of a packet, compared and told. */
#include "verdict.h"

#include <string.h>

#include "base/hash.h"

static const char *const stages[] = { "ingress", "forward", "egress" };

static uint64_t print_of(const uint8_t *bytes, uint32_t len)
{
	return hash_lasting(bytes, len, HASH_LASTING_EMPTY);
}

void verdict_add(struct verdict *v, const struct lab_event *e)
{
	if (v->count < ENDS_MAX)
		v->ends[v->count] = (struct packet_end){ .end = e->end,
							 .port = e->port,
							 .stage = e->stage,
							 .len = e->len,
							 .by = e->by,
							 .reason = e->reason,
							 .print = print_of(e->bytes, e->len) };
	v->count++;
}

static bool text_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool end_equal(const struct packet_end *a, const struct packet_end *b)
{
	return a->end == b->end && a->port == b->port && a->stage == b->stage && a->len == b->len &&
	       a->print == b->print && text_equal(a->by, b->by) && text_equal(a->reason, b->reason);
}

bool verdict_equal(const struct verdict *a, const struct verdict *b)
{
	if (a->count != b->count || a->held != b->held)
		return false;
	for (size_t i = 0; i < a->count && i < ENDS_MAX; i++)
		if (!end_equal(&a->ends[i], &b->ends[i]))
			return false;
	return true;
}

static bool is_rewritten(const struct packet_end *e, const struct question *q)
{
	return e->end == LAB_SENT && (e->len != q->len || e->print != print_of(q->bytes, q->len));
}

static void print_end(const struct packet_end *e, const struct question *q,
		      const struct lab_port *ports, FILE *to)
{
	const char *by = e->by ? e->by : "the switch";

	if (e->end == LAB_SENT)
		(void)fprintf(to, "sent to %s%s", ports[e->port].name,
			      is_rewritten(e, q) ? " rewritten" : "");
	else if (e->end == LAB_CONSUMED)
		(void)fprintf(to, "consumed by %s", by);
	else
		(void)fprintf(to, "dropped at %s by %s: %s", stages[e->stage % 3], by, e->reason);
}

void verdict_print(const struct verdict *v, const struct question *q, const struct lab_port *ports,
		   FILE *to)
{
	const size_t kept = v->count < ENDS_MAX ? v->count : ENDS_MAX;

	(void)fprintf(to, "%8llu %12.6f %s %u  ", (unsigned long long)q->nr,
		      (double)q->time_ns / 1e9, ports[q->port].name, q->len);
	for (size_t i = 0; i < kept; i++) {
		(void)fputs(i ? ", " : "", to);
		print_end(&v->ends[i], q, ports, to);
	}
	if (v->count > kept)
		(void)fprintf(to, ", and %zu more", v->count - kept);
	if (v->held > 0)
		(void)fprintf(to, "%sheld", v->count ? ", " : "");
	else if (v->count == 0)
		(void)fputs("none", to);
	(void)fputc('\n', to);
}

static json_t *end_json(const struct packet_end *e, const struct question *q,
			const struct lab_port *ports)
{
	static const char *const ends[] = { "sent", "dropped", "consumed" };
	json_t *j = json_pack("{s:s, s:s, s:I}", "end", ends[e->end], "stage", stages[e->stage % 3],
			      "length", (json_int_t)e->len);

	if (e->end == LAB_SENT) {
		(void)json_object_set_new(j, "port", json_string(ports[e->port].name));
		(void)json_object_set_new(j, "rewritten", json_boolean(is_rewritten(e, q)));
		return j;
	}
	(void)json_object_set_new(j, "by", e->by ? json_string(e->by) : json_null());
	(void)json_object_set_new(j, "reason", json_string(e->reason));
	return j;
}

json_t *verdict_json(const struct verdict *v, const struct question *q,
		     const struct lab_port *ports)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->count && i < ENDS_MAX; i++)
		(void)json_array_append_new(list, end_json(&v->ends[i], q, ports));
	return json_pack("{s:I, s:I, s:s, s:I, s:o, s:b}", "packet", (json_int_t)q->nr, "time_ns",
			 (json_int_t)q->time_ns, "port", ports[q->port].name, "length",
			 (json_int_t)q->len, "ends", list, "held", v->held > 0);
}
