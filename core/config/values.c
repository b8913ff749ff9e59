/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/values.c - single values of the configuration: from the document into the structure.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/excerpt.h"
#include "base/ipv4.h"
#include "base/str.h"
#include "config/reading.h"
#include "ext/net_target.h"
#include "policy/scalar.h"
#include "policy/schema.h"

enum { CORES_MAX = 64, CORE_LAST = 1023 };

size_t reading_enter(struct reading *r, const char *format, ...)
{
	size_t before = r->where_len;
	size_t room = sizeof(r->where) - before;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(r->where + before, room, format, args);
	va_end(args);
	if (len > 0)
		r->where_len += (size_t)len < room ? (size_t)len : room - 1;
	return before;
}

void reading_leave(struct reading *r, size_t before)
{
	r->where_len = before;
	r->where[before] = '\0';
}

void reading_refuse(struct reading *r, const struct node *at, const char *format, ...)
{
	char text[sizeof(r->diags->items[0].text)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add(r->diags, at, "%s%s", r->where, text);
}

void reading_refuse_key(struct reading *r, const struct node *at, const char *format, ...)
{
	char text[sizeof(r->diags->items[0].text)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add_at(r->diags, at->key_line, at->key_column, "%s%s", r->where, text);
}

void reading_refuse_memory(struct reading *r)
{
	diag_add(r->diags, NULL, "out of memory");
}

static const char *shown(const struct node *n, char out[EXCERPT_TEXT])
{
	switch (n->kind) {
	case NODE_SCALAR:
		return excerpt(n->text, out);
	case NODE_MAP:
		return "a map";
	case NODE_LIST:
		return "a list";
	default:
		return "empty";
	}
}

/* "mtu is 12, must be 68..65535" */
static void refuse_value(struct reading *r, const char *name, const struct node *n,
			 const char *expected)
{
	char text[EXCERPT_TEXT];

	reading_refuse(r, n, "%s is %s, must be %s", name, shown(n, text), expected);
}

/* ---- texts ------------------------------------------------------------------------------------ */

static bool is_name(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789._-");

	return len > 0 && len <= NAME_MAX_XVS && text[len] == '\0';
}

/* What the kernel's dev_valid_name() takes, in printable ASCII. */
static bool is_device(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > 15 || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text > '~' || *text == '/' || *text == ':' || *text == '%')
			return false;
	}
	return true;
}

static bool is_netns(const char *text)
{
	if (text[0] == '/')
		return true;
	return text[0] != '\0' && !strchr(text, '/') && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}

static bool is_absolute(const char *text)
{
	return text[0] == '/';
}

static bool is_host_address(const char *text)
{
	struct xvs_ip ip;

	return strchr(text, '/') && ip_parse(text, &ip);
}

static bool is_ipv4(const char *text)
{
	struct ipv4 ip;

	return ipv4_parse(text, &ip) && !ip.has_len;
}

static bool is_ipv4_net(const char *text)
{
	struct ipv4 ip;

	return ipv4_parse(text, &ip) && ip.has_len;
}

/* Two ports in order. */
static bool is_ports(const char *text)
{
	char *end;
	unsigned long first = strtoul(text, &end, 10);
	unsigned long last;

	if (!isdigit((unsigned char)text[0]) || end[0] != '-' || !isdigit((unsigned char)end[1]))
		return false;
	last = strtoul(end + 1, &end, 10);
	return *end == '\0' && first > 0 && first <= last && last <= UINT16_MAX;
}

/* Two addresses in order. */
static bool is_ipv4_range(const char *text)
{
	uint32_t first;
	uint32_t last;

	return ipv4_range_parse(text, &first, &last) && first <= last;
}

static bool is_ip(const char *text)
{
	struct xvs_ip ip;

	return !strchr(text, '/') && ip_parse(text, &ip);
}

static bool is_text(const char *text)
{
	return text[0] != '\0';
}

