/* SPDX-License-Identifier: Apache-2.0 */
/* agent/lists.c - rows that an operator asked for. */
#include "agent/lists.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/text.h"
#include "xvs/ext/sdk.h"

enum {
	MATCH_BYTES = 512,
	ACTIONS_BYTES = 1024,
	BUCKETS_BYTES = 1024,
	LOOKED_AT_MAX = 200000, /* in one call: some milliseconds */
};

struct flow_row {
	uint32_t table, priority, age_s, idle_timeout, hard_timeout;
	uint64_t packets, bytes;
	char cookie[20];
	char match[MATCH_BYTES];
	char actions[ACTIONS_BYTES];
};

struct group_row {
	uint32_t group;
	char type[16];
	uint64_t packets, bytes;
	char buckets[BUCKETS_BYTES]; /* with what each has counted */
};

struct meter_row {
	uint32_t meter;
	uint64_t packets, bytes;
	char bands[BUCKETS_BYTES];
};

#define TEXT(struct_, member_, help_) \
	{ \
		.name = #member_, .help = (help_), .type = XVS_TEXT, \
		.offset = offsetof(struct struct_, member_), \
		.max = sizeof(((struct struct_ *)0)->member_) \
	}
#define NUMBER(struct_, member_, help_) \
	{ \
		.name = #member_, .help = (help_), .type = XVS_U64, \
		.offset = offsetof(struct struct_, member_), .max = UINT64_MAX \
	}
#define COUNT(struct_, member_, help_) \
	{ \
		.name = #member_, .help = (help_), .type = XVS_U32, \
		.offset = offsetof(struct struct_, member_), .max = UINT32_MAX \
	}
#define LIST(name_, help_, fields_, struct_) \
	{ \
		.name = (name_), .help = (help_), .type = XVS_LIST, .max = 10000, \
		.fields = XVS_TABLE(fields_), .element_bytes = sizeof(struct struct_) \
	}

static const struct xvs_field flow_fields[] = {
	COUNT(flow_row, table, "Number of the table"),
	COUNT(flow_row, priority, "The highest that matches is followed"),
	TEXT(flow_row, cookie, "The controller's own"),
	NUMBER(flow_row, packets, "Packets, as far as workers have told"),
	NUMBER(flow_row, bytes, "Bytes"),
	COUNT(flow_row, age_s, "Seconds since it was added"),
	COUNT(flow_row, idle_timeout, "Seconds without packets after which it ends; 0: never"),
	COUNT(flow_row, hard_timeout, "Seconds after which it ends; 0: never"),
	TEXT(flow_row, match, "Packets that it is about"),
	TEXT(flow_row, actions, "What becomes of them"),
};

static const struct xvs_field group_fields[] = {
	COUNT(group_row, group, "Number of the group"),
	TEXT(group_row, type, "all, select, indirect, or failover"),
	NUMBER(group_row, packets, "Packets, as far as workers have told"),
	NUMBER(group_row, bytes, "Bytes"),
	TEXT(group_row, buckets, "What each does with packets, and how many it had"),
};

static const struct xvs_field meter_fields[] = {
	COUNT(meter_row, meter, "Number of the meter"),
	NUMBER(meter_row, packets, "Packets that it was asked about"),
	NUMBER(meter_row, bytes, "Bytes"),
	TEXT(meter_row, bands, "What it does above which rate, and with how many it did"),
};

const struct xvs_field of_list_flow_field = LIST("flows", "Flow entries", flow_fields, flow_row);
const struct xvs_field of_list_group_field = LIST("groups", "Groups", group_fields, group_row);
const struct xvs_field of_list_meter_field = LIST("meters", "Meters", meter_fields, meter_row);

const char *const of_list_features[OF_LISTS] = { OF_LIST_FLOWS, OF_LIST_GROUPS, OF_LIST_METERS };

/* ---- what is asked for ---------------------------------------------------------------------------------- */

struct wanted {
	uint64_t cookie, cookie_mask;
	uint32_t number; /* of table, group or meter */
	bool has_number;
	int64_t priority;
	const char *words; /* in the match; NULL: any */
};

static bool read_number(const char *text, uint64_t max, uint64_t *out, const char **rest)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	*rest = end;
	return end != text && text[0] != '-' && !errno && *out <= max;
}

/* "0x10", or "0x10/0xf0" */
static bool read_cookie(const char *text, struct wanted *w)
{
	const char *rest;

	w->cookie_mask = UINT64_MAX;
	if (!read_number(text, UINT64_MAX, &w->cookie, &rest))
		return false;
	if (*rest == '/' && !read_number(rest + 1, UINT64_MAX, &w->cookie_mask, &rest))
		return false;
	return !*rest;
}

