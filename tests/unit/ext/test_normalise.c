/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What extension.h and policy.h say of the tables of a module, one sentence a test.  Each test
 * spoils one thing of a module that is otherwise good, and compares the text of the refusal.
 */
#include "support/test.h"

#include <errno.h>
#include <string.h>

#include "ext/normalise.h"

static int create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		  struct xvs_error *err)
{
	(void)host;
	(void)args;
	(void)self;
	(void)err;
	return 0;
}

static void destroy(void *self)
{
	(void)self;
}

static void inspect(void *self, const struct xvs_batch *b)
{
	(void)self;
	(void)b;
}

static void on_batch(void *self, struct xvs_batch *b)
{
	(void)self;
	(void)b;
}

static void drain(void *self, void *worker_state, void *port_state)
{
	(void)self;
	(void)worker_state;
	(void)port_state;
}

static const char *const protocols[] = { "any", "tcp" };
static const char *const twice[] = { "any", "any" };

struct element {
	uint32_t port;
	uint32_t proto;
};

struct settings {
	uint32_t rate;
	uint32_t mode;
	uint64_t burst;
	struct xvs_table list;
	char text[16];
	bool on;
};

/* The module under test; setup() makes it good again. */
static struct xvs_ops ops;
static struct xvs_field element_fields[2];
static struct xvs_field fields[6];
static struct xvs_feature features[2];
static struct xvs_label reasons[2];
static const char *ids[2];
static struct xvs_extension all[2];
static struct xvs_module module;
static struct module_note note;
static struct normalised n;

static int setup(void **state)
{
	(void)state;
	ops = (struct xvs_ops){ .size = sizeof(ops), .create = create, .destroy = destroy };
	element_fields[0] = (struct xvs_field){ .name = "port",
						.help = "port",
						.type = XVS_U32,
						.offset = offsetof(struct element, port),
						.max = 65535 };
	element_fields[1] = (struct xvs_field){ .name = "proto",
						.help = "protocol",
						.type = XVS_ENUM,
						.offset = offsetof(struct element, proto),
						.names = XVS_TABLE(protocols) };
	fields[0] = (struct xvs_field){ .name = "rate",
					.help = "rate",
					.type = XVS_U32,
					.offset = offsetof(struct settings, rate),
					.min = 1,
					.max = 10,
					.dflt = 5 };
	fields[1] = (struct xvs_field){ .name = "mode",
					.help = "mode",
					.type = XVS_ENUM,
					.offset = offsetof(struct settings, mode),
					.names = XVS_TABLE(protocols),
					.dflt = 1 };
	fields[2] = (struct xvs_field){ .name = "burst",
					.help = "burst",
					.type = XVS_U64,
					.offset = offsetof(struct settings, burst),
					.max = 100 };
	fields[3] = (struct xvs_field){ .name = "list",
					.help = "list",
					.type = XVS_LIST,
					.offset = offsetof(struct settings, list),
					.max = 4,
					.fields = XVS_TABLE(element_fields),
					.element_bytes = sizeof(struct element) };
	fields[4] = (struct xvs_field){ .name = "text",
					.help = "text",
					.type = XVS_TEXT,
					.offset = offsetof(struct settings, text),
					.max = 16 };
	fields[5] = (struct xvs_field){ .name = "on",
					.help = "on",
					.type = XVS_BOOL,
					.offset = offsetof(struct settings, on) };
	for (unsigned i = 0; i < 2; i++) {
		features[i] = (struct xvs_feature){ .size = sizeof(features[i]),
						    .bytes = sizeof(struct settings),
						    .id = i ? "com.x.b/1" : "com.x.a/1",
						    .summary = "settings",
						    .scope = XVS_PER_PORT,
						    .kind = XVS_SETTING,
						    .fields = XVS_TABLE(fields) };
		reasons[i] = (struct xvs_label){ i ? "second" : "first", "help" };
		ids[i] = i ? "com.x.later" : "com.x.earlier";
		all[i] = (struct xvs_extension){ .size = sizeof(all[i]),
						 .cls = XVS_FILTER,
						 .id = i ? "com.x.two" : "com.x.one",
						 .version = "1.0",
						 .vendor = "X",
						 .summary = "x",
						 .features = XVS_TABLE(features),
						 .reasons = XVS_TABLE(reasons),
						 .counters = XVS_TABLE(reasons),
						 .before = XVS_TABLE(ids),
						 .ops = &ops };
	}
	module = (struct xvs_module){ .size = sizeof(module), .extensions = XVS_TABLE(all) };
	note = (struct module_note){ .abi_major = 1,
				     .classes = 0x1e,
				     .rights = (XVS_RIGHT_NETWORK << 1) - 1 };
	memset(&n, 0, sizeof(n));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	normalised_finish(&n);
	return 0;
}

