/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/normalise.c - a module's extensions, copied and checked before any function of theirs runs.
 *
 * A demand that this host would not heed is refused here, with its name, so that it is never
 * dropped in silence: unknown data, unknown bits, rights beyond the note, missing interfaces.
 */
#define XVS_USE_DRAFT /* xvs.explain/1, xvs.rows/1 */
#include "ext/normalise.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "ext/feature.h"
#include "ext/names.h"
#include "packet/packet.h"
#include "xvs/ext/explain.h"
#include "xvs/ext/rows.h"

/* What ABI 1.0 had; these never change. */
enum { MODULE_1_0 = 24, EXTENSION_1_0 = 152, LABEL_1_0 = 16, OFFERS_1_0 = 8 };

static const struct layout module_layout = {
	.name = "xvs_module",
	.today = sizeof(struct xvs_module),
	.least = MODULE_1_0,
	.is_sized = true,
};
static const struct layout extension_layout = {
	.name = "xvs_extension",
	.today = sizeof(struct xvs_extension),
	.least = EXTENSION_1_0,
	.is_sized = true,
};
static const struct layout label_layout = {
	.name = "xvs_label",
	.today = sizeof(struct xvs_label),
	.least = LABEL_1_0,
};
static const struct layout ops_layout = {
	.name = "xvs_ops",
	.today = sizeof(struct xvs_ops),
	.least = OFFERS_1_0,
	.reserved = offsetof(struct xvs_ops, reserved),
	.is_sized = true,
	.is_functions = true,
};
static const struct layout flow_layout = {
	.name = "xvs_flow",
	.today = sizeof(struct xvs_flow),
	.least = OFFERS_1_0,
	.reserved = offsetof(struct xvs_flow, reserved),
	.is_sized = true,
	.is_functions = true,
};
static const struct layout explain_layout = {
	.name = "xvs_explain",
	.today = sizeof(struct xvs_explain),
	.least = sizeof(struct xvs_explain),
	.reserved = offsetof(struct xvs_explain, reserved),
	.is_sized = true,
	.is_functions = true,
};
static const struct layout rows_layout = {
	.name = "xvs_rows",
	.today = sizeof(struct xvs_rows),
	.least = sizeof(struct xvs_rows),
	.reserved = offsetof(struct xvs_rows, reserved),
	.is_sized = true,
	.is_functions = true,
};
static const struct layout conn_layout = {
	.name = "xvs_conn_ops",
	.today = sizeof(struct xvs_conn_ops),
	.least = OFFERS_1_0,
	.reserved = offsetof(struct xvs_conn_ops, reserved),
	.is_sized = true,
	.is_functions = true,
};
static const struct layout state_layout = {
	.name = "xvs_state",
	.today = sizeof(struct xvs_state),
	.least = sizeof(struct xvs_state),
	.reserved = offsetof(struct xvs_state, reserved),
	.is_sized = true,
	.is_functions = true,
};
static const struct layout conn_scope_layout = {
	.name = "xvs_conn_scope",
	.today = sizeof(struct xvs_conn_scope),
	.least = sizeof(struct xvs_conn_scope),
	.is_sized = true,
	.is_functions = true,
};
static const struct layout convert_layout = {
	.name = "xvs_convert",
	.today = sizeof(struct xvs_convert),
	.least = sizeof(struct xvs_convert),
	.reserved = offsetof(struct xvs_convert, reserved),
	.is_sized = true,
	.is_functions = true,
};
_Static_assert(sizeof(struct xvs_module) >= MODULE_1_0, "structures only grow");
_Static_assert(sizeof(struct xvs_extension) >= EXTENSION_1_0, "structures only grow");
_Static_assert(sizeof(struct xvs_label) >= LABEL_1_0, "structures only grow");

enum {
	RIGHTS_KNOWN = XVS_RIGHT_ORIGINATE | XVS_RIGHT_REWRITE | XVS_RIGHT_QUEUE |
		       XVS_RIGHT_IMPERSONATE | XVS_RIGHT_TRUSTED | XVS_RIGHT_PAYLOAD |
		       XVS_RIGHT_NETWORK,
};

