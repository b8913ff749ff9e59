/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/convert.h - documents from one revision of a policy to another, by the vendor's function
 * ("xvs.convert/1").  [control]
 */
#ifndef XVS_POLICY_CONVERT_H
#define XVS_POLICY_CONVERT_H

#include "policy/schema.h"

struct xvs_conversion;
typedef int (*convert_fn)(struct xvs_conversion *c, struct xvs_error *err);

/* From a revision to another; both are features of the extension that converts. */
struct revisions {
	const struct xvs_feature *from, *to;
	convert_fn convert;
};

/*
 * A document of one level, which names what that level says.  The new one has the old one's places,
 * so that whoever finds it wrong points into the file.  Given; NULL: why is in 'd', each text behind
 * "<what>: ".
 */
struct node *document_convert(const struct revisions *r, const struct node *document,
			      const char *what, struct diags *d);

#endif /* XVS_POLICY_CONVERT_H */
