/* SPDX-License-Identifier: Apache-2.0 */
/*
 * portacl_bench - what access lists of a port cost by the number of their rules: milliseconds until
 * a changed policy is ready (policy_check, off the packet path), and nanoseconds for the first packet
 * of a flow, without state and, a reply among them, with.
 *
 * Later packets of a flow do not come here at all.  Best of several rounds, as others use the machine.
 *
 *	portacl_bench --rules COUNT	the rules, as JSON, for a daemon
 */
#define XVS_USE_DRAFT

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ext/services.h"
#include "policy.h"
#include "support/rulegen.h"

enum { KEYS = 1 << 16, ROUNDS = 5, MOST = 100000 };

extern const struct xvs_module xvs_builtin_portacl;

static volatile uint64_t sink; /* so that nothing is left out */

struct bench {
	const struct xvs_ops *ops;
	struct xvs_host host;
	void *self, *worker, *port;
	struct rulegen gen;
	struct acl_rule *rules;
	struct extended_rule *written;
	struct xvs_flow_key *keys;
	struct extended_policy policies[2]; /* a value stays while it is in force */
	unsigned changes;
	uint32_t count;
};

/* ---- a host ---------------------------------------------------------------------------------- */

static void no_invalidate(const struct xvs_host *h)
{
	(void)h;
}

static const void *query(const struct xvs_host *h, const char *id)
{

	static const struct xvs_conn_host conns = { .size = sizeof(conns),
						    .invalidate = no_invalidate };

	(void)h;
	if (strcmp(id, XVS_CLASSIFY) == 0)
		return &classify_host;
	return strcmp(id, XVS_CONN_HOST) == 0 ? &conns : NULL;
}

/* Nobody else is there to wait for. */
static void defer(const struct xvs_host *h, void (*fn)(void *arg), void *arg)
{
	(void)h;
	fn(arg);
}

static bool start(struct bench *b)
{
	const struct xvs_extension *ext = xvs_builtin_portacl.extensions.items;
	const struct xvs_create args = { .size = sizeof(args), .workers = 1 };
	const struct xvs_port port = { .size = sizeof(port), .id = 1, .name = "vm1" };
	struct xvs_error err = { .size = sizeof(err) };

	b->ops = ext->ops;
	b->host = (struct xvs_host){ .size = sizeof(b->host), .query = query, .defer = defer };
	b->rules = calloc(MOST, sizeof(*b->rules));
	b->written = calloc(MOST, sizeof(*b->written));
	b->keys = calloc(KEYS, sizeof(*b->keys));
	return b->rules && b->written && b->keys &&
	       b->ops->create(&b->host, &args, &b->self, &err) == 0 &&
	       b->ops->worker_attach(b->self, 0, 0, &b->worker, &err) == 0 &&
	       b->ops->port_attach(b->self, &port, &b->port, &err) == 0;
}

static void stop(struct bench *b)
{
	b->ops->port_detach(b->self, b->port);
	b->ops->worker_detach(b->self, b->worker);
	b->ops->destroy(b->self);
	free(b->rules);
	free(b->written);
	free(b->keys);
}

/* ---- a policy -------------------------------------------------------------------------------- */

static void write_ports(char out[PORTS_BYTES], const struct acl_ports *ports)
{
	(void)snprintf(out, PORTS_BYTES, "%u-%u", ports->first, ports->last);
}

/* As an operator would write it, for what comes to the port. */
static void write_rule(const struct acl_rule *r, struct extended_rule *out)
{
	*out = (struct extended_rule){ .direction = DIRECTION_IN,
				       .action = r->answer % 2 ? ACTION_DENY : ACTION_ALLOW,
				       .weight = r->weight,
				       .remote = r->src,
				       .local = r->dst,
				       .icmp_type = ICMP_ANY,
				       .icmp_code = ICMP_ANY,
				       .vlan = VLAN_ANY,
				       .mark_priority = PRIORITY_LEAVE,
				       .mark_dscp = DSCP_LEAVE };
	if (r->matches & ACL_PROTO) {
		out->proto = RULE_PROTO_NUMBER;
		out->protocol = r->proto;
	}
	if (r->matches & ACL_SRC_PORTS)
		write_ports(out->remote_ports, &r->src_ports);
	if (r->matches & ACL_DST_PORTS)
		write_ports(out->local_ports, &r->dst_ports);
	if (r->matches & ACL_ICMP_TYPE)
		out->icmp_type = r->icmp_type;
}

/* Milliseconds; negative: refused. */
static double set_policy(struct bench *b, bool is_stateful)
{
	struct extended_policy *value = &b->policies[b->changes++ % 2];
	struct xvs_error err = { .size = sizeof(err) };
	void *prepared = NULL;
	uint64_t since = clock_ns();
	double ms;

	value->rules = (struct xvs_table){ b->written, b->count, sizeof(*b->written) };
	if (is_stateful) {
		b->written[0].direction = DIRECTION_OUT;
		b->written[0].action = ACTION_ALLOW;
		b->written[0].stateful = true;
	}
	if (b->ops->policy_check(b->self, b->port, "xvs.acl-extended/1", value, &prepared, &err)) {
		(void)fprintf(stderr, "%s: %s\n", err.field, err.text);
		return -1;
	}
	ms = (double)(clock_ns() - since) / NS_PER_MS;
	b->ops->policy_apply(b->self, b->port, "xvs.acl-extended/1", value, prepared);
	return ms;
}

