/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/arriving_ports.c - the ports of a machine that comes, at this host's xvsd.
 *
 *      admit: each switch is there -> xvsd is told what each port gets (migrate.expect)
 *
 * Whose hosts may place ports where is checked again by xvsd, which knows what the port has.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arriving_part.h"
#include "base/str.h"

static const struct vm_spec *spec_of(const struct arriving *a)
{
	return a->vm ? &a->vm->spec : &a->offer.spec;
}

/* ---- what they get here ----------------------------------------------------------------------- */

static void walk_next(struct arriving *a);

static void fault(struct arriving *a, const char *why)
{
	const struct adapter_spec *p = &a->offer.spec.adapters[a->walk];

	finding_put(a->findings, "switch", true, "adapter %s: %s", p->name, why);
}

static void on_expected(void *arg, const struct switch_answer *answer)
{
	struct arriving *a = arg;

	if (!answer->result)
		fault(a, answer->error);
	a->walk++;
	walk_next(a);
}

static json_t *expectation_make(const struct arriving *a, const struct adapter_spec *p)
{
	char run[RUN_FOLDER + SPEC_NAME];
	char uuid[UUID_TEXT];

	(void)snprintf(run, sizeof(run), "%s/%s", a->all->hv->run, a->name);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "uuid", uuid_print(p->uuid, uuid),
			 "switch", p->switch_name, "name", p->port, "from", a->peer, "owner", "hv",
			 "backend", port_backend(run, p));
}

static void on_switch(void *arg, const struct switch_answer *answer)
{
	struct arriving *a = arg;
	struct switch_client *sw = a->all->hv->sw;
	const struct adapter_spec *p = &a->offer.spec.adapters[a->walk];

	if (answer->result) {
		switch_call(sw, "migrate.expect", expectation_make(a, p), on_expected, a);
		return;
	}
	fault(a, answer->error);
	a->walk++;
	walk_next(a);
}

/* A switch that this host's settings do not let them use is none to ask about. */
static bool may_use(const struct arriving *a, const struct adapter_spec *p)
{
	const struct host_peer *peer = settings_peer(&a->all->hv->settings, a->peer);

	return peer && peer_may_use(peer, p->switch_name);
}

static void walk_next(struct arriving *a)
{
	const struct vm_spec *s = &a->offer.spec;

	while (a->walk < s->adapter_count && !may_use(a, &s->adapters[a->walk]))
		a->walk++;
	if (a->walk == s->adapter_count)
		arriving_step_end(a, NULL);
	else
		switch_call(a->all->hv->sw, "switch.show",
			    json_pack("{s:s}", "name", s->adapters[a->walk].switch_name), on_switch,
			    a);
}

/* Of machines that are to come, or have come and did not run yet. */
static uint64_t promised_memory(const struct arriving *a)
{
	uint64_t bytes = 0;

	for (const struct arriving *other = a->all->list; other; other = other->next)
		bytes += other != a && other->vm ? other->vm->spec.memory : 0;
	return bytes;
}

void arriving_admit(struct arriving *a)
{
	const struct offer_terms terms = { .peer = settings_peer(&a->all->hv->settings, a->peer),
					   .has_disks = a->has_disks,
					   .promised = promised_memory(a) };

	(void)json_array_clear(a->findings);
	offer_check(a->all->hv, &a->offer, &terms, a->findings);
	a->walk = 0;
	walk_next(a);
}

/* ---- no more ---------------------------------------------------------------------------------- */

static void on_said(void *arg, const struct switch_answer *answer)
{
	(void)arg;
	(void)answer;
}

void arriving_forget_ports(struct arriving *a)
{
	const struct vm_spec *s = spec_of(a);
	char uuid[UUID_TEXT];

	for (uint32_t i = 0; i < s->adapter_count; i++)
		switch_call(a->all->hv->sw, "migrate.expect",
			    json_pack("{s:s, s:s, s:b}", "uuid",
				      uuid_print(s->adapters[i].uuid, uuid), "owner", "hv",
				      "forget", 1),
			    on_said, NULL);
}

/* Our xvsd was started anew since the admission, and the source has asked once more. */
void arriving_expect_again(struct arriving *a)
{
	const struct vm_spec *s = spec_of(a);

	for (uint32_t i = 0; i < s->adapter_count; i++)
		switch_call(a->all->hv->sw, "migrate.expect", expectation_make(a, &s->adapters[i]),
			    on_said, NULL);
}