struct text_form {
	bool (*is_valid)(const char *text);
	const char *expected;
};

static const struct text_form *form_of(enum key_kind kind)
{
	static const struct text_form text = { is_text, "text that is not empty" };
	static const struct text_form name = { is_name, "1 to 63 of A-Z, a-z, 0-9, dot, _ and -" };
	static const struct text_form device = { is_device, "a device name of at most 15 bytes" };
	static const struct text_form netns = {
		is_netns, "the name of a network namespace or an absolute path"
	};
	static const struct text_form socket = { is_absolute, "the absolute path of a socket" };
	static const struct text_form address = { is_host_address,
						  "an address with prefix as 192.0.2.1/24" };
	static const struct text_form ipv4 = { is_ipv4, "an IPv4 address as 192.0.2.1" };
	static const struct text_form ipv4_net = { is_ipv4_net,
						   "an IPv4 address with prefix as 192.0.2.1/24" };
	static const struct text_form range = { is_ipv4_range,
						"addresses as 192.0.2.10-192.0.2.99" };
	static const struct text_form ports = { is_ports, "ports as 1024-65535" };
	static const struct text_form ip = { is_ip, "an IP address as 192.0.2.1" };
	static const struct text_form extension = { extension_id_valid,
						    "an extension's id as org.xvs.guard" };
	static const struct text_form feature = { feature_id_valid,
						  "a feature's id as xvs.vlan/1" };
	static const struct text_form listed = { feature_or_field_valid,
						 "a feature's id as xvs.vlan/1, or one field as "
						 "xvs.rate/1.to_kbps" };

	switch (kind) {
	case KEY_NAME:
	case KEY_NAMES:
		return &name;
	case KEY_DEVICE:
		return &device;
	case KEY_NETNS:
		return &netns;
	case KEY_SOCKET:
		return &socket;
	case KEY_ADDRESS:
		return &address;
	case KEY_IP:
		return &ip;
	case KEY_IPV4:
	case KEY_IPV4S:
		return &ipv4;
	case KEY_IPV4_RANGE:
		return &range;
	case KEY_IPV4_NET:
	case KEY_IPV4_NETS:
		return &ipv4_net;
	case KEY_PORTS:
		return &ports;
	case KEY_EXTENSION:
	case KEY_EXTENSIONS:
		return &extension;
	case KEY_FEATURES:
		return &listed;
	case KEY_POLICIES:
		return &feature;
	default:
		return &text;
	}
}

static void read_text(struct reading *r, const struct key *k, const struct node *n, void *structure)
{
	const struct text_form *form = form_of(k->kind);
	char *to = key_in(k->offset, structure);

	if (n->kind != NODE_SCALAR || !form->is_valid(n->text))
		refuse_value(r, k->name, n, form->expected);
	else if (to[0] != '\0')
		reading_refuse(r, n, "%s is given twice, here and before as %s", k->name, to);
	else if (!str_copy(to, k->size, n->text))
		reading_refuse(r, n, "%s is longer than %u bytes", k->name, k->size - 1);
}

/* ---- numbers and words ------------------------------------------------------------------------ */

static bool number_in(const struct node *n, uint32_t min, uint32_t max, uint32_t *number)
{
	uint64_t wide;

	if (n->kind != NODE_SCALAR || !number_parse(n->text, &wide) || wide < min || wide > max)
		return false;
	*number = (uint32_t)wide;
	return true;
}

static void read_number(struct reading *r, const struct key *k, const struct node *n,
			void *structure)
{
	char expected[32];
	uint32_t number;

	if (number_in(n, k->min, k->max, &number)) {
		memcpy(key_in(k->offset, structure), &number, sizeof(number));
		return;
	}
	(void)snprintf(expected, sizeof(expected), "%u..%u", k->min, k->max);
	refuse_value(r, k->name, n, expected);
}

static void raise_flag(const struct key *k, void *structure)
{
	bool *flag;

	if (k->aux == KEY_NOWHERE)
		return;
	flag = key_in(k->aux, structure);
	*flag = true;
}