/* Rights that a class cannot have, whatever the note says (architecture, section 2). */
static uint32_t class_forbids(uint32_t cls)
{
	if (cls == XVS_INSPECT)
		return XVS_RIGHT_REWRITE | XVS_RIGHT_QUEUE;
	return cls == XVS_FIREWALL ? XVS_RIGHT_REWRITE : 0;
}

static int rights_check(const struct xvs_extension *x, const struct module_note *note,
			struct xvs_error *err)
{
	uint32_t undeclared = x->rights & ~note->rights;
	uint32_t forbidden = x->rights & class_forbids(x->cls);
	char names[128];

	if (x->rights & ~(uint32_t)RIGHTS_KNOWN)
		return error_set(err, -EINVAL, "", "xvs_extension.rights: unknown bits 0x%x",
				 x->rights & ~(uint32_t)RIGHTS_KNOWN);
	rights_print(undeclared ? undeclared : forbidden, names, sizeof(names));
	if (undeclared)
		return error_set(err, -EACCES, "",
				 "asks for rights that its note does not declare: %s", names);
	if (forbidden)
		return error_set(err, -EACCES, "", "asks for rights that class %s cannot have: %s",
				 class_name(x->cls), names);
	if (x->linear > EXTENSION_LINEAR_MAX)
		return error_set(err, -EINVAL, "", "xvs_extension.linear is %u, must be 0..%u",
				 x->linear, (unsigned)EXTENSION_LINEAR_MAX);
	if (x->linear > PACKET_PARSE && !(x->rights & XVS_RIGHT_PAYLOAD))
		return error_set(err, -EACCES, "",
				 "xvs_extension.linear is %u, above %u it needs the right payload",
				 x->linear, (unsigned)PACKET_PARSE);
	return 0;
}

static int class_check(const struct xvs_extension *x, const struct module_note *note,
		       struct xvs_error *err)
{
	const unsigned known = XVS_EXT_POLICY_ONLY | XVS_EXT_TAGS;

	if (x->cls < XVS_INSPECT || x->cls > XVS_FORWARD)
		return error_set(err, -EINVAL, "", "xvs_extension.cls: unknown value %u", x->cls);
	if (!(note->classes & 1u << x->cls))
		return error_set(err, -EACCES, "",
				 "is of class %s, which its note does not declare",
				 class_name(x->cls));
	if (x->flags & ~known)
		return error_set(err, -EINVAL, "", "xvs_extension.flags: unknown bits 0x%x",
				 x->flags & ~known);
	if (x->flags & XVS_EXT_TAGS && x->cls != XVS_FORWARD)
		return error_set(err, -EINVAL, "",
				 "xvs_extension.flags: XVS_EXT_TAGS is for forwarders");
	return 0;
}

/* A packet callback that the host would never call is a misunderstanding to be told of. */
static int callback_check(const struct extension *x, bool is_there, uint32_t classes,
			  const char *name, struct xvs_error *err)
{
	if (!is_there || classes & 1u << x->cls)
		return 0;
	return error_set(err, -EINVAL, "", "xvs_ops.%s does not belong to class %s", name,
			 class_name(x->cls));
}

static int callbacks_check(const struct extension *x, struct xvs_error *err)
{
	const struct xvs_ops *ops = &x->ops;
	const uint32_t judges = 1u << XVS_FILTER | 1u << XVS_FIREWALL;
	int code = callback_check(x, ops->inspect, 1u << XVS_INSPECT, "inspect", err);

	if (code == 0)
		code = callback_check(x, ops->ingress, judges, "ingress", err);
	if (code == 0)
		code = callback_check(x, ops->forward, 1u << XVS_FORWARD, "forward", err);
	if (code == 0)
		code = callback_check(x, ops->egress, judges, "egress", err);
	return code;
}