static bool only_timers(const char *id)
{
	return strcmp(id, "xvs.timer/1") == 0;
}

static int normalise(struct xvs_error *err)
{
	return module_normalise(&module, &note, only_timers, &n, err);
}

static void accepted(void)
{
	struct xvs_error err = ERROR_INIT;

	if (normalise(&err))
		fail_msg("%s", err.text);
	normalised_finish(&n);
}

static void refused(int code, const char *text)
{
	struct xvs_error err = ERROR_INIT;

	assert_int_equal(normalise(&err), code);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, code);
	setup(NULL);
}

static void a_good_module_is_copied_whole(void **state)
{
	struct xvs_error err = ERROR_INIT;
	const struct extension *x;

	(void)state;
	assert_int_equal(normalise(&err), 0);
	assert_int_equal(n.count, 2);
	x = &n.extensions[1];
	assert_string_equal(x->id, "com.x.two");
	assert_int_equal(x->feature_count, 2);
	assert_ptr_not_equal(x->features, features);
	assert_int_equal(x->reason_count, 2);
	assert_string_equal(x->before[1], "com.x.later");
	assert_int_equal(x->before_count, 2);
	assert_int_equal(x->after_count, 0);
	assert_ptr_equal(x->ops.create, create);
}

/* Rule 2: "of a table of functions, it ignores: functions are offers". */
static void newer_functions_are_ignored_and_missing_ones_are_null(void **state)
{
	struct {
		struct xvs_ops old;
		void *newer;
	} more = { .old = ops, .newer = &more };
	struct xvs_error err = ERROR_INIT;

	(void)state;
	more.old.size = sizeof(more);
	all[0].ops = &more.old;
	accepted();

	setup(NULL);
	ops.egress = on_batch;
	ops.size = offsetof(struct xvs_ops, egress);
	assert_int_equal(normalise(&err), 0);
	assert_null(n.extensions[0].ops.egress);
	assert_ptr_equal(n.extensions[0].ops.destroy, destroy);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	(void)state;
	module.size = 16;
	refused(-EINVAL, "xvs_module: size is 16, in ABI 1.0 it is 24");
	module.size = 5000;
	refused(-EINVAL, "xvs_module: size is 5000, more than the limit of 4096");
	all[1].size = 100;
	refused(-EINVAL, "extensions[1]: xvs_extension: size is 100, in ABI 1.0 it is 152");
	all[1].size = 160;
	refused(-EINVAL,
		"extensions[1]: xvs_extension: size is 160, more than its table's stride of 152");
	features[0].size = 0;
	refused(-EINVAL, "com.x.one: features[0]: xvs_feature: size is 0, in ABI 1.0 it is 48");
	ops.size = 4;
	refused(-EINVAL, "com.x.one: xvs_ops: size is 4, in ABI 1.0 it is 8");
}

