/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/changelog.c - which records of the journal make up a change, and how long they stay.
 */
#include "control/changelog.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/statetext.h"

/* One change; a sequence number of 0: there is no such record. */
struct item {
	uint64_t number;
	json_t *change;
	uint64_t change_record;
	uint64_t state_record;
	uint64_t file_record; /* several changes may share it */
	size_t file_size;
	size_t size; /* of change and state */
};

struct changelog {
	struct journal *journal;
	struct item *items; /* oldest first */
	size_t count;
	json_t *state; /* in force; NULL: none */
	struct statetext text_of_state;
	uint64_t number; /* of the last one */
	uint64_t file;   /* the newest file's record */
	size_t file_size;
	char sum[SUM_TEXT]; /* of the newest file's text */
	bool is_unkept;     /* the last change is not on disk */
	/* of a file that could not be put: goes with the next change */
	char *text, *name;
	bool is_file_lost; /* nor could it be remembered: changes have no file until the next one */
};

void changelog_sum(const char *text, size_t len, char out[SUM_TEXT])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	out[0] = '\0';
	if (EVP_Digest(text, len, bytes, &size, EVP_sha256(), NULL) != 1)
		return;
	for (unsigned i = 0; i < (SUM_TEXT - 1) / 2; i++)
		(void)snprintf(out + (size_t)2 * i, 3, "%02x", bytes[i]);
}

static void item_finish(struct item *item)
{
	json_decref(item->change);
	*item = (struct item){ 0 };
}

static struct item *item_find(const struct changelog *l, uint64_t number)
{
	for (size_t i = l->count; i-- > 0;)
		if (l->items[i].number == number)
			return &l->items[i];
	return NULL;
}

/* Its number alone is set; NULL: out of memory. */
static struct item *item_add(struct changelog *l, uint64_t number)
{
	struct item *grown = reallocarray(l->items, l->count + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	l->items = grown;
	l->items[l->count] = (struct item){ .number = number };
	return &l->items[l->count++];
}

static void item_share_file(const struct changelog *l, struct item *item)
{
	item->file_record = l->is_file_lost ? 0 : l->file;
	item->file_size = l->file_size;
}

/* ---- what may go ----------------------------------------------------------------------------------- */

static void forget(const struct changelog *l, uint64_t *record)
{
	if (*record)
		journal_forget(l->journal, *record);
	*record = 0;
}

static void forget_oldest(struct changelog *l)
{
	forget(l, &l->items[0].change_record);
	forget(l, &l->items[0].state_record);
	item_finish(&l->items[0]);
	memmove(l->items, l->items + 1, (l->count - 1) * sizeof(l->items[0]));
	l->count--;
}

/* Files that no change goes back to; the newest stays, as what was in force last. */
static void forget_files(struct changelog *l)
{
	struct journal_record r;

	for (size_t n = 0; journal_at(l->journal, n, &r);) {
		bool is_used = r.kind != RECORD_FILE || r.sequence == l->file;

		for (size_t i = 0; i < l->count && !is_used; i++)
			is_used = l->items[i].state_record && l->items[i].file_record == r.sequence;
		if (is_used)
			n++;
		else
			journal_forget(l->journal, r.sequence);
	}
}

/* The last change stays, however large it is. */
static void trim(struct changelog *l)
{
	uint64_t file = 0;
	size_t size = 0;

	while (l->count > CHANGES_KEPT)
		forget_oldest(l);
	for (size_t i = l->count; i-- > 0;) {
		size += l->items[i].size;
		if (l->items[i].file_record != file)
			size += l->items[i].file_size;
		file = l->items[i].file_record;
		if (size > CHANGES_BYTES_KEPT && i + 1 < l->count)
			forget(l, &l->items[i].state_record);
	}
	forget_files(l);
}

/* ---- reading the journal ---------------------------------------------------------------------------- */

static json_t *record_json(const struct changelog *l, uint64_t sequence)
{
	size_t len = 0;
	char *text = journal_read(l->journal, sequence, &len);
	json_t *j = text ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL) : NULL;

