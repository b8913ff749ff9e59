/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host that may place ports says to a target: its frames, whole and out of any order.
 * links: xvs_state xvs_base pkg::jansson
 *
 * The input is frames without their heads (type, flags, epoch, two bytes of length, body), whose sums
 * and sequence are made good; with an even first byte it is the bytes of a connection as they come.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "state/moves.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_open, is_made;
static size_t kept;
static void *link_of_peer = &kept;

static uint64_t now(void *host)
{
	(void)host;
	return 1;
}

static void *timer_create_none(void *host, void (*fn)(void *arg), void *arg)
{
	(void)host;
	(void)fn;
	(void)arg;
	return malloc(1);
}

static void timer_arm_none(void *timer, uint64_t delay_ns)
{
	(void)timer;
	(void)delay_ns;
}

/* Every answer fits into a frame. */
static bool send_none(void *link, const struct wire_head *h, const void *body)
{
	(void)link;
	(void)body;
	if (h->len > wire_body_max(h->type))
		abort();
	return true;
}

static void hang_up_none(void *link)
{
	(void)link;
}

static int keep_none(void *host, const char *text, size_t len, struct xvs_error *err)
{
	(void)host;
	(void)err;
	kept += len + (text[0] == '{');
	return 0;
}

static void changed_none(void *host, const uint8_t move[WIRE_ID])
{
	(void)host;
	(void)move;
}

static void admit(void *host, struct arrival *a, content_done done, void *arg)
{
	(void)host;
	for (size_t i = 0; i < a->owner_count; i++)
		a->owners[i].format = a->owners[i].newest;
	done(arg, 0, NULL);
}

static void prepare(void *host, struct arrival *a, content_done done, void *arg)
{
	(void)host;
	(void)a;
	is_made = true;
	done(arg, 0, NULL);
}

/* What was not agreed upon never comes here. */
static int restore(void *host, const char *target, const struct content_record *r,
		   struct xvs_error *err)
{
	(void)host;
	(void)target;
	(void)err;
	if (!is_made || is_open || r->format == 0 || r->owner[0] == '\0')
		abort();
	return 0;
}

static int open_port(void *host, const char *target, struct xvs_error *err)
{
	(void)host;
	(void)target;
	(void)err;
	if (!is_made)
		abort();
	is_open = true;
	return 0;
}

static int settle(void *host, const char *target, struct xvs_error *err)
{
	(void)host;
	(void)target;
	(void)err;
	return 0;
}

static void discard(void *host, const char *target, content_done done, void *arg)
{
	(void)host;
	(void)target;
	if (is_open)
		abort();
	is_made = false;
	done(arg, 0, NULL);
}

/* Nothing comes to a port that is not open. */
static void deliver(void *host, const char *target_name, const uint8_t *frame, size_t len)
{
	(void)host;
	(void)target_name;
	(void)frame;
	if (!is_open || len > wire_body_max(WIRE_FRAME))
		abort();
}

static bool may_place(void *host, const char *peer, const char *switch_name)
{
	(void)host;
	(void)peer;
	return switch_name[0] != '\0';
}

static void untaken(void *host, const char *port, json_t *list)
{
	(void)host;
	(void)port;
	(void)list;
}

static const struct content_target_ops target = {
	.admit = admit,
	.prepare = prepare,
	.restore = restore,
	.untaken = untaken,
	.open = open_port,
	.settle = settle,
	.discard = discard,
	.deliver = deliver,
	.may_place = may_place,
};
static const struct content_source_ops source;
static const struct moves_ops ops = {
	.now = now,
	.timer_create = timer_create_none,
	.timer_arm = timer_arm_none,
	.timer_destroy = free,
	.send = send_none,
	.hang_up = hang_up_none,
	.keep = keep_none,
	.changed = changed_none,
	.source = &source,
	.target = &target,
};

static bool on_frame(void *arg, const struct wire_head *h, const uint8_t *body)
{
	struct wire_hello hello;
	size_t at;
	struct wire_record record;
	struct conn **c = arg;

	(void)wire_hello_read(body, h->len, &hello);
	(void)wire_record_read(body, h->len, &record, &at);
	if (*c && !moves_message(*c, h, body))
		*c = NULL;
	return *c != NULL;
}

/* Frames whose heads are good. */
static void speak(struct conn **c, const uint8_t *data, size_t size)
{
	uint64_t sequence = 0;

	while (size >= 5 && *c) {
		struct wire_head h = { .type = data[0],
				       .flags = data[1] & 7,
				       .epoch = data[2],
				       .sequence = ++sequence };
		size_t len = (size_t)data[3] << 8 | data[4];

		data += 5;
		size -= 5;
		h.len = (uint32_t)(len < size ? len : size);
		if (h.len <= wire_body_max(h.type))
			(void)on_frame(c, &h, data);
		data += h.len;
		size -= h.len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct moves *m = moves_create(&ops, NULL);
	struct wire_reader reader = { .bytes = NULL };
	struct conn *c;

	if (!m || size == 0)
		goto out;
	is_open = false;
	is_made = false;
	moves_start(m);
	c = moves_accepted(m, link_of_peer, "hosta");
	if (data[0] % 2) {
		speak(&c, data + 1, size - 1);
	} else {
		struct xvs_error err = { .size = sizeof(err) };

		(void)wire_read(&reader, data + 1, size - 1, on_frame, &c, &err);
	}
	if (c)
		moves_lost(c, "the end");
out:
	wire_reader_finish(&reader);
	moves_destroy(m);
	return 0;
}