static void tables_that_cannot_be_are_refused(void **state)
{
	(void)state;
	module.extensions.count = 33;
	refused(-EINVAL, "extensions: 33 entries, at most 32 are taken");
	module.extensions.count = 0;
	refused(-EINVAL, "xvs_module.extensions is empty");
	all[0].reasons.items = NULL;
	refused(-EINVAL, "com.x.one: reasons: 2 entries, but items is NULL");
	all[0].reasons.stride = 8;
	refused(-EINVAL, "com.x.one: reasons: stride is 8, must be 16..4096");
	all[0].counters.stride = 1u << 20;
	refused(-EINVAL, "com.x.one: counters: stride is 1048576, must be 16..4096");
	all[0].counters.count = UINT32_MAX;
	refused(-EINVAL, "com.x.one: counters: 4294967295 entries, at most 1024 are taken");
	all[0].features.count = 65;
	refused(-EINVAL, "com.x.one: features: 65 entries, at most 64 are taken");
}

/* Rule 2: unknown data is refused, and what is reserved is unknown. */
static void reserved_members_must_be_zero(void **state)
{
	(void)state;
	ops.reserved = 1;
	refused(-E2BIG, "com.x.one: xvs_ops: byte 4 is not zero, but reserved");
	features[1].reserved = 0x10000;
	refused(-E2BIG, "com.x.one: features[1]: xvs_feature: byte 30 is not zero, but reserved");
	fields[2].reserved = 1;
	refused(-E2BIG, "com.x.one: feature com.x.a/1: fields[2]: xvs_field: byte 84 is not zero, "
			"but reserved");
}

/* "The same holds for the bits of a flags word and the values of an enum" */
static void unknown_bits_and_values_are_refused_by_the_members_name(void **state)
{
	(void)state;
	module.flags = 6;
	refused(-EINVAL, "xvs_module.flags: unknown bits 0x6");
	all[0].flags = 8;
	refused(-EINVAL, "com.x.one: xvs_extension.flags: unknown bits 0x8");
	all[0].cls = 5;
	refused(-EINVAL, "com.x.one: xvs_extension.cls: unknown value 5");
	all[0].cls = 0;
	refused(-EINVAL, "com.x.one: xvs_extension.cls: unknown value 0");
	all[0].rights = 1u << 7;
	refused(-EINVAL, "com.x.one: xvs_extension.rights: unknown bits 0x80");
	features[0].scope = 3;
	refused(-EINVAL, "com.x.one: feature com.x.a/1: xvs_feature.scope: unknown value 3");
	features[0].kind = 0;
	refused(-EINVAL, "com.x.one: feature com.x.a/1: xvs_feature.kind: unknown value 0");
	fields[0].type = 9;
	refused(-EINVAL,
		"com.x.one: feature com.x.a/1: field rate: xvs_field.type: unknown value 9");
	fields[0].flags = 4;
	refused(-EINVAL,
		"com.x.one: feature com.x.a/1: field rate: xvs_field.flags: unknown bits 0x4");
}

/* "rights: within those of the note"; classes as well. */
static int convert_nothing(struct xvs_conversion *c, struct xvs_error *err)
{
	(void)c;
	(void)err;
	return -ENOTSUP;
}

static struct xvs_convert convert;

static const void *query_convert(void *self, const char *id)
{
	assert_null(self);
	return strcmp(id, XVS_CONVERT) == 0 ? &convert : NULL;
}

static void former_revisions_lead_to_one_setting_and_are_converted(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	features[0].kind = XVS_FORMER;
	refused(-EINVAL, "com.x.one: feature com.x.a/1: is FORMER, and 0 settings of its name and "
			 "scope have a higher revision, must be 1");
	features[0].kind = XVS_FORMER;
	features[1].id = "com.x.a/12";
	refused(-EINVAL, "com.x.one: feature com.x.a/1: is FORMER, but query() offers no "
			 "xvs.convert/1");
	features[0].kind = XVS_FORMER;
	features[1].id = "com.x.a/12";
	ops.query = query_convert;
	convert = (struct xvs_convert){ .size = sizeof(convert) };
	refused(-EINVAL, "com.x.one: xvs_convert.convert is NULL, but required");
	features[0].kind = XVS_FORMER;
	features[1].id = "com.x.a/12";
	ops.query = query_convert;
	convert.convert = convert_nothing;
	assert_int_equal(normalise(&err), 0);
	assert_ptr_equal(n.extensions[0].convert, convert_nothing);
}