static int ops_copy(const struct xvs_ops *from, struct extension *to, struct xvs_error *err)
{
	int code;

	if (!from)
		return error_set(err, -EINVAL, "", "xvs_extension.ops is NULL");
	code = layout_copy(&ops_layout, from, 0, &to->ops, err);
	if (code)
		return code;
	if (!to->ops.create || !to->ops.destroy)
		return error_set(err, -EINVAL, "", "xvs_ops.%s is NULL, but required",
				 to->ops.create ? "destroy" : "create");
	if (to->rights & XVS_RIGHT_QUEUE && !to->ops.drain)
		return error_set(err, -EINVAL, "",
				 "xvs_ops.drain is NULL, but required of who has the right queue");
	return callbacks_check(to, err);
}

static int label_check(const char *what, const struct xvs_label *labels, uint32_t nr,
		       struct xvs_error *err)
{
	const char *name = labels[nr].name;
	int code;

	if (!name)
		return error_set(err, -EINVAL, "", "%s[%u]: xvs_label.name is NULL", what, nr);
	if (!word_is_valid(name))
		return error_set(err, -EINVAL, "",
				 "%s[%u]: the name must be a letter, then letters, digits, - or _",
				 what, nr);
	for (uint32_t i = 0; i < nr; i++) {
		if (strcmp(labels[i].name, name) == 0)
			return error_set(err, -EEXIST, "", "%s: %s is there twice", what, name);
	}
	code = text_check("xvs_label.help", labels[nr].help, TEXT_MAX, err);
	if (code)
		(void)error_context(err, "%s[%u]", what, nr);
	return code;
}

static int labels_copy(const char *what, const struct xvs_table *table, struct arena *arena,
		       const struct xvs_label **out, struct xvs_error *err)
{
	const struct layout_array array = { what, &label_layout, EXTENSION_LABELS_MAX };
	void *labels;
	int code = layout_array(&array, table, arena, &labels, err);

	for (uint32_t i = 0; code == 0 && i < table->count; i++)
		code = label_check(what, labels, i, err);
	if (code == 0)
		*out = labels;
	return code;
}

/* before and after: ids of extensions, which may be absent, but never the declarer's own. */
static int order_copy(const char *what, const struct xvs_table *table, const char *own_id,
		      struct arena *arena, const char *const **out, struct xvs_error *err)
{
	int code = layout_strings(what, table, EXTENSION_IDS_MAX, arena, out, err);

	for (uint32_t i = 0; code == 0 && i < table->count; i++) {
		if (!id_is_valid((*out)[i]))
			code = error_set(err, -EINVAL, "",
					 "%s: \"%s\" is not an id \"vendor.name\"", what,
					 (*out)[i]);
		else if (strcmp((*out)[i], own_id) == 0)
			code = error_set(err, -ELOOP, "", "%s: names the extension itself", what);
	}
	return code;
}

static int needs_check(const struct xvs_table *table, bool (*has_interface)(const char *id),
		       struct arena *arena, struct xvs_error *err)
{
	const char *const *ids = NULL;
	int code = layout_strings("needs", table, EXTENSION_IDS_MAX, arena, &ids, err);

	for (uint32_t i = 0; code == 0 && i < table->count; i++) {
		if (!has_interface(ids[i]))
			code = error_set(err, -EOPNOTSUPP, "",
					 "needs the interface %s, which this host does not offer",
					 ids[i]);
	}
	return code;
}

static int tables_copy(const struct xvs_extension *raw, struct arena *arena, struct extension *to,
		       struct xvs_error *err)
{
	int code = features_copy(&raw->features, arena, &to->features, err);

	if (code == 0)
		code = labels_copy("reasons", &raw->reasons, arena, &to->reasons, err);
	if (code == 0)
		code = labels_copy("counters", &raw->counters, arena, &to->counters, err);
	if (code == 0)
		code = order_copy("before", &raw->before, raw->id, arena, &to->before, err);
	if (code == 0)
		code = order_copy("after", &raw->after, raw->id, arena, &to->after, err);
	if (code)
		return code;
	to->feature_count = raw->features.count;
	to->reason_count = raw->reasons.count;
	to->counter_count = raw->counters.count;
	to->before_count = raw->before.count;
	to->after_count = raw->after.count;
	return 0;
}

