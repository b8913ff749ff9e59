/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks are part of a flow's verdict and cost its packets nothing here; limits and copies need to see
 * each packet.
 */
#include "effect.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "decide.h"
#include "xvs/ext/mark.h"
#include "xvs/ext/mirror.h"
#include "xvs/ext/sdk.h"

/* ---- flows ----------------------------------------------------------------------------------- */

static bool has_limit(const struct effect *e)
{
	return (e->pps.per_second | e->bps.per_second) != 0;
}

static bool has_mark(const struct effect *e)
{
	return e->priority != XVS_MARK_LEAVE || e->dscp != XVS_MARK_LEAVE;
}

bool effect_is_none(const struct effect *e)
{
	return !has_mark(e) && !has_limit(e) && !e->mirror[0] && e->log_sample == 0;
}

const struct effect *effect_of(const struct answer *a)
{
	const struct ruleset *set;

	if (!a->has_more || a->is_reply)
		return NULL;
	set = a->extended_tally->set;
	return set->facts[a->extended].effect ? &set->effects[set->facts[a->extended].effect - 1]
					      : NULL;
}

void effect_judge(const struct acl *a, const struct effect *e, struct xvs_flow_verdict *v)
{
	if (has_mark(e))
		(void)a->mark->flow(a->host, e->priority, e->dscp);
	if (has_limit(e) || e->mirror[0])
		v->action = XVS_FLOW_WATCH;
}

/* ---- packets --------------------------------------------------------------------------------- */

/* One that stands for many passes while there is a token; the others are a debt. */
static bool is_over(struct xvs_meter *m, const struct xvs_meter_rate *rate, uint64_t now_ns,
		    uint64_t tokens)
{
	if (xvs_meter_take(m, rate, now_ns, 1, 0) != 0)
		return true;
	if (tokens > 1)
		(void)xvs_meter_take(m, rate, now_ns, tokens - 1, UINT64_MAX);
	return false;
}

static bool is_over_limit(struct effect_meters *m, const struct effect *e, uint64_t now_ns,
			  const struct xvs_packet *p)
{
	return is_over(&m->pps, &e->pps, now_ns, xvs_wire_packets(p)) ||
	       is_over(&m->bps, &e->bps, now_ns, xvs_wire_bytes(p) * UINT64_C(8));
}

/* Counted with the rule, beside those that it met. */
static void count_limited(const struct tally *t, const struct xvs_batch *b, uint32_t nr,
			  const struct xvs_packet *p)
{
	const struct acl_worker *worker = b->worker_state;
	const struct credit c = { .generation = t->generation,
				  .nr = nr,
				  .limited = xvs_wire_packets(p) };

	tally_credit(t, worker->index, &c);
}

/* Of the rule that a watched packet's flow met under the policy in force; NULL: under another. */
static const struct effect *effect_of_cookie(const struct tally *t, uint64_t cookie, uint32_t *nr)
{
	uint32_t effect;

	*nr = cookie_extended(cookie);
	if (!t || cookie_generation(cookie) != t->generation || *nr >= t->set->count)
		return NULL;
	effect = t->set->facts[*nr].effect;
	return effect ? &t->set->effects[effect - 1] : NULL;
}

static bool limit(const struct tally *t, struct xvs_batch *b, uint64_t i, const struct effect *e,
		  uint32_t nr)
{
	const ptrdiff_t place = e - t->set->effects;

	/* there are buckets where some rule limits */
	if (!has_limit(e) || !is_over_limit(&t->meters[place], e, b->now_ns, b->pkts[i]))
		return false;
	count_limited(t, b, nr, b->pkts[i]);
	xvs_drop(b, i, ACL_LIMIT);
	return true;
}

static void tell_missing(const struct acl *a, const struct xvs_batch *b, const char *session)
{
	struct acl_worker *worker = b->worker_state;

	(void)snprintf(worker->line, sizeof(worker->line),
		       "a rule of xvs.acl-extended/1 mirrors to session %s, which the switch does "
		       "not have; name it in xvs.mirror/1",
		       session);
	a->host->log(a->host, XVS_LOG_WARN, worker->line);
}

/* Those of one rule at a time. */
static void copy_all(const struct acl *a, const struct xvs_batch *b, uint64_t mask,
		     const struct effect *const effects[XVS_BATCH_MAX])
{
	while (mask) {
		const struct effect *e = effects[__builtin_ctzll(mask)];
		uint64_t same = 0;

		for (XVS_EACH(i, mask))
			same |= (uint64_t)(effects[i] == e) << i;
		if (a->mirror->copy(a->host, b, same, e->mirror) == -ENOENT)
			tell_missing(a, b, e->mirror);
		mask &= ~same;
	}
}

void effect_packets(const struct acl *a, struct xvs_batch *b)
{
	const struct tally *t = port_tally(b->port_state, FEATURE_EXTENDED);
	const struct effect *effects[XVS_BATCH_MAX];
	uint64_t copied = 0;

	for (XVS_EACH(i, b->live)) {
		uint32_t nr;

		effects[i] = effect_of_cookie(t, b->cookie[i], &nr);
		if (!effects[i] || b->pkts[i]->flags & XVS_PKT_DRY ||
		    limit(t, b, i, effects[i], nr))
			continue;
		copied |= (uint64_t)(effects[i]->mirror[0] != '\0') << i;
	}
	copy_all(a, b, copied, effects);
}

/* ---- text ------------------------------------------------------------------------------------ */

struct sentence {
	char *text;
	uint32_t bytes, len;
};

__attribute__((format(printf, 2, 3))) static void add(struct sentence *s, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(s->text + s->len, s->bytes - s->len, format, args);
	va_end(args);
	if (len > 0)
		s->len = s->len + (uint32_t)len < s->bytes ? s->len + (uint32_t)len : s->bytes - 1;
}

void effect_print(const struct effect *e, char *text, uint32_t bytes)
{
	struct sentence s = { text, bytes, (uint32_t)strnlen(text, bytes) };

	if (s.len >= bytes)
		return;
	if (e->priority != XVS_MARK_LEAVE)
		add(&s, ", marks priority %u", e->priority);
	if (e->dscp != XVS_MARK_LEAVE)
		add(&s, ", marks DSCP %u", e->dscp);
	if (e->pps.per_second)
		add(&s, ", limits to %llu packets/s", (unsigned long long)e->pps.per_second);
	if (e->bps.per_second)
		add(&s, ", limits to %llu kbit/s", (unsigned long long)(e->bps.per_second / 1000));
	if (e->mirror[0])
		add(&s, ", mirrors to %s", e->mirror);
	if (e->log_sample == 1)
		add(&s, ", logs");
	else if (e->log_sample > 1)
		add(&s, ", logs one flow in %u", e->log_sample);
}