static void class_and_rights_are_within_the_note(void **state)
{
	(void)state;
	note.classes = 1u << XVS_INSPECT;
	refused(-EACCES, "com.x.one: is of class filter, which its note does not declare");
	note.rights = XVS_RIGHT_ORIGINATE;
	all[0].rights = XVS_RIGHT_ORIGINATE | XVS_RIGHT_REWRITE | XVS_RIGHT_PAYLOAD;
	refused(-EACCES,
		"com.x.one: asks for rights that its note does not declare: rewrite,payload");
}

static void some_rights_do_not_go_with_a_class(void **state)
{
	(void)state;
	all[0].cls = XVS_INSPECT;
	all[0].rights = XVS_RIGHT_REWRITE | XVS_RIGHT_QUEUE | XVS_RIGHT_ORIGINATE;
	refused(-EACCES,
		"com.x.one: asks for rights that class inspect cannot have: rewrite,queue");
	all[0].cls = XVS_FIREWALL;
	all[0].rights = XVS_RIGHT_REWRITE;
	refused(-EACCES, "com.x.one: asks for rights that class firewall cannot have: rewrite");
}

static void much_linear_needs_the_right_to_payload(void **state)
{
	(void)state;
	all[0].linear = 256;
	accepted();
	all[0].linear = 1000;
	refused(-EACCES,
		"com.x.one: xvs_extension.linear is 1000, above 256 it needs the right payload");
	all[0].linear = 1000;
	all[0].rights = XVS_RIGHT_PAYLOAD;
	accepted();
	all[0].linear = 65537;
	refused(-EINVAL, "com.x.one: xvs_extension.linear is 65537, must be 0..65536");
}

/* "create and destroy are required"; "drain: Required of who steals". */
static void required_functions_must_be_there(void **state)
{
	(void)state;
	all[0].ops = NULL;
	refused(-EINVAL, "com.x.one: xvs_extension.ops is NULL");
	ops.create = NULL;
	refused(-EINVAL, "com.x.one: xvs_ops.create is NULL, but required");
	ops.destroy = NULL;
	refused(-EINVAL, "com.x.one: xvs_ops.destroy is NULL, but required");
	all[0].rights = XVS_RIGHT_QUEUE;
	refused(-EINVAL,
		"com.x.one: xvs_ops.drain is NULL, but required of who has the right queue");
	all[0].rights = XVS_RIGHT_QUEUE;
	ops.drain = drain;
	accepted();
}

static void packet_callbacks_go_with_the_class(void **state)
{
	(void)state;
	ops.inspect = inspect;
	refused(-EINVAL, "com.x.one: xvs_ops.inspect does not belong to class filter");
	ops.forward = on_batch;
	refused(-EINVAL, "com.x.one: xvs_ops.forward does not belong to class filter");
	ops.egress = on_batch;
	all[0].cls = XVS_INSPECT;
	refused(-EINVAL, "com.x.one: xvs_ops.egress does not belong to class inspect");
	ops.ingress = on_batch;
	all[0].cls = XVS_FORWARD;
	refused(-EINVAL, "com.x.one: xvs_ops.ingress does not belong to class forward");
	ops.ingress = on_batch;
	ops.egress = on_batch;
	all[0].cls = XVS_FIREWALL;
	accepted();
	setup(NULL);
	ops.inspect = inspect;
	all[0].cls = XVS_INSPECT;
	all[1].cls = XVS_INSPECT;
	accepted();
}

