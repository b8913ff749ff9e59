/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiling rules as they are written: into lists for the host's classifiers, one for the rules
 * that name no group and no set, and one for each name.
 *
 * A rule becomes a row for each of its ranges of ports.  Rows are in the order of the rules and all
 * weigh the same, so that the first match decides; the direction is what a row calls its segment.
 */
#include "ruleset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/sdk.h"

enum { PROTO_ANY = 256, LINE = 64, LISTS_MAX = 1 + REFERENCES_MAX };

/* What is known while a rule set is made. */
struct making {
	struct rule_set *set;
	const struct objects_env *env;
	const struct secgroup_policy *policy;
	uint8_t *list_of;          /* by rule */
	uint32_t rows[LISTS_MAX];  /* of each list */
	uint32_t begin[LISTS_MAX]; /* where each list's are */
	struct xvs_classify_rule *all;
	struct xvs_error *err;
};

static const struct rule_policy *rule_at(const struct secgroup_policy *policy, uint32_t nr)
{
	return (const struct rule_policy *)(const void *)((const uint8_t *)policy->rules.items +
							  (size_t)nr * policy->rules.stride);
}

static int refuse_rule(struct xvs_error *err, uint32_t nr, const char *member, const char *text)
{
	char field[64];

	(void)snprintf(field, sizeof(field), "rules[%u].%s", nr, member);
	return xvs_refuse(err, -EINVAL, field, text);
}

static int no_memory(struct xvs_error *err)
{
	return xvs_refuse(err, -ENOMEM, "", "out of memory");
}

bool is_ipv4_address(const uint8_t address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address, mapped, sizeof(mapped)) == 0;
}

/* ---- soundness ------------------------------------------------------------------------------- */

static uint32_t proto_number(const struct rule_policy *p)
{
	static const uint16_t numbers[RULE_PROTO_COUNT] = {
		[RULE_PROTO_ANY] = PROTO_ANY,       [RULE_PROTO_TCP] = PROTO_TCP,
		[RULE_PROTO_UDP] = PROTO_UDP,       [RULE_PROTO_ICMP] = PROTO_ICMP,
		[RULE_PROTO_ICMPV6] = PROTO_ICMPV6, [RULE_PROTO_SCTP] = PROTO_SCTP,
	};

	return p->proto == RULE_PROTO_NUMBER ? p->protocol : numbers[p->proto];
}

static bool has_ports(uint32_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
}

static bool is_icmp(uint32_t proto)
{
	return proto == PROTO_ICMP || proto == PROTO_ICMPV6;
}

static int check_rule(const struct rule_policy *p, uint32_t nr, struct port_set *ports,
		      struct xvs_error *err)
{
	char why[128];
	int remotes = (p->prefix.prefix_len > 0) + (p->group[0] != '\0') + (p->set[0] != '\0');