static bool read_one(const char *text, uint64_t max, uint64_t *out)
{
	const char *rest;

	return read_number(text, max, out, &rest) && !*rest;
}

static bool read_filter(const struct xvs_row_filter *f, const char *what, struct wanted *w)
{
	uint64_t n;

	if (strcmp(f->field, what) == 0) {
		w->has_number = read_one(f->value, UINT32_MAX, &n);
		w->number = (uint32_t)n;
		return w->has_number;
	}
	if (strcmp(what, "table") != 0)
		return false;
	if (strcmp(f->field, "priority") == 0) {
		if (!read_one(f->value, UINT16_MAX, &n))
			return false;
		w->priority = (int64_t)n;
		return true;
	}
	if (strcmp(f->field, "match") == 0) {
		w->words = f->value;
		return true;
	}
	return strcmp(f->field, "cookie") == 0 && read_cookie(f->value, w);
}

static int read_filters(const struct xvs_row_question *q, const char *what, struct wanted *w,
			struct xvs_error *err)
{
	*w = (struct wanted){ .priority = -1 };
	for (uint32_t i = 0; i < q->filters.count; i++) {
		const struct xvs_row_filter *f =
			(const struct xvs_row_filter *)(const void *)((const uint8_t *)
									      q->filters.items +
								      (size_t)i *
									      q->filters.stride);

		if (!read_filter(f, what, w))
			return xvs_refuse(err, -EINVAL, f->field,
					  strcmp(what, "table") == 0
						  ? "flows are told apart by table=N, priority=N, "
						    "cookie=N[/MASK] and match=WORDS of their match"
						  : "they are told apart by their number alone");
	}
	return 0;
}

/* ---- rows ------------------------------------------------------------------------------------------------ */

static int make_room(struct of_agent *a, uint32_t count, size_t bytes, struct xvs_error *err)
{
	of_lists_finish(a);
	a->list_rows = calloc(count ? count : 1, bytes);
	return a->list_rows ? 0 : xvs_refuse(err, -ENOMEM, "", "out of memory");
}

static void write_match(struct flow_row *row, const struct of_rule *r)
{
	const struct of_match match = { r->value, r->subtable->whole };
	struct of_text t = of_text_in(row->match, sizeof(row->match));

	of_text_match(&t, &match);
}

static void fill_flow(struct flow_row *row, const struct of_rule *r, uint64_t now_ns)
{
	struct of_text t;

	write_match(row, r);
	t = of_text_in(row->actions, sizeof(row->actions));
	of_text_instructions(&t, r->instructions);
	(void)snprintf(row->cookie, sizeof(row->cookie), "0x%" PRIx64, r->cookie);
	row->table = r->table;
	row->priority = r->priority;
	row->age_s = of_age_of(r->created_ns, now_ns).s;
	row->idle_timeout = r->idle_timeout;
	row->hard_timeout = r->hard_timeout;
	row->packets = of_count(&r->stats->packets);
	row->bytes = of_count(&r->stats->bytes);
}

static bool is_wanted(const struct of_rule *r, const struct wanted *w)
{
	struct flow_row row;

	if ((r->cookie & w->cookie_mask) != (w->cookie & w->cookie_mask) ||
	    (w->priority >= 0 && r->priority != w->priority))
		return false;
	if (!w->words)
		return true;
	write_match(&row, r);
	return strstr(row.match, w->words) != NULL;
}

static int read_flows(struct of_agent *a, const struct xvs_row_question *q, struct xvs_table *out,
		      uint64_t *more, struct xvs_error *err)
{
	uint32_t limit =
		q->limit < a->pipeline.state.flows.count ? q->limit : a->pipeline.state.flows.count;
	uint64_t now = a->host->now(a->host);
	uint32_t looked_at = 0;
	uint32_t count = 0;
	struct flow_row *rows;
	struct wanted w;

	if (read_filters(q, "table", &w, err) != 0 ||
	    make_room(a, limit, sizeof(struct flow_row), err) != 0)
		return err->code;
	rows = a->list_rows;
	for (uint32_t t = 0; t < OF_TABLES; t++) {
		const struct of_rule *r = a->pipeline.state.flows.tables[t].oldest;

		if (w.has_number && t != w.number)
			continue;
		for (; r && looked_at < LOOKED_AT_MAX; r = r->newer, looked_at++) {
			if (!is_wanted(r, &w))
				continue;
			if (count == limit)
				++*more;
			else
				fill_flow(&rows[count++], r, now);
		}
		*more += r != NULL; /* not looked at: there may be more */
	}
	*out = (struct xvs_table){ rows, count, sizeof(*rows) };
	return 0;
}