	free(text);
	return j;
}

static int take_change(struct changelog *l, const struct journal_record *r)
{
	json_t *change = record_json(l, r->sequence);
	json_int_t number = json_integer_value(json_object_get(change, "number"));
	struct item *item = number > 0 ? item_find(l, (uint64_t)number) : NULL;

	if (number <= 0) {
		json_decref(change);
		journal_forget(l->journal, r->sequence);
		return 0;
	}
	if (!item)
		item = item_add(l, (uint64_t)number);
	if (!item) {
		json_decref(change);
		return -ENOMEM;
	}
	json_decref(item->change);
	forget(l, &item->change_record);
	item->change = change;
	item->change_record = r->sequence;
	item_share_file(l, item);
	item->size += r->size;
	return 0;
}

/* It belongs to the change before it. */
static void take_state(struct changelog *l, const struct journal_record *r)
{
	struct item *item = l->count ? &l->items[l->count - 1] : NULL;

	if (!item)
		return;
	forget(l, &item->state_record);
	item->state_record = r->sequence;
	item->size += r->size;
	if (item->number > l->number)
		l->number = item->number;
}

static int take_record(struct changelog *l, const struct journal_record *r)
{
	switch (r->kind) {
	case RECORD_FILE:
		l->file = r->sequence;
		l->file_size = r->size;
		return 0;
	case RECORD_CHANGE:
		return take_change(l, r);
	case RECORD_STATE:
		take_state(l, r);
		return 0;
	case RECORD_MOVES:
	case RECORD_KINDS:
		break;
	}
	return 0;
}

/* What a crash left without its state did not happen. */
static void drop_unfinished(struct changelog *l)
{
	while (l->count > 0 && l->items[l->count - 1].number > l->number) {
		forget(l, &l->items[l->count - 1].change_record);
		item_finish(&l->items[--l->count]);
	}
}

static void take_newest(struct changelog *l)
{
	const char *text = journal_get(l->journal, RECORD_STATE, NULL);
	const char *file = journal_get(l->journal, RECORD_FILE, NULL);
	json_t *j = file ? json_loads(file, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const char *yaml = json_string_value(json_object_get(j, "text"));

	l->state = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (yaml)
		changelog_sum(yaml, strlen(yaml), l->sum);
	json_decref(j);
}

int changelog_open(struct journal *j, struct changelog **out)
{
	struct changelog *l = calloc(1, sizeof(*l));
	struct journal_record *all = NULL;
	struct journal_record r;
	size_t count = 0;
	int code = l ? 0 : -ENOMEM;

	while (code == 0 && journal_at(j, count, &r))
		count++;
	all = code == 0 ? calloc(count + 1, sizeof(*all)) : NULL;
	if (!all) {
		free(l);
		return -ENOMEM;
	}
	l->journal = j;
	/* A list of their own: what is forgotten on the way moves the others. */
	for (size_t i = 0; i < count; i++)
		(void)journal_at(j, i, &all[i]);
	for (size_t i = 0; i < count && code == 0; i++)
		code = take_record(l, &all[i]);
	free(all);
	if (code) {
		changelog_close(l);
		return code;
	}
	drop_unfinished(l);
	trim(l);
	take_newest(l);
	*out = l;
	return 0;
}

void changelog_close(struct changelog *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++)
		item_finish(&l->items[i]);
	free(l->items);
	free(l->text);
	free(l->name);
	json_decref(l->state);
	statetext_finish(&l->text_of_state);
	free(l);
}

/* ---- questions -------------------------------------------------------------------------------------- */

uint64_t changelog_number(const struct changelog *l)
{
	return l->number;
}

const json_t *changelog_find(const struct changelog *l, uint64_t number)
{
	const struct item *item = item_find(l, number);

	return item ? item->change : NULL;
}

json_t *changelog_list(const struct changelog *l, size_t limit)
{
	size_t from = l->count > limit ? l->count - limit : 0;
	json_t *list = json_array();

	for (size_t i = from; i < l->count; i++)
		(void)json_array_append(list, l->items[i].change);
	return list;
}