static void read_bool(struct reading *r, const struct key *k, const struct node *n, void *structure)
{
	bool value;

	if (n->kind != NODE_SCALAR || !bool_parse(n->text, &value)) {
		refuse_value(r, k->name, n, "true or false");
		return;
	}
	memcpy(key_in(k->offset, structure), &value, sizeof(value));
	raise_flag(k, structure);
}

/* The index of 'text', or the count of words. */
static size_t word_index(const char *const *words, const char *text)
{
	size_t i = 0;

	while (words[i] && strcmp(words[i], text) != 0)
		i++;
	return i;
}

/* "one of external, internal, private" */
static void list_words(const char *const *words, struct strbuf *out)
{
	strbuf_add(out, words[1] ? "one of " : "");
	for (size_t i = 0; words[i]; i++)
		strbuf_add(out, "%s%s", i ? ", " : "", words[i]);
}

static bool is_word(const char *const *words, const struct node *n)
{
	return words && n->kind == NODE_SCALAR && words[word_index(words, n->text)];
}

static void refuse_word(struct reading *r, const struct key *k, const struct node *n)
{
	bool is_later = is_word(k->later, n);
	struct strbuf expected = { 0 };
	const char *nearest = NULL;
	char text[EXCERPT_TEXT];
	size_t count = 0;

	while (k->words[count])
		count++;
	if (n->kind == NODE_SCALAR && !is_later)
		nearest = str_nearest(n->text, k->words, count);
	list_words(k->words, &expected);
	reading_refuse(r, n, "%s is %s, %smust be %s%s%s", k->name, shown(n, text),
		       is_later ? "which this version does not offer, " : "",
		       expected.text ? expected.text : "another word",
		       nearest ? "; the nearest is " : "", nearest ? nearest : "");
	strbuf_finish(&expected);
}

/* NULL, and refused, or one of the words. */
static const char *read_known_word(struct reading *r, const struct key *k, const struct node *n)
{
	if (is_word(k->words, n))
		return n->text;
	refuse_word(r, k, n);
	return NULL;
}

static void read_word(struct reading *r, const struct key *k, const struct node *n, void *structure)
{
	const char *word = read_known_word(r, k, n);
	uint32_t number;

	if (!word || k->offset == KEY_NOWHERE)
		return;
	number = k->base + (uint32_t)word_index(k->words, word);
	memcpy(key_in(k->offset, structure), &number, sizeof(number));
}

static void read_word_text(struct reading *r, const struct key *k, const struct node *n,
			   void *structure)
{
	const char *word = read_known_word(r, k, n);

	if (word)
		(void)str_copy(key_in(k->offset, structure), k->size, word);
}

static void read_uuid(struct reading *r, const struct key *k, const struct node *n, void *structure)
{
	if (n->kind == NODE_SCALAR && uuid_parse(n->text, key_in(k->offset, structure)))
		raise_flag(k, structure);
	else
		refuse_value(r, k->name, n, "a UUID as 6a1f3c52-94b1-4d0e-8f5a-0c2b7e6d1a90");
}

static void read_mac(struct reading *r, const struct key *k, const struct node *n, void *structure)
{
	static const uint8_t zero[6];
	uint8_t mac[6];

	if (n->kind != NODE_SCALAR || !mac_parse(n->text, mac)) {
		refuse_value(r, k->name, n, "a MAC address as 52:54:00:00:00:01");
	} else if ((mac[0] & 1) || memcmp(mac, zero, sizeof(mac)) == 0) {
		refuse_value(r, k->name, n,
			     "the address of one adapter, neither multicast nor zero");
	} else {
		memcpy(key_in(k->offset, structure), mac, sizeof(mac));
		raise_flag(k, structure);
	}
}

/* ---- lists of words --------------------------------------------------------------------------- */