/* Whoever has former revisions of policies can convert them. */
static int convert_copy(struct extension *to, struct xvs_error *err)
{
	const struct xvs_convert *offered = NULL;
	struct xvs_convert convert = { 0 };
	uint32_t i = 0;
	int code;

	while (i < to->feature_count && to->features[i].kind != XVS_FORMER)
		i++;
	if (i == to->feature_count)
		return 0;
	if (to->ops.query)
		offered = to->ops.query(NULL, XVS_CONVERT);
	if (!offered)
		return error_set(err, -EINVAL, "",
				 "feature %s: is FORMER, but query() offers no %s",
				 to->features[i].id, XVS_CONVERT);
	code = layout_copy(&convert_layout, offered, 0, &convert, err);
	if (code == 0 && !convert.convert)
		code = error_set(err, -EINVAL, "", "xvs_convert.convert is NULL, but required");
	to->convert = convert.convert;
	return code;
}

static int strings_check(const struct xvs_extension *raw, struct xvs_error *err)
{
	int code = text_check("xvs_extension.version", raw->version, VERSION_MAX, err);

	if (code == 0)
		code = text_check("xvs_extension.vendor", raw->vendor, TEXT_MAX, err);
	if (code == 0)
		code = text_check("xvs_extension.summary", raw->summary, TEXT_MAX, err);
	return code;
}

static int extension_copy(const struct xvs_extension *raw, const struct module_note *note,
			  struct arena *arena, struct extension *to, struct xvs_error *err)
{
	int code = strings_check(raw, err);

	if (code == 0)
		code = class_check(raw, note, err);
	if (code == 0)
		code = rights_check(raw, note, err);
	if (code)
		return code;

	to->cls = raw->cls;
	to->flags = raw->flags;
	to->rights = raw->rights;
	to->linear = raw->linear;
	to->id = raw->id;
	to->version = raw->version;
	to->vendor = raw->vendor;
	to->summary = raw->summary;
	code = tables_copy(raw, arena, to, err);
	if (code == 0)
		code = ops_copy(raw->ops, to, err);
	return code ? code : convert_copy(to, err);
}

static int extension_id_check(const struct xvs_extension *raw, uint32_t nr, struct xvs_error *err)
{
	if (!raw[nr].id)
		return error_set(err, -EINVAL, "", "extensions[%u]: xvs_extension.id is NULL", nr);
	if (!id_is_valid(raw[nr].id))
		return error_set(
			err, -EINVAL, "",
			"extensions[%u]: the id must be \"vendor.name\" of at most %u bytes", nr,
			(unsigned)ID_MAX);
	for (uint32_t i = 0; i < nr; i++) {
		if (strcmp(raw[i].id, raw[nr].id) == 0)
			return error_set(err, -EEXIST, "", "extension %s is there twice",
					 raw[nr].id);
	}
	return 0;
}

/* All extensions of the module; 'raw' is our copy of the table. */
static int extensions_copy(const struct xvs_extension *raw, const struct module_note *note,
			   bool (*has_interface)(const char *id), struct normalised *n,
			   struct xvs_error *err)
{
	int code = 0;

	n->extensions = arena_calloc(&n->arena, n->count, sizeof(*n->extensions));
	if (!n->extensions)
		return error_set(err, -ENOMEM, "", "extensions: out of memory");
	for (uint32_t i = 0; i < n->count; i++) {
		code = extension_id_check(raw, i, err);
		if (code)
			break;
		/* First of all: what it declares may be of use to a newer host only. */
		code = needs_check(&raw[i].needs, has_interface, &n->arena, err);
		if (code == 0)
			code = extension_copy(&raw[i], note, &n->arena, &n->extensions[i], err);
		if (code) {
			(void)error_context(err, "%s", raw[i].id);
			break;
		}
	}
	return code;
}