const json_t *changelog_state(const struct changelog *l)
{
	return l->state;
}

const char *changelog_file(const struct changelog *l)
{
	return journal_get(l->journal, RECORD_FILE, NULL);
}

/* -EIO: a record is damaged, or out of memory. */
static int past_read(const struct changelog *l, const struct item *item, struct changelog_past *out)
{
	json_t *file = record_json(l, item->file_record);
	const char *text = json_string_value(json_object_get(file, "text"));
	const char *name = json_string_value(json_object_get(file, "name"));
	struct changelog_past past = { .state = record_json(l, item->state_record),
				       .text = text ? strdup(text) : NULL,
				       .name = name ? strdup(name) : NULL };

	json_decref(file);
	if (!past.state || !past.text || !past.name) {
		changelog_past_finish(&past);
		return -EIO;
	}
	*out = past;
	return 0;
}

int changelog_past(const struct changelog *l, uint64_t number, struct changelog_past *out,
		   struct xvs_error *err)
{
	const struct item *item = item_find(l, number);

	if (number == 0)
		return error_set(err, -ENOENT, "",
				 "there is nothing before change 1 to go back to");
	if (number > l->number)
		return error_set(err, -ENOENT, "",
				 "there is no change %" PRIu64 " yet, the last one is %" PRIu64,
				 number, l->number);
	if (!item || !item->state_record)
		return error_set(err, -ENOENT, "",
				 "change %" PRIu64 " is too long ago, or could not be kept: its "
				 "state is not in the state directory any more",
				 number);
	if (past_read(l, item, out) == 0)
		return 0;
	return error_set(err, -ENOENT, "",
			 "change %" PRIu64 ": its state cannot be read from the state directory",
			 number);
}

void changelog_past_finish(struct changelog_past *p)
{
	json_decref(p->state);
	free(p->text);
	free(p->name);
	*p = (struct changelog_past){ 0 };
}

/* ---- putting ---------------------------------------------------------------------------------------- */

/* 'state' has no number yet. */
static bool is_equal_but(const struct changelog *l, const json_t *state, bool is_confirm_ignored)
{
	json_t *old = l->state && l->number ? json_copy(l->state) : NULL;
	json_t *new = old ? json_copy((json_t *)(uintptr_t)state) : NULL;
	bool is_equal;

	(void)json_object_del(old, "number");
	if (is_confirm_ignored) {
		(void)json_object_del(old, "confirm");
		(void)json_object_del(new, "confirm");
	}
	is_equal = new &&json_equal(old, new);
	json_decref(old);
	json_decref(new);
	return is_equal;
}

bool changelog_has(const struct changelog *l, const json_t *state)
{
	return !l->is_unkept && is_equal_but(l, state, false);
}

static json_t *now_text(void)
{
	char text[32] = "";
	time_t now = time(NULL);
	struct tm parts;

	if (gmtime_r(&now, &parts))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	return json_string(text);
}

/* The item of this change, with what it replaces forgotten.  NULL: out of memory. */
static struct item *item_prepare(struct changelog *l, json_t *change)
{
	struct item *item = item_find(l, l->number);

	if (!item)
		item = item_add(l, l->number);
	if (!item)
		return NULL;
	json_decref(item->change);
	item->change = json_incref(change);
	return item;
}

enum { RECORDS = 3 };

/* Up to three records; the file's only where it is another text.  -ENOMEM: nothing is to be freed. */
static int items_make(struct changelog *l, const struct changelog_entry *e, const char *sum,
		      struct journal_item items[RECORDS], size_t *count)
{
	json_t *file = NULL;
	char *texts[RECORDS] = { NULL };
	size_t state_len = 0;
	enum record_kind kinds[RECORDS] = { RECORD_FILE, RECORD_CHANGE, RECORD_STATE };
	bool is_whole = true;