static bool check_list(struct reading *r, const struct key *k, const struct node *n)
{
	if (n->kind == NODE_LIST)
		return true;
	refuse_value(r, k->name, n, "a list");
	return false;
}

enum { ID_TEXT = 64 };

static void read_id(struct reading *r, const struct key *k, const struct node *list, size_t idx,
		    char *to)
{
	const struct text_form *form = form_of(k->kind);
	const struct node *n = list->items[idx];
	char name[96];

	(void)snprintf(name, sizeof(name), "%s[%zu]", k->name, idx);
	if (n->kind != NODE_SCALAR || !form->is_valid(n->text)) {
		refuse_value(r, name, n, form->expected);
		return;
	}
	for (size_t i = 0; i < idx; i++) {
		if (list->items[i]->kind == NODE_SCALAR &&
		    strcmp(list->items[i]->text, n->text) == 0) {
			reading_refuse(r, n, "%s repeats %s", name, n->text);
			return;
		}
	}
	(void)str_copy(to, k->kind == KEY_FEATURES ? k->size : ID_TEXT, n->text);
}

static void read_ids(struct reading *r, const struct key *k, const struct node *n, void *structure)
{
	enum { IDS_MAX = 256 };
	char **ids = key_in(k->offset, structure);
	size_t *count = key_in(k->aux, structure);
	size_t each = k->kind == KEY_FEATURES ? k->size : ID_TEXT;

	if (!check_list(r, k, n) || n->count == 0)
		return;
	if (n->count > IDS_MAX) {
		reading_refuse(r, n, "%s has %zu entries, must have 0..%u", k->name, n->count,
			       IDS_MAX);
		return;
	}
	*ids = calloc(n->count, each);
	if (!*ids) {
		reading_refuse_memory(r);
		return;
	}
	*count = n->count;
	for (size_t i = 0; i < n->count; i++)
		read_id(r, k, n, i, *ids + i * each);
}

static void read_names(struct reading *r, const struct key *k, const struct node *n,
		       void *structure)
{
	char(*names)[64] = key_in(k->offset, structure);
	size_t *count = key_in(k->aux, structure);

	if (!check_list(r, k, n))
		return;
	if (n->count > k->max) {
		reading_refuse(r, n, "%s has %zu entries, must have 0..%u", k->name, n->count,
			       k->max);
		return;
	}
	*count = n->count;
	for (size_t i = 0; i < n->count; i++)
		read_id(r, k, n, i, names[i]);
}

/* Items of a list that becomes an array of their own. */
struct items {
	size_t bytes;                                      /* of one */
	int (*take)(const struct node *item, void *place); /* -EINVAL: it is none; -ENOMEM */
	const char *expected;
};

static int take_text(const struct node *item, void *place)
{
	char **text = place;

	*text = strdup(item->text);
	return *text ? 0 : -ENOMEM;
}

static int take_path(const struct node *item, void *place)
{
	return item->text[0] == '/' ? take_text(item, place) : -EINVAL;
}

static int take_target(const struct node *item, void *place)
{
	return net_target_pattern_valid(item->text) ? take_text(item, place) : -EINVAL;
}

static int take_signer(const struct node *item, void *place)
{
	return strlen(item->text) == MINISIGN_KEY_TEXT
		       ? minisign_key_parse(item->text, MINISIGN_KEY_TEXT, place, NULL)
		       : -EINVAL;
}

static const struct items path_items = {
	.bytes = sizeof(char *),
	.take = take_path,
	.expected = "an absolute path",
};
static const struct items target_items = {
	.bytes = sizeof(char *),
	.take = take_target,
	.expected = "a target as \"tcp:192.0.2.1:6653\", in which * stands for any text",
};
static const struct items signer_items = {
	.bytes = sizeof(struct minisign_key),
	.take = take_signer,
	.expected = "a public key of minisign: 56 characters that begin with RW",
};