static int module_copy(const struct xvs_module *raw, struct normalised *n, void **extensions,
		       struct xvs_error *err)
{
	const struct layout_array array = { "extensions", &extension_layout,
					    MODULE_EXTENSIONS_MAX };
	const uint32_t known = XVS_MODULE_UNLOADABLE;
	struct xvs_module module;
	int code = layout_copy(&module_layout, raw, 0, &module, err);

	if (code)
		return code;
	if (module.flags & ~known)
		return error_set(err, -EINVAL, "", "xvs_module.flags: unknown bits 0x%x",
				 module.flags & ~known);
	n->flags = module.flags;
	if (module.extensions.count == 0)
		return error_set(err, -EINVAL, "", "xvs_module.extensions is empty");
	code = layout_array(&array, &module.extensions, &n->arena, extensions, err);
	n->count = module.extensions.count;
	return code;
}

int module_normalise(const struct xvs_module *raw, const struct module_note *note,
		     bool (*has_interface)(const char *id), struct normalised *out,
		     struct xvs_error *err)
{
	struct normalised n = { .count = 0 };
	void *extensions = NULL;
	int code = module_copy(raw, &n, &extensions, err);

	assert(code || extensions);
	if (code == 0)
		code = extensions_copy(extensions, note, has_interface, &n, err);
	if (code) {
		out->flags = n.flags;
		normalised_finish(&n);
		return code;
	}
	*out = n;
	return 0;
}

void normalised_finish(struct normalised *n)
{
	arena_finish(&n->arena);
	n->extensions = NULL;
	n->count = 0;
}

int flow_copy(const struct xvs_flow *from, struct xvs_flow *to, struct xvs_error *err)
{
	int code = layout_copy(&flow_layout, from, 0, to, err);

	if (code == 0 && !to->judge)
		code = error_set(err, -EINVAL, "", "xvs_flow.judge is NULL, but required");
	return code;
}

int explain_copy(const struct xvs_explain *from, struct xvs_explain *to, struct xvs_error *err)
{
	return layout_copy(&explain_layout, from, 0, to, err);
}

int rows_copy(const struct xvs_rows *from, struct arena *arena, struct xvs_rows *to,
	      struct xvs_error *err)
{
	const char *const *names = NULL;
	int code = layout_copy(&rows_layout, from, 0, to, err);

	if (code == 0 && !to->read)
		code = error_set(err, -EINVAL, "", "xvs_rows.read is NULL, but required");
	if (code == 0)
		code = layout_strings("xvs_rows.features", &to->features, FEATURES_MAX, arena,
				      &names, err);
	if (code == 0) {
		to->features.items = names;
		to->features.stride = sizeof(names[0]);
	}
	return code;
}

int conn_copy(const struct xvs_conn_ops *from, struct xvs_conn_ops *to, struct xvs_error *err)
{
	int code = layout_copy(&conn_layout, from, 0, to, err);

	if (code == 0 && !to->authorise)
		code = error_set(err, -EINVAL, "", "xvs_conn_ops.authorise is NULL, but required");
	return code;
}

int state_copy(const struct xvs_state *from, struct xvs_state *to, struct xvs_error *err)
{
	int code = layout_copy(&state_layout, from, 0, to, err);

	if (code == 0 && (!to->save || !to->restore))
		code = error_set(err, -EINVAL, "", "xvs_state.%s is NULL, but required",
				 to->save ? "restore" : "save");
	if (code == 0 && (to->format_min == 0 || to->format_min > to->format_max))
		code = error_set(err, -EINVAL, "",
				 "xvs_state: formats are %u..%u, must begin at 1 or above and not "
				 "end before that",
				 to->format_min, to->format_max);
	return code;
}

int conn_scope_copy(const struct xvs_conn_scope *from, struct xvs_conn_scope *to,
		    struct xvs_error *err)
{
	int code = layout_copy(&conn_scope_layout, from, 0, to, err);

	if (code == 0 && to->flags & ~(uint32_t)XVS_CONN_SLOTLESS)
		code = error_set(err, -EINVAL, "", "xvs_conn_scope.flags: unknown bits 0x%x",
				 to->flags & ~(uint32_t)XVS_CONN_SLOTLESS);
	return code;
}
