/* SPDX-License-Identifier: Apache-2.0 */
/* extlab/fate.c - what became of packets that did not leave: a capture of all drops. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "extlab/part.h"
#include "packet/reason.h"

enum { RING_BYTES = 1 << 20, SNAPLEN = 128 };

int fate_open(struct lab *lab, struct xvs_error *err)
{
	int code = capture_memory_create(1, RING_BYTES, SNAPLEN, &lab->tap.memory, err);

	if (code)
		return code;
	lab->tap.point = CAPTURE_DROPS;
	lab->tap.snaplen = SNAPLEN;
	code = path_tap_add(lab->path, &lab->tap);
	if (code) {
		capture_memory_destroy(lab->tap.memory);
		return error_set(err, code, "", "drops cannot be captured");
	}
	lab->has_tap = true;
	return 0;
}

static void on_gone(struct rcu_node *node)
{
	(void)node;
}

void fate_close(struct lab *lab)
{
	if (!lab->has_tap)
		return;
	path_tap_remove(lab->path, &lab->tap, on_gone);
	capture_memory_destroy(lab->tap.memory);
	lab->has_tap = false;
}

static uint32_t port_of(const struct lab *lab, uint32_t id)
{
	uint32_t nr = 0;

	while (nr < lab->port_count && lab->ids[nr] != id)
		nr++;
	return nr;
}

static const struct extension *extension_of(const struct lab *lab, uint16_t instance)
{
	for (size_t i = 0; i < lab->chain_count; i++)
		if (lab->numbers[i] == instance)
			return lab->chain[i];
	return NULL;
}

/* As instance_reason() has it. */
static const char *reason_of(const struct extension *ext, uint16_t reason)
{
	if (!ext)
		return reason_name(reason);
	if (ext->reason_count == 0)
		return "unspecified";
	return ext->reasons[reason < ext->reason_count ? reason : 0].name;
}

static void tell(struct lab *lab, const struct capture_record *c)
{
	const struct extension *ext = c->instance ? extension_of(lab, c->instance) : NULL;
	const struct lab_event e = {
		.end = c->reason == XVS_REASON_CONSUMED ? LAB_CONSUMED : LAB_DROPPED,
		.port = port_of(lab, c->port),
		.stage = c->stage,
		.by = ext ? ext->id : NULL,
		.reason = reason_of(ext, c->reason),
		.bytes = capture_bytes(c),
		.len = c->cap_len,
	};

	lab->ended(lab->arg, &e);
}

void fate_tell(struct lab *lab)
{
	struct capture_header *h = lab->tap.memory->header;
	const struct capture_record *c;

	while ((c = capture_peek(h, 0, &lab->tap_at)) != NULL) {
		tell(lab, c);
		capture_next(h, 0, &lab->tap_at, c);
	}
}