static void ids_and_strings_have_their_form(void **state)
{
	(void)state;
	all[0].id = NULL;
	refused(-EINVAL, "extensions[0]: xvs_extension.id is NULL");
	all[1].id = "guard";
	refused(-EINVAL, "extensions[1]: the id must be \"vendor.name\" of at most 63 bytes");
	all[1].id = "com.x.one";
	refused(-EEXIST, "extension com.x.one is there twice");
	all[0].version = NULL;
	refused(-EINVAL, "com.x.one: xvs_extension.version is NULL");
	all[0].version = "1.0\n";
	refused(-EINVAL, "com.x.one: xvs_extension.version: byte 3 is not printable UTF-8");
	all[0].version = "123456789012345678901234";
	refused(-EINVAL, "com.x.one: xvs_extension.version is longer than 23 bytes");
	all[0].vendor = "";
	refused(-EINVAL, "com.x.one: xvs_extension.vendor is empty");
	all[0].summary = "\xff";
	refused(-EINVAL, "com.x.one: xvs_extension.summary: byte 0 is not printable UTF-8");
	features[0].id = NULL;
	refused(-EINVAL, "com.x.one: feature 0: xvs_feature.id is NULL");
	features[0].id = "com.x.a";
	refused(-EINVAL,
		"com.x.one: feature 0: the id must be \"vendor.name/rev\" of at most 63 bytes");
	features[1].id = "com.x.a/1";
	refused(-EEXIST, "com.x.one: feature com.x.a/1 is there twice");
	features[0].summary = NULL;
	refused(-EINVAL, "com.x.one: feature com.x.a/1: xvs_feature.summary is NULL");
}

static void labels_are_named_once(void **state)
{
	(void)state;
	reasons[1].name = "first";
	refused(-EEXIST, "com.x.one: reasons: first is there twice");
	reasons[0].name = NULL;
	refused(-EINVAL, "com.x.one: reasons[0]: xvs_label.name is NULL");
	reasons[1].name = "over limit";
	refused(-EINVAL,
		"com.x.one: reasons[1]: the name must be a letter, then letters, digits, - or _");
	reasons[1].help = NULL;
	refused(-EINVAL, "com.x.one: reasons[1]: xvs_label.help is NULL");
}

static void before_and_after_name_others(void **state)
{
	(void)state;
	ids[1] = "com.x.one";
	refused(-ELOOP, "com.x.one: before: names the extension itself");
	ids[0] = "nobody";
	refused(-EINVAL, "com.x.one: before: \"nobody\" is not an id \"vendor.name\"");
	ids[1] = ids[0];
	refused(-EEXIST, "com.x.one: before: com.x.earlier is there twice");
	ids[1] = NULL;
	refused(-EINVAL, "com.x.one: before[1]: the string is NULL");
}

/* "needs: interfaces that this host must know, or I am refused" */
static void needs_are_refused_by_name(void **state)
{
	static const char *const wanted[] = { "xvs.timer/1", "xvs.loop/1" };

	(void)state;
	all[0].needs = (struct xvs_table)XVS_TABLE(wanted);
	refused(-EOPNOTSUPP,
		"com.x.one: needs the interface xvs.loop/1, which this host does not offer");
	all[0].needs = (struct xvs_table)XVS_TABLE(wanted);
	all[0].needs.count = 1;
	accepted();
}

#define FEATURE "com.x.one: feature com.x.a/1: "

static void fields_lie_within_their_structure(void **state)
{
	(void)state;
	features[0].bytes = 0;
	refused(-EINVAL, FEATURE "xvs_feature.bytes is 0, must be 1..65536");
	fields[0].offset = 56;
	refused(-EINVAL,
		FEATURE "field rate: bytes 56..60 lie outside the structure, which has 56");
	fields[0].offset = UINT32_MAX;
	refused(-EINVAL,
		FEATURE "field rate: bytes 4294967295..4294967299 lie outside the structure, "
			"which has 56");
	fields[4].max = 25;
	refused(-EINVAL,
		FEATURE "field text: bytes 32..57 lie outside the structure, which has 56");
	fields[2].offset = 4;
	refused(-EINVAL, FEATURE "field burst: offset 4 is not a multiple of 8");
	fields[1].offset = 0;
	refused(-EINVAL, FEATURE "field mode: overlaps field rate");
	fields[5].offset = 47;
	refused(-EINVAL, FEATURE "field on: overlaps field text");
	fields[3].element_bytes = 4;
	refused(-EINVAL, FEATURE
		"field list: field proto: bytes 4..8 lie outside the structure, which has 4");
	fields[3].element_bytes = 10;
	refused(-EINVAL,
		FEATURE "field list: element_bytes is 10, no multiple of 4 as field port needs");
	fields[3].element_bytes = 0;
	refused(-EINVAL, FEATURE "field list: element_bytes is 0, must be 1..65536");
}