static void fill_group(struct group_row *row, const struct of_group *g)
{
	static const char *const types[] = { "all", "select", "indirect", "failover" };
	struct of_text t = of_text_in(row->buckets, sizeof(row->buckets));

	row->group = g->entry.id;
	(void)snprintf(row->type, sizeof(row->type), "%s", types[g->type & 3]);
	row->packets = of_count(&g->stats->packets);
	row->bytes = of_count(&g->stats->bytes);
	for (uint32_t i = 0; i < g->bucket_count; i++) {
		const struct of_bucket *b = &g->buckets[i].what;

		of_text_add(&t, "%s[", i ? " " : "");
		if (g->type == OF_GROUP_TYPE_SELECT)
			of_text_add(&t, "weight %u: ", b->weight);
		if (b->watch_port != OF_PORT_ANY) {
			of_text_add(&t, "watch port ");
			of_text_port(&t, b->watch_port);
			of_text_add(&t, ": ");
		}
		of_text_actions(&t, &b->actions);
		of_text_add(&t, "] %" PRIu64, of_count(&g->buckets[i].stats->packets));
	}
}

static void fill_meter(struct meter_row *row, const struct of_meter *m)
{
	const char *unit = m->flags & OF_METER_PKTPS ? "packets/s" : "kb/s";
	struct of_text t = of_text_in(row->bands, sizeof(row->bands));

	row->meter = m->entry.id;
	row->packets = of_count(&m->stats->packets);
	row->bytes = of_count(&m->stats->bytes);
	for (uint32_t i = 0; i < m->band_count; i++) {
		const struct of_band *b = &m->bands[i].what;

		of_text_add(&t, "%s[%s over %u %s] %" PRIu64, i ? " " : "",
			    b->type == OF_BAND_DROP ? "drop" : "remark", b->rate, unit,
			    of_count(&m->bands[i].stats->packets));
	}
}

/* What is numbered and kept in a map: groups, meters. */
struct kind {
	const char *filter;
	size_t row_bytes;
	void (*fill)(void *row, const struct of_map *map, uint32_t id);
};

static void fill_group_of(void *row, const struct of_map *map, uint32_t id)
{
	fill_group(row, of_group_of(of_map_get(map, id)));
}

static void fill_meter_of(void *row, const struct of_map *map, uint32_t id)
{
	fill_meter(row, of_meter_of(of_map_get(map, id)));
}

static const struct kind groups_kind = { "group", sizeof(struct group_row), fill_group_of };
static const struct kind meters_kind = { "meter", sizeof(struct meter_row), fill_meter_of };

static int read_numbered(struct of_agent *a, const struct kind *kind, const struct of_map *map,
			 const struct xvs_row_question *q, struct xvs_table *out, uint64_t *more,
			 struct xvs_error *err)
{
	uint32_t limit = q->limit < map->count ? q->limit : map->count;
	uint32_t count = 0;
	struct wanted w;
	uint32_t *ids;
	uint32_t all;

	if (read_filters(q, kind->filter, &w, err) != 0 ||
	    make_room(a, limit, kind->row_bytes, err) != 0)
		return err->code;
	if (of_map_ids(map, &ids, &all) != 0)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	for (uint32_t i = 0; i < all; i++) {
		if (w.has_number && ids[i] != w.number)
			continue;
		if (count == limit)
			++*more;
		else
			kind->fill((uint8_t *)a->list_rows + count++ * kind->row_bytes, map,
				   ids[i]);
	}
	free(ids);
	*out = (struct xvs_table){ a->list_rows, count, (uint32_t)kind->row_bytes };
	return 0;
}

int of_lists_read(struct of_agent *a, const char *feature, const struct xvs_row_question *q,
		  struct xvs_table *out, uint64_t *more, struct xvs_error *err)
{
	if (strcmp(feature, OF_LIST_FLOWS) == 0)
		return read_flows(a, q, out, more, err);
	if (strcmp(feature, OF_LIST_GROUPS) == 0)
		return read_numbered(a, &groups_kind, &a->pipeline.state.groups, q, out, more, err);
	return read_numbered(a, &meters_kind, &a->pipeline.state.meters, q, out, more, err);
}

void of_lists_finish(struct of_agent *a)
{
	free(a->list_rows);
	a->list_rows = NULL;
}