/* ---- first packets --------------------------------------------------------------------------- */

static uint64_t judge_all(const struct bench *b)
{
	const struct xvs_flow *flow = b->ops->query(b->self, XVS_FLOW);
	const struct xvs_batch batch = { .live = 1,
					 .count = 1,
					 .stage = XVS_STAGE_EGRESS,
					 .port_state = b->port,
					 .worker_state = b->worker };
	uint64_t since = clock_ns();

	for (uint32_t i = 0; i < KEYS; i++) {
		struct xvs_flow_verdict v = { .size = sizeof(v) };

		flow->judge(b->self, &batch, 0, &b->keys[i], &v);
		sink += v.action + v.cookie;
	}
	return clock_ns() - since;
}

static double first_packet_ns(const struct bench *b)
{
	uint64_t least = UINT64_MAX;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t ns = judge_all(b);

		least = ns < least ? ns : least;
	}
	return (double)least / KEYS;
}

/* ---- rules for a daemon ---------------------------------------------------------------------- */

static void print_address(const char *name, const struct xvs_ip *ip)
{
	char text[INET6_ADDRSTRLEN];

	if (ip->prefix_len > 96 && inet_ntop(AF_INET, ip->addr + 12, text, sizeof(text)))
		printf(",\"%s\":\"%s/%u\"", name, text, ip->prefix_len - 96);
}

static void print_rule(const struct extended_rule *r)
{
	static const char *const protos[] = { [1] = "icmp", [6] = "tcp", [17] = "udp" };

	printf("{\"direction\":\"in\",\"action\":\"%s\",\"weight\":%u",
	       r->action == ACTION_DENY ? "deny" : "allow", r->weight);
	print_address("remote", &r->remote);
	print_address("local", &r->local);
	if (r->proto == RULE_PROTO_NUMBER && r->protocol <= 17 && protos[r->protocol])
		printf(",\"proto\":\"%s\"", protos[r->protocol]);
	else if (r->proto == RULE_PROTO_NUMBER)
		printf(",\"proto\":\"number\",\"protocol\":%u", r->protocol);
	if (r->remote_ports[0])
		printf(",\"remote_ports\":\"%s\"", r->remote_ports);
	if (r->local_ports[0])
		printf(",\"local_ports\":\"%s\"", r->local_ports);
	if (r->icmp_type != ICMP_ANY)
		printf(",\"icmp_type\":%u", r->icmp_type);
	printf("}");
}

static bool print_rules(struct bench *b)
{
	if (b->count == 0 || b->count > MOST || !rulegen_rules(&b->gen, b->rules, b->count))
		return false;
	printf("[");
	for (uint32_t i = 0; i < b->count; i++) {
		printf(i > 0 ? ",\n" : "");
		write_rule(&b->rules[i], &b->written[i]);
		print_rule(&b->written[i]);
	}
	printf("]\n");
	return true;
}

static bool run(struct bench *b, double first[2])
{
	uint64_t state = 77;
	double ns[2];
	double ms;

	if (!rulegen_rules(&b->gen, b->rules, b->count))
		return false;
	for (uint32_t i = 0; i < b->count; i++)
		write_rule(&b->rules[i], &b->written[i]);
	for (uint32_t i = 0; i < KEYS; i++)
		rulegen_key(&b->gen, b->rules, b->count, &state, &b->keys[i]);
	ms = set_policy(b, false);
	ns[0] = first_packet_ns(b);
	if (ms < 0 || set_policy(b, true) < 0)
		return false;
	ns[1] = first_packet_ns(b);
	for (unsigned i = 0; i < 2; i++)
		first[i] = first[i] > 0 ? first[i] : ns[i];
	printf("%6u  %7.1f  %6.0f %5.2f  %6.0f %5.2f\n", b->count, ms, ns[0], ns[0] / first[0],
	       ns[1], ns[1] / first[1]);
	return true;
}

int main(int argc, char **argv)
{
	static struct bench b;
	double first[2] = { 0 };
	bool ok = start(&b);

	b.gen = (struct rulegen){ RULEGEN_MIX, false, 42 };
	if (argc > 2 && strcmp(argv[1], "--rules") == 0) {
		b.count = (uint32_t)strtoul(argv[2], NULL, 10);
		ok = ok && print_rules(&b);
		if (b.port)
			stop(&b);
		return ok ? 0 : 1;
	}
	printf(" rules  ready ms     ns ratio   with state ratio\n");
	for (b.count = 100; ok && b.count <= MOST; b.count *= 10)
		ok = run(&b, first);
	if (b.port)
		stop(&b);
	return ok ? 0 : 1;
}