/* False: it is not taken. */
static bool read_item(struct reading *r, const struct key *k, const struct node *n, size_t idx,
		      const struct items *items, void *place)
{
	const struct node *item = n->items[idx];
	int code = item->kind == NODE_SCALAR ? items->take(item, place) : -EINVAL;
	char name[96];

	(void)snprintf(name, sizeof(name), "%s[%zu]", k->name, idx);
	if (code == -ENOMEM)
		reading_refuse_memory(r);
	else if (code)
		refuse_value(r, name, item, items->expected);
	return code == 0;
}

static void read_items(struct reading *r, const struct key *k, const struct node *n,
		       const struct items *items, void *structure)
{
	size_t *count = key_in(k->aux, structure);
	char *array;

	if (!check_list(r, k, n))
		return;
	if (n->count == 0) {
		/* Nothing would be read as everything. */
		if (k->kind == KEY_TARGETS)
			reading_refuse(r, n, "%s is empty: name a target, or remove it", k->name);
		return;
	}
	array = calloc(n->count, items->bytes);
	memcpy(key_in(k->offset, structure), &array, sizeof(array)); /* of whichever type */
	if (!array) {
		reading_refuse_memory(r);
		return;
	}
	for (size_t i = 0; i < n->count; i++)
		*count += read_item(r, k, n, i, items, array + *count * items->bytes);
}

static void read_core(struct reading *r, const struct node *list, size_t idx, uint32_t *cores)
{
	const struct node *n = list->items[idx];
	char name[32];

	(void)snprintf(name, sizeof(name), "workers[%zu]", idx);
	if (!number_in(n, 0, CORE_LAST, &cores[idx])) {
		cores[idx] = UINT32_MAX;
		refuse_value(r, name, n, "a core's number, 0..1023");
		return;
	}
	for (size_t i = 0; i < idx; i++) {
		if (cores[i] == cores[idx])
			reading_refuse(r, n, "%s repeats core %u", name, cores[idx]);
	}
}

static void read_cores(struct reading *r, const struct node *n, struct daemon_spec *daemon)
{
	if (n->count < 1 || n->count > CORES_MAX) {
		reading_refuse(r, n, "workers names %zu cores, must name 1..%u", n->count,
			       CORES_MAX);
		return;
	}
	daemon->cores = calloc(n->count, sizeof(*daemon->cores));
	if (!daemon->cores) {
		reading_refuse_memory(r);
		return;
	}
	daemon->workers = (uint32_t)n->count;
	for (size_t i = 0; i < n->count; i++)
		read_core(r, n, i, daemon->cores);
}

static void read_workers(struct reading *r, const struct key *k, const struct node *n,
			 struct daemon_spec *daemon)
{
	if (n->kind == NODE_LIST)
		read_cores(r, n, daemon);
	else if (n->kind == NODE_SCALAR && strcmp(n->text, "auto") == 0)
		daemon->workers = 0;
	else if (!number_in(n, k->min, k->max, &daemon->workers))
		refuse_value(r, k->name, n, "auto, 1..64, or a list of cores");
}

/* ---- policies --------------------------------------------------------------------------------- */

/* "xvs.learning/1:" with nothing behind sets the policy with all its defaults. */
static struct node *policy_copy(const struct node *n)
{
	struct node *copy = node_copy(n);

	if (copy && copy->kind == NODE_NULL)
		copy->kind = NODE_MAP;
	return copy;
}

static void read_policy(struct reading *r, const struct node *n, struct node *policies)
{
	char text[EXCERPT_TEXT];

	if (!feature_id_valid(n->key))
		reading_refuse_key(r, n, "%s is not a feature's id as xvs.vlan/1",
				   excerpt(n->key, text));
	else if (n->kind != NODE_MAP && n->kind != NODE_NULL)
		reading_refuse(r, n, "%s is %s, must be a map", n->key, shown(n, text));
	else if (node_append(policies, n->key, policy_copy(n)))
		reading_refuse_memory(r);
}

