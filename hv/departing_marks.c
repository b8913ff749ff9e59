/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/departing_marks.c - the DSCP of what QEMU sends to the other host, where the settings have one.
 *
 * QEMU opens its connections when it likes, and anew where one broke, so they are looked for again and
 * again: at once, soon after, and then each second.  What leaves before that is unmarked.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "departing_part.h"
#include "marking.h"

enum { MARK_FIRST_MS = 10, MARK_LAST_MS = 1000 };

static bool is_sending(const struct departing *d)
{
	enum move_phase phase = move_phase(d->move);

	return phase >= MOVE_DISKS && phase <= MOVE_TRANSFER;
}

static void mark(struct departing *d, const char *host)
{
	const struct marking m = { .host = host,
				   .ports = { d->memory_port, d->disks_port },
				   .dscp = (uint8_t)d->vm->hv->settings.migration.dscp };
	struct xvs_error err = ERROR_INIT;
	int marked = marking_set(&d->vm->process, &m, &err);

	if (marked >= 0) {
		d->marked += (uint32_t)marked;
		return;
	}
	d->is_unmarkable = true;
	findings_add(d, "dscp", err.text, false);
	log_message_at(XVS_LOG_WARN, MSG_VM_MOVE, "vm %s: its move is not marked by a DSCP: %s",
		       d->vm->spec.name, err.text);
}

void marks_due(void *arg)
{
	struct departing *d = arg;
	char host[TLS_HOST_TEXT];

	if (!is_sending(d) || d->is_unmarkable || !d->vm->process.pid)
		return;
	if (target_host(d, host))
		mark(d, host);
	d->mark_ms = d->mark_ms * 2 < MARK_LAST_MS ? d->mark_ms * 2 : MARK_LAST_MS;
	loop_timer_arm(d->marks, d->mark_ms * (uint64_t)NS_PER_MS);
}

void marks_begin(struct departing *d)
{
	if (!d->vm->hv->settings.migration.dscp)
		return;
	d->mark_ms = MARK_FIRST_MS;
	loop_timer_arm(d->marks, d->mark_ms * (uint64_t)NS_PER_MS);
}