	if (ports_parse(p->ports, ports, why, sizeof(why)) != 0)
		return refuse_rule(err, nr, "ports", why);
	if (ports->count && !has_ports(proto_number(p)))
		return refuse_rule(err, nr, "ports",
				   "needs proto tcp, udp or sctp: other protocols have no ports");
	if (p->icmp_type != ICMP_TYPE_ANY && !is_icmp(proto_number(p)))
		return refuse_rule(err, nr, "icmp_type",
				   "needs proto icmp or icmpv6: other protocols have no types");
	if (remotes > 1)
		return refuse_rule(err, nr, p->group[0] ? "group" : "set",
				   "the other end is named by one of prefix, group and set");
	return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The list of the rules of this name; LISTS_MAX: there are too many names. */
static uint32_t list_of(struct rule_set *s, const struct rule_policy *p, uint32_t nr)
{
	bool is_group = p->group[0] != '\0';
	const char *name = is_group ? p->group : p->set;
	uint32_t i = 0;

	if (name[0] == '\0')
		return 0;
	while (i < s->reference_count &&
	       (s->references[i].is_group != is_group || strcmp(s->references[i].name, name) != 0))
		i++;
	if (i == REFERENCES_MAX)
		return LISTS_MAX;
	if (i == s->reference_count) {
		struct reference *r = &s->references[s->reference_count++];

		*r = (struct reference){ .is_group = is_group, .first = nr };
		(void)snprintf(r->name, sizeof(r->name), "%s", name);
	}
	return 1 + i;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int survey_rule(struct making *m, uint32_t nr)
{
	const struct rule_policy *p = rule_at(m->policy, nr);
	struct port_set ports;
	uint32_t list;
	int result = check_rule(p, nr, &ports, m->err);

	if (result)
		return result;
	list = list_of(m->set, p, nr);
	if (list == LISTS_MAX)
		return refuse_rule(m->err, nr, p->group[0] ? "group" : "set",
				   "the rules of one port name 64 groups and sets at most");
	m->set->verdicts[nr] = (struct verdict){ (uint8_t)p->action, p->log };
	m->set->directions[list] |= (uint8_t)(1u << p->direction);
	m->list_of[nr] = (uint8_t)list;
	m->rows[list] += ports.count ? ports.count : 1;
	return 0;
}

static void set_remote(struct xvs_classify_rule *row, const struct xvs_ip *prefix)
{
	bool is_ipv4 = prefix->prefix_len >= IPV4_BITS && is_ipv4_address(prefix->addr);

	if (prefix->prefix_len == 0)
		return;
	row->matches |= XVS_CLASSIFY_ETHERTYPE;
	row->ethertype = is_ipv4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	row->src = *prefix;
}

static void write_rule(struct making *m, uint32_t nr)
{
	const struct rule_policy *p = rule_at(m->policy, nr);
	struct xvs_classify_rule row = { .answer = nr,
					 .segment = p->direction,
					 .matches = XVS_CLASSIFY_SEGMENT };
	uint32_t *at = &m->begin[m->list_of[nr]];
	struct port_set ports = { 0 };

	set_remote(&row, &p->prefix);
	if (proto_number(p) != PROTO_ANY) {
		row.matches |= XVS_CLASSIFY_PROTO;
		row.proto = (uint8_t)proto_number(p);
	}
	if (p->icmp_type != ICMP_TYPE_ANY) {
		row.matches |= XVS_CLASSIFY_ICMP_TYPE;
		row.icmp_type = (uint8_t)p->icmp_type;
	}
	(void)ports_parse(p->ports, &ports, NULL, 0); /* was read before */
	if (ports.count == 0)
		m->all[(*at)++] = row;
	row.matches |= XVS_CLASSIFY_DST_PORTS;
	for (uint32_t i = 0; i < ports.count; i++) {
		row.dst_port_first = ports.ranges[i].first;
		row.dst_port_last = ports.ranges[i].last;
		m->all[(*at)++] = row;
	}
}

static int write_rows(struct making *m)
{
	uint32_t total = 0;

	for (uint32_t list = 0; list < LISTS_MAX; list++) {
		m->begin[list] = total;
		total += m->rows[list];
	}
	m->all = calloc(total + (size_t)1, sizeof(*m->all));
	if (!m->all)
		return no_memory(m->err);
	for (uint32_t nr = 0; nr < m->set->count; nr++)
		write_rule(m, nr);
	return 0;
}

/* The rows of a list end where the next one's begin. */
static int classify_lists(struct making *m)
{
	int result = 0;

	for (uint32_t list = 0; list <= m->set->reference_count && result == 0; list++) {
		const struct xvs_table table = { m->all + m->begin[list] - m->rows[list],
						 m->rows[list], sizeof(*m->all) };

		if (m->rows[list] > 0)
			result = m->env->classify->create(m->env->host, &table,
							  &m->set->lists[list], m->err);
	}
	if (result == -E2BIG)
		return xvs_refuse(m->err, -E2BIG, "rules",
				  "these rules have too many ranges of ports for one port");
	return result;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int hits_init(struct hits *h, uint32_t rules, uint32_t workers)
{
	uint32_t in_line = LINE / sizeof(uint64_t);

	h->workers = workers;
	h->stride = (rules + DIRECTION_COUNT + in_line - 1) / in_line * in_line;
	h->counts = aligned_alloc(LINE, (size_t)h->stride * workers * sizeof(uint64_t));
	if (!h->counts)
		return -ENOMEM;
	memset(h->counts, 0, (size_t)h->stride * workers * sizeof(uint64_t));
	return 0;
}

static int compile(struct making *m, uint32_t workers)
{
	uint32_t count = m->set->count;
	int result = 0;

	m->set->verdicts = calloc(count + (size_t)1, sizeof(*m->set->verdicts));
	m->list_of = calloc(count + (size_t)1, sizeof(*m->list_of));
	if (!m->set->verdicts || !m->list_of || hits_init(&m->set->hits, count, workers) != 0)
		return no_memory(m->err);
	for (uint32_t nr = 0; nr < count && result == 0; nr++)
		result = survey_rule(m, nr);
	if (result == 0)
		result = write_rows(m);
	return result ? result : classify_lists(m);
}

int rule_set_create(const struct objects_env *env, const struct secgroup_policy *policy,
		    uint32_t workers, struct rule_set **out, struct xvs_error *err)
{
	struct rule_set *s = calloc(1, sizeof(*s));
	struct making m = { .set = s, .env = env, .policy = policy, .err = err };
	int result;

	if (!s)
		return no_memory(err);
	s->host = env->host;
	s->classify = env->classify;
	s->holders = 1;
	s->count = policy->rules.count;
	s->defaults[DIRECTION_IN] = policy->default_in == DEFAULT_ALLOW ? RULE_ALLOW : RULE_DENY;
	s->defaults[DIRECTION_OUT] = policy->default_out == DEFAULT_ALLOW ? RULE_ALLOW : RULE_DENY;
	s->keeps_established = policy->established == ESTABLISHED_KEEP;
	s->log_rate = policy->log_rate;
	s->log_sample = policy->log_sample;
	result = compile(&m, workers);
	free(m.list_of);
	free(m.all);
	if (result) {
		rule_set_put(s);
		return result;
	}
	*out = s;
	return 0;
}

struct rule_set *rule_set_hold(struct rule_set *s)
{
	s->holders++;
	return s;
}

void rule_set_put(struct rule_set *s)
{
	if (!s || --s->holders > 0)
		return;
	for (uint32_t list = 0; list < LISTS_MAX; list++)
		s->classify->destroy(s->host, s->lists[list]);
	free(s->verdicts);
	free(s->hits.counts);
	free(s);
}