static void limits_and_defaults_agree(void **state)
{
	(void)state;
	fields[0].min = 11;
	refused(-EINVAL, FEATURE "field rate: range 11..10 is not within 0..4294967295");
	fields[0].max = UINT64_C(1) << 32;
	refused(-EINVAL, FEATURE "field rate: range 1..4294967296 is not within 0..4294967295");
	fields[0].dflt = 0;
	refused(-EINVAL, FEATURE "field rate: default 0 is not within 1..10");
	fields[0].dflt = 0;
	fields[0].flags = XVS_FIELD_REQUIRED;
	accepted();
	setup(NULL);
	fields[1].dflt = 2;
	refused(-EINVAL, FEATURE "field mode: default 2, but there are 2 names");
	fields[5].dflt = 2;
	refused(-EINVAL, FEATURE "field on: default of a BOOL is above 1");
	fields[4].max = 0;
	refused(-EINVAL, FEATURE "field text: a text of 0 bytes, must be 1..65536");
	fields[3].max = 0;
	refused(-EINVAL, FEATURE "field list: a list of at most 0 entries, must be 1..16777216");
}

static void members_of_another_type_are_refused(void **state)
{
	(void)state;
	fields[0].names = (struct xvs_table)XVS_TABLE(protocols);
	refused(-EINVAL, FEATURE "field rate: names belong to type ENUM only");
	fields[0].element_bytes = 8;
	refused(-EINVAL, FEATURE "field rate: fields and element_bytes belong to type LIST only");
	fields[1].names.count = 0;
	refused(-EINVAL, FEATURE "field mode: type ENUM without names");
	fields[1].names = (struct xvs_table)XVS_TABLE(twice);
	refused(-EEXIST, FEATURE "field mode: names: any is there twice");
	fields[3].fields.count = 0;
	refused(-EINVAL, FEATURE "field list: a structure without fields");
}

static void fields_are_named_once(void **state)
{
	(void)state;
	fields[0].name = NULL;
	refused(-EINVAL, FEATURE "field 0: xvs_field.name is NULL");
	fields[0].name = "9rate";
	refused(-EINVAL,
		FEATURE "field 0: the name must be a letter, then letters, digits, - or _");
	fields[1].name = "rate";
	refused(-EEXIST, FEATURE "field rate: another field has the same name");
	fields[0].help = NULL;
	refused(-EINVAL, FEATURE "field rate: xvs_field.help is NULL");
}

/* Lists within lists, one too deep. */
static void nesting_has_an_end(void **state)
{
	static struct xvs_field chain[6];

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		chain[i] = (struct xvs_field){ .name = "inner",
					       .help = "inner",
					       .type = XVS_LIST,
					       .max = 1,
					       .fields = { &chain[i + 1], 1, sizeof(chain[0]) },
					       .element_bytes = sizeof(struct xvs_table) };
	chain[4] = (struct xvs_field){ .name = "leaf", .help = "leaf", .type = XVS_BOOL };
	features[0].fields = (struct xvs_table){ chain, 1, sizeof(chain[0]) };
	accepted();
	chain[4] = chain[3];
	chain[4].fields.items = &chain[5];
	chain[5] = (struct xvs_field){ .name = "leaf", .help = "leaf", .type = XVS_BOOL };
	refused(-EINVAL, FEATURE "field inner: field inner: field inner: field inner: field inner: "
				 "lists are nested more than 4 deep");
}

