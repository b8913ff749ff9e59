/* SPDX-License-Identifier: Apache-2.0 */
/* switch/former.c - who has formers is found by the features' names: there are few, and no state. */
#include "switch/former.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ext/feature.h"
#include "policy/convert.h"

const struct xvs_feature *former_of(const struct extension *ext, const struct xvs_feature *f,
				    size_t nth)
{
	if (!ext || !ext->convert)
		return NULL;
	for (uint32_t i = 0; i < ext->feature_count; i++)
		if (feature_succeeds(f, &ext->features[i]) && nth-- == 0)
			return &ext->features[i];
	return NULL;
}

const struct xvs_feature *former_current(const struct extension *ext, const struct xvs_feature *f)
{
	for (uint32_t i = 0; ext && ext->convert && i < ext->feature_count; i++)
		if (feature_succeeds(&ext->features[i], f))
			return &ext->features[i];
	return f;
}

const struct xvs_feature *former_setting(const struct extension *ext, const char *id)
{
	for (uint32_t i = 0; ext && i < ext->feature_count; i++)
		if (strcmp(ext->features[i].id, id) == 0)
			return former_current(ext, &ext->features[i]);
	return NULL;
}

bool former_lets(const struct extension *ext, const struct group_spec *group, const char *feature)
{
	const struct xvs_feature *f = former_setting(ext, feature);

	for (size_t i = 0; f && i < group->override_count; i++)
		if (former_setting(ext, group->override[i]) == f)
			return true;
	return false;
}

struct node *former_convert(const struct former_asking *a, const struct xvs_feature *former,
			    const struct xvs_feature *f, const struct node *document)
{
	const struct revisions r = { former, f, a->ext->convert };
	char what[256];

	(void)snprintf(what, sizeof(what), "%s: policy %.64s", a->what, former->id);
	return document_convert(&r, document, what, a->d);
}

/* Takes 'over'; -ENOMEM. */
static int put_over(struct node **base, struct node *over)
{
	struct node *merged = *base && over ? node_merge(*base, over) : NULL;

	if (*base && over) {
		node_destroy(*base);
		node_destroy(over);
		*base = merged;
		return merged ? 0 : -ENOMEM;
	}
	*base = over ? over : *base;
	return over ? 0 : -ENOMEM;
}

static const struct node *said(const struct node *policies, const char *id,
			       const struct former_skip *skip)
{
	if (!policies || (skip && skip->is_skipped(skip->arg, id)))
		return NULL;
	return node_get(policies, id);
}

int former_document(const struct former_asking *a, const struct node *policies,
		    const struct xvs_feature *f, const struct former_skip *skip, struct node **out)
{
	const struct node *own = said(policies, f->id, skip);
	const struct xvs_feature *former;
	struct node *document = NULL;
	int code = 0;

	for (size_t n = 0; code == 0 && (former = former_of(a->ext, f, n)); n++) {
		const struct node *old = said(policies, former->id, skip);
		struct node *made = old ? former_convert(a, former, f, old) : NULL;

		if (old)
			code = made ? put_over(&document, made) : -EINVAL;
	}
	if (code == 0 && own)
		code = put_over(&document, node_copy(own));
	if (code < 0) {
		node_destroy(document);
		return code;
	}
	*out = document;
	return 0;
}