	if (e->text && (strcmp(sum, l->sum) != 0 || !l->file || l->is_file_lost))
		file = json_pack("{s:s, s:s}", "name", e->name, "text", e->text);
	texts[0] = file ? json_dumps(file, JSON_COMPACT) : NULL;
	json_decref(file);
	texts[1] = json_dumps(e->change, JSON_COMPACT);
	texts[2] = statetext_make(&l->text_of_state, e->state, &state_len);
	*count = 0;
	for (size_t i = 0; i < RECORDS; i++) {
		is_whole &= texts[i] || (i == 0 && !file);
		if (texts[i])
			items[(*count)++] = (struct journal_item){
				.kind = kinds[i],
				.text = texts[i],
				.len = i == RECORDS - 1 ? state_len : strlen(texts[i]),
			};
	}
	if (is_whole)
		return 0;
	for (size_t i = 0; i < RECORDS; i++)
		free(texts[i]);
	return -ENOMEM;
}

static void records_take(struct changelog *l, struct item *item, const struct journal_item *items,
			 size_t count)
{
	const struct journal_item *change = &items[count - 2];
	const struct journal_item *state = &items[count - 1];

	if (items[0].kind == RECORD_FILE) {
		l->file = items[0].sequence;
		l->file_size = items[0].len;
	}
	forget(l, &item->change_record);
	forget(l, &item->state_record);
	item->change_record = change->sequence;
	item->state_record = state->sequence;
	item_share_file(l, item);
	item->size = change->len + state->len;
}

static int put(struct changelog *l, const struct changelog_entry *e, struct item *item,
	       struct xvs_error *err)
{
	struct journal_item items[RECORDS];
	char sum[SUM_TEXT];
	size_t count;
	int code;

	if (e->text)
		changelog_sum(e->text, strlen(e->text), sum);
	else
		memcpy(sum, l->sum, sizeof(sum));
	if (!item || items_make(l, e, sum, items, &count))
		return error_set(err, -ENOMEM, "", "state directory: out of memory");
	code = journal_add(l->journal, items, count, err);
	if (code == 0) {
		records_take(l, item, items, count);
		memcpy(l->sum, sum, sizeof(sum));
	}
	for (size_t i = 0; i < count; i++)
		free((char *)(uintptr_t)items[i].text);
	return code;
}

/* No change may be paired with a file that was not in force. */
static void remember_file(struct changelog *l, const struct changelog_entry *e)
{
	char *text = strdup(e->text);
	char *name = strdup(e->name);

	free(l->text);
	free(l->name);
	l->is_file_lost = !text || !name;
	if (l->is_file_lost) {
		free(text);
		free(name);
		text = name = NULL;
	}
	l->text = text;
	l->name = name;
}

/* With the file that is still to be put, where the change says nothing of one. */
static int put_all(struct changelog *l, const struct changelog_entry *e, struct item *item,
		   struct xvs_error *err)
{
	struct changelog_entry whole = *e;
	int code;

	if (!whole.text) {
		whole.text = l->text;
		whole.name = l->name;
	}
	code = put(l, &whole, item, err);
	if (code && e->text)
		remember_file(l, e);
	if (code || !whole.text)
		return code;
	free(l->text);
	free(l->name);
	l->text = l->name = NULL;
	l->is_file_lost = false;
	item_share_file(l, item);
	return 0;
}

void changelog_prepare(struct changelog *l, json_t *policies)
{
	statetext_prepare(&l->text_of_state, policies);
}

int changelog_put(struct changelog *l, const struct changelog_entry *e, struct xvs_error *err)
{
	struct item *item;
	int code;

	if (!is_equal_but(l, e->state, true))
		l->number++;
	(void)json_object_set_new(e->change, "number", json_integer((json_int_t)l->number));
	if (!json_object_get(e->change, "time"))
		(void)json_object_set_new(e->change, "time", now_text());
	item = item_prepare(l, e->change);
	/* After the comparison, which is of what is wanted. */
	(void)json_object_set_new(e->state, "number", json_integer((json_int_t)l->number));
	code = put_all(l, e, item, err);
	l->is_unkept = code != 0;
	json_decref(l->state);
	l->state = e->state;
	json_decref(e->change);
	trim(l);
	return code;
}
