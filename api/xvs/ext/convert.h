/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/ext/convert.h - DRAFT "xvs.convert/1": policies that were written for another revision.
 *
 * A new layout of a policy is a new revision, com.example.guard/2.  Files, saved values and hosts that
 * have not been upgraded still say com.example.guard/1.  List that revision too, with the kind
 * XVS_FORMER and the table it had, and offer this interface: the host reads documents by the table
 * that they were written for, has them converted, and calls policy_check() and policy_apply() for the
 * SETTING alone.  A port that moves to a host which knows the former revision only takes it along
 * converted the other way.
 */
#ifndef XVS_EXT_CONVERT_H
#define XVS_EXT_CONVERT_H

#ifndef XVS_USE_DRAFT
#error "convert.h is not frozen yet: it may change; define XVS_USE_DRAFT to use it"
#endif

#include "../extension.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XVS_CONVERT "xvs.convert/1"

/*
 * A 'kind' of feature: what the one SETTING of the same extension with the same name, a higher
 * revision and the same scope was before.
 */
enum { XVS_FORMER = 4 };

/*
 * One document of one level (switch, group, port), of which the levels are merged afterwards: so say
 * only what it says.  Bit n of a set: it names the n-th field of its table.
 */
struct xvs_conversion {
	uint32_t size;
	uint32_t reserved;
	const char *from, *to; /* two features of yours; one of them is FORMER */
	const void *old;       /* of 'from', checked; what the document does not name has its default */
	void *now;             /* of 'to': all defaults; yours to fill in */
	uint64_t old_set[2];
	uint64_t now_set[2];   /* all 0: yours to fill in */
};

struct xvs_convert {
	uint32_t size;
	uint32_t reserved;
	/*
	 * [control] Answer from the arguments alone: there may be no instance, so query() is asked for
	 * this interface with self == NULL, once, when the module is loaded.  What you fill in is
	 * checked by the table of 'to'; lists point to memory of yours that stays until the next
	 * call.  A negative result refuses the document, and the operator sees err->text; the other way
	 * it means that a port with this value cannot go to a host that does not know 'from'.
	 */
	int (*convert)(struct xvs_conversion *c, struct xvs_error *err);
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_EXT_CONVERT_H */