/* ---- xvsd meanwhile --------------------------------------------------------------------------- */

void arriving_watch(struct arriving *a)
{
	switch_mark(a->all->hv->sw, &a->xvsd);
}

static bool has_vhost_user(const struct vm_spec *s)
{
	for (uint32_t i = 0; i < s->adapter_count; i++) {
		if (s->adapters[i].link == LINK_VHOST_USER)
			return true;
	}
	return false;
}

/*
 * QEMU before 8.0 tells a back end that it meets after the guest was loaded no features but those of
 * the back end before, so a card that was loaded while there was none never works again.  Once it is
 * loaded, back ends may come and go.
 */
const char *arriving_watched(struct arriving *a)
{
	if (!has_vhost_user(spec_of(a)) || switch_is_same(a->all->hv->sw, &a->xvsd))
		return NULL;
	return "xvsd of the target was started anew while the machine came, whose adapters would "
	       "be dead";
}

/* ---- in doubt --------------------------------------------------------------------------------- */

static const char *text_of(const json_t *report, const char *key)
{
	const char *text = json_string_value(json_object_get(report, key));

	return text ? text : "";
}

/* A move of one of its ports to this host that has not ended. */
static bool is_of_it(const struct arriving *a, const json_t *report)
{
	const struct vm_spec *s = spec_of(a);
	char uuid[UUID_TEXT];

	if (strcmp(text_of(report, "role"), "target") != 0 || text_of(report, "outcome")[0])
		return false;
	for (uint32_t i = 0; i < s->adapter_count; i++) {
		if (strcmp(text_of(report, "uuid"), uuid_print(s->adapters[i].uuid, uuid)) == 0)
			return true;
	}
	return false;
}

static void resolve_end(struct arriving *a, const char *why)
{
	struct arriving_waiter w = a->person;

	char text[ARRIVING_WHY + SPEC_NAME];

	a->person = (struct arriving_waiter){ .call = NULL };
	(void)snprintf(text, sizeof(text), "vm %s: %s", a->name, why ? why : "");
	if (why)
		w.done(w.arg, -EIO, text);
	else
		arriving_ask(a, a->is_taken_over ? CALL_COMMIT : CALL_ABORT, a->epoch, &w);
}

static void resolve_next(struct arriving *a);

static void on_resolved(void *arg, const struct switch_answer *answer)
{
	struct arriving *a = arg;

	/* One that does not come goes by itself; one that stays closed here would be no machine's. */
	if (!answer->result && a->is_taken_over)
		resolve_end(a, answer->error);
	else
		resolve_next(a);
}

static void resolve_next(struct arriving *a)
{
	json_t *report = json_incref(json_array_get(a->doubts, 0));

	(void)json_array_remove(a->doubts, 0);
	if (!report) {
		resolve_end(a, NULL);
		return;
	}
	switch_call(a->all->hv->sw, "migrate.resolve",
		    json_pack("{s:s, s:b}", "move", text_of(report, "move"), "take_over",
			      a->is_taken_over),
		    on_resolved, a);
	json_decref(report);
}

static void on_list(void *arg, const struct switch_answer *answer)
{
	struct arriving *a = arg;
	const json_t *report;
	size_t i;

	if (!answer->result) {
		resolve_end(a, answer->error);
		return;
	}
	json_array_foreach(answer->result, i, report)
	{
		if (is_of_it(a, report))
			(void)json_array_append(a->doubts, (json_t *)(uintptr_t)report);
	}
	resolve_next(a);
}

void arriving_resolve(struct vm *vm, bool is_taken_over, vm_done done, void *arg)
{
	struct arriving *a = vm->arriving;
	const char *why = NULL;
	char text[ARRIVING_WHY];

	if (a->person.done)
		why = "it is being resolved already";
	else if (a->session)
		why = "the host that it comes from is connected and decides; cancel the move there";
	else if (!is_taken_over && arrival_is_ours(a->course))
		why = "it is this host's already";
	else if (is_taken_over && a->has_disks && !a->is_loaded)
		why = "its disks have not come whole; only the host that it comes from can run it";
	if (why) {
		(void)snprintf(text, sizeof(text), "vm %s: %s", a->name, why);
		done(arg, -EBUSY, text);
		return;
	}
	a->person = (struct arriving_waiter){ .done = done, .arg = arg };
	a->is_taken_over = is_taken_over;
	(void)json_array_clear(a->doubts);
	switch_call(a->all->hv->sw, "migrate.list", json_object(), on_list, a);
}
