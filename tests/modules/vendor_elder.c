/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.acme.quota as it was a release before: it knows the first format of its state alone.  For moves
 * between hosts that are not of one age.
 */
#define FORMAT_NEWEST FORMAT_BYTES
#include "../../examples/extensions/quota/quota.c"