static void a_table_that_contains_itself_is_refused(void **state)
{
	(void)state;
	fields[3].fields = (struct xvs_table)XVS_TABLE(fields);
	fields[3].element_bytes = sizeof(struct settings);
	{
		struct xvs_error err = ERROR_INIT;

		assert_int_equal(normalise(&err), -EINVAL);
		assert_non_null(strstr(err.text, "lists are nested more than 4 deep"));
	}
}

static void offered_interfaces_are_copied_by_the_same_rules(void **state)
{
	struct xvs_flow flow = { .size = 8 };
	struct xvs_conn_ops conn = { .size = sizeof(conn), .reserved = 9 };
	struct xvs_error err = ERROR_INIT;
	struct xvs_flow flow_out;
	struct xvs_conn_ops conn_out;

	(void)state;
	assert_int_equal(flow_copy(&flow, &flow_out, &err), -EINVAL);
	assert_string_equal(err.text, "xvs_flow.judge is NULL, but required");
	assert_int_equal(conn_copy(&conn, &conn_out, &err), -E2BIG);
	assert_string_equal(err.text, "xvs_conn_ops: byte 4 is not zero, but reserved");
	conn.reserved = 0;
	assert_int_equal(conn_copy(&conn, &conn_out, &err), -EINVAL);
	assert_string_equal(err.text, "xvs_conn_ops.authorise is NULL, but required");
}

static bool tracks_nothing(void *self, void *port_state)
{
	(void)self;
	(void)port_state;
	return false;
}

static void a_scope_with_unknown_bits_is_refused(void **state)
{
	struct xvs_conn_scope scope = { .size = sizeof(scope), .flags = XVS_CONN_SLOTLESS };
	struct xvs_conn_scope out;
	struct xvs_error err = ERROR_INIT;

	(void)state;
	assert_int_equal(conn_scope_copy(&scope, &out, &err), 0);
	assert_null(out.tracks);
	scope.tracks = tracks_nothing;
	assert_int_equal(conn_scope_copy(&scope, &out, &err), 0);
	assert_ptr_equal(out.tracks, tracks_nothing);
	scope.flags |= 8;
	assert_int_equal(conn_scope_copy(&scope, &out, &err), -EINVAL);
	assert_string_equal(err.text, "xvs_conn_scope.flags: unknown bits 0x8");
	scope.size = 4;
	assert_int_equal(conn_scope_copy(&scope, &out, &err), -EINVAL);
}

#define NORM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NORM(a_good_module_is_copied_whole),
		NORM(newer_functions_are_ignored_and_missing_ones_are_null),
		NORM(sizes_that_cannot_be_are_refused),
		NORM(tables_that_cannot_be_are_refused),
		NORM(reserved_members_must_be_zero),
		NORM(unknown_bits_and_values_are_refused_by_the_members_name),
		NORM(former_revisions_lead_to_one_setting_and_are_converted),
		NORM(class_and_rights_are_within_the_note),
		NORM(some_rights_do_not_go_with_a_class),
		NORM(much_linear_needs_the_right_to_payload),
		NORM(required_functions_must_be_there),
		NORM(packet_callbacks_go_with_the_class),
		NORM(ids_and_strings_have_their_form),
		NORM(labels_are_named_once),
		NORM(before_and_after_name_others),
		NORM(needs_are_refused_by_name),
		NORM(fields_lie_within_their_structure),
		NORM(limits_and_defaults_agree),
		NORM(members_of_another_type_are_refused),
		NORM(fields_are_named_once),
		NORM(nesting_has_an_end),
		NORM(a_table_that_contains_itself_is_refused),
		NORM(offered_interfaces_are_copied_by_the_same_rules),
		NORM(a_scope_with_unknown_bits_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