static void read_policies(struct reading *r, const struct key *k, const struct node *n,
			  void *structure)
{
	struct node **policies = key_in(k->offset, structure);
	size_t before;

	if (n->kind == NODE_NULL)
		return;
	if (n->kind != NODE_MAP) {
		refuse_value(r, k->name, n, "a map of features");
		return;
	}
	if (n->count == 0)
		return;
	*policies = node_create(NODE_MAP);
	if (!*policies) {
		reading_refuse_memory(r);
		return;
	}
	(*policies)->line = n->line;
	(*policies)->column = n->column;
	before = reading_enter(r, "%s: ", k->name);
	for (size_t i = 0; i < n->count; i++)
		read_policy(r, n->items[i], *policies);
	reading_leave(r, before);
}

static struct node *placed_scalar(const char *text, const struct node *at)
{
	struct node *n = node_scalar(text);

	if (n) {
		n->line = at->line;
		n->column = at->column;
	}
	return n;
}

/* {mode: access, vlan: N} at the place of N; NULL: out of memory. */
static struct node *access_policy(const struct node *n)
{
	struct node *policy = node_create(NODE_MAP);

	if (!policy)
		return NULL;
	policy->line = n->line;
	policy->column = n->column;
	if (node_append(policy, "mode", placed_scalar("access", n)) ||
	    node_append(policy, "vlan", placed_scalar(n->text, n))) {
		node_destroy(policy);
		return NULL;
	}
	return policy;
}

static void read_vlan(struct reading *r, const struct key *k, const struct node *n, void *structure)
{
	struct node **policies = key_in(k->offset, structure);
	uint32_t vlan;

	if (!number_in(n, k->min, k->max, &vlan)) {
		refuse_value(r, k->name, n, "0..4094");
		return;
	}
	if (node_get(*policies, "xvs.vlan/1")) {
		reading_refuse(r, n, "%s is given twice, here and as policy xvs.vlan/1", k->name);
		return;
	}
	if (!*policies)
		*policies = node_create(NODE_MAP);
	if (!*policies || node_append(*policies, "xvs.vlan/1", access_policy(n)))
		reading_refuse_memory(r);
}

static void refuse_later(struct reading *r, const struct key *k, const struct node *n)
{
	if ((k->flags & KEY_EMPTY_FINE) && n->kind == NODE_LIST && n->count == 0)
		return;
	reading_refuse_key(r, n, "%s is not offered by this version, remove it", k->name);
}

void value_read(struct reading *r, const struct key *k, const struct node *n, void *structure)
{
	switch (k->kind) {
	case KEY_U32:
		read_number(r, k, n, structure);
		break;
	case KEY_BOOL:
		read_bool(r, k, n, structure);
		break;
	case KEY_WORD:
		read_word(r, k, n, structure);
		break;
	case KEY_WORD_TEXT:
		read_word_text(r, k, n, structure);
		break;
	case KEY_UUID:
		read_uuid(r, k, n, structure);
		break;
	case KEY_MAC:
		read_mac(r, k, n, structure);
		break;
	case KEY_EXTENSIONS:
	case KEY_FEATURES:
	case KEY_IPV4_NETS:
	case KEY_IPV4S:
		read_ids(r, k, n, structure);
		break;
	case KEY_NAMES:
		read_names(r, k, n, structure);
		break;
	case KEY_PATHS:
		read_items(r, k, n, &path_items, structure);
		break;
	case KEY_TARGETS:
		read_items(r, k, n, &target_items, structure);
		break;
	case KEY_SIGNERS:
		read_items(r, k, n, &signer_items, structure);
		break;
	case KEY_POLICIES:
		read_policies(r, k, n, structure);
		break;
	case KEY_WORKERS:
		read_workers(r, k, n, structure);
		break;
	case KEY_VLAN:
		read_vlan(r, k, n, structure);
		break;
	case KEY_LATER:
		refuse_later(r, k, n);
		break;
	default:
		read_text(r, k, n, structure);
	}
}
