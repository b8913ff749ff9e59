/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/former.h - documents of a revision of a policy that its extension has since replaced
 * (xvs/ext/convert.h).  They stay as they were written, and count as what they are converted to.
 * [control]
 */
#ifndef XVS_SWITCH_FORMER_H
#define XVS_SWITCH_FORMER_H

#include "base/node.h"
#include "ext/module.h"
#include "switch/spec.h"

/* The nth former revision of a setting; NULL: no more, as with nearly all. */
const struct xvs_feature *former_of(const struct extension *ext, const struct xvs_feature *f,
				    size_t nth);
/* The setting that a feature of kind XVS_FORMER has become; every other feature is itself. */
const struct xvs_feature *former_current(const struct extension *ext, const struct xvs_feature *f);
/* The setting that this id names, by whichever revision; NULL: it is none of this extension. */
const struct xvs_feature *former_setting(const struct extension *ext, const char *id);

/*
 * A group lists all of this feature under "override", by whichever revision: the list is of what may be
 * set, not of how it is written.
 */
bool former_lets(const struct extension *ext, const struct group_spec *group, const char *feature);

/* Who is asking: "port lab/vm1", and where what is wrong goes. */
struct former_asking {
	const struct extension *ext; /* NULL: of this program, where nothing is former */
	const char *what;
	struct diags *d;
};

/* A document of a former revision as one of 'f'; given.  NULL: why is in the diagnostics. */
struct node *former_convert(const struct former_asking *a, const struct xvs_feature *former,
			    const struct xvs_feature *f, const struct node *document);

/*
 * What a map of policies (NULL: nothing) says of a setting, by whichever revisions: a new tree, NULL
 * if nothing.  'skip' (may be NULL) says which ids do not count.  -EINVAL: a document cannot be
 * converted; -ENOMEM.
 */
struct former_skip {
	bool (*is_skipped)(const void *arg, const char *id);
	const void *arg;
};
int former_document(const struct former_asking *a, const struct node *policies,
		    const struct xvs_feature *f, const struct former_skip *skip, struct node **out);

#endif /* XVS_SWITCH_FORMER_H */
