/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_spec xvs_policy xvs_base pkg::jansson */
#include "policy/schema.h"
#include "sample.h"

#define SWITCH "switches:\n- name: lab\n  "

static void refused(const char *text, const char *errors)
{
	assert_null(sample_config(text));
	assert_errors(errors);
}

static void reads_every_key(void **state)
{
	struct config_spec *spec;
	const struct switch_spec *lab;

	(void)state;
	spec = accepted_file(GOLDEN "complete.yaml");
	assert_int_equal(spec->daemon.workers, 2);
	assert_int_equal(spec->daemon.cores[1], 2);
	assert_int_equal(spec->daemon.polling, POLLING_INTERRUPT);
	assert_int_equal(spec->daemon.flows, 1048576);
	assert_string_equal(spec->extensions.path[1], "/opt/with space");
	assert_true(spec->extensions.trust.is_required);
	assert_int_equal(spec->extensions.trust.key_count, 1);
	assert_int_equal(spec->extensions.trust.keys[0].id[0], 0x6a);
	assert_string_equal(spec->extensions.trust.until, "2999-12-31");
	assert_int_equal(spec->switch_count, 6);
	lab = &spec->switches[0];
	assert_int_equal(lab->type, SWITCH_EXTERNAL);
	assert_int_equal(lab->at.line, 12);
	assert_int_equal(lab->at.column, 5);
	assert_true(lab->has_uuid);
	assert_int_equal(lab->chain_count, 3);
	assert_true(lab->chain[0].required_set);
	assert_false(lab->chain[0].required);
	assert_int_equal(lab->chain[0].on_failure, ON_FAILURE_OPEN);
	assert_false(lab->chain[2].required_set);
	assert_true(lab->chain[2].required);
	assert_int_equal(lab->chain[1].on_failure, ON_FAILURE_DEFAULT);
	assert_int_equal(lab->groups[0].override_count, 2);
	assert_string_equal(lab->groups[0].override[1], "xvs.vlan/1");
	assert_int_equal(spec->switches[1].type, SWITCH_INTERNAL);
	assert_int_equal(spec->switches[2].type, SWITCH_PRIVATE);
	config_spec_destroy(spec);
}

static void puts_uplinks_before_host_ports_before_guests(void **state)
{
	struct config_spec *spec =
		accepted_config(SWITCH "ports: [{name: vm1, backend: null}]\n"
				       "  host_ports: [{name: host0, vlan: 10}]\n"
				       "  uplinks: [{name: up0, device: eth1}]\n");
	const struct port_spec *p;

	(void)state;
	p = spec->switches[0].ports;
	assert_int_equal(spec->switches[0].port_count, 3);
	assert_string_equal(p[0].name, "up0");
	assert_int_equal(p[0].role, PORT_UPLINK);
	assert_string_equal(p[0].backend.kind, "af_packet");
	assert_string_equal(p[0].backend.device, "eth1");
	assert_true(p[0].backend.offloads);
	assert_int_equal(p[1].role, PORT_HOST);
	assert_string_equal(p[1].backend.kind, "tap");
	assert_string_equal(p[1].backend.device, "host0");
	assert_int_equal(p[2].role, PORT_GUEST);
	assert_string_equal(p[2].backend.kind, "null");
	config_spec_destroy(spec);
}

static void makes_a_policy_of_a_host_ports_vlan(void **state)
{
	struct config_spec *spec = accepted_config(SWITCH "host_ports: [{name: h, vlan: 10}]\n");
	const struct node *policy;

	(void)state;
	policy = node_get(spec->switches[0].ports[0].policies, "xvs.vlan/1");
	assert_string_equal(node_get(policy, "mode")->text, "access");
	assert_string_equal(node_get(policy, "vlan")->text, "10");
	assert_int_equal(node_get(policy, "vlan")->line, 3);
	assert_int_equal(node_get(policy, "vlan")->column, 32);
	config_spec_destroy(spec);
	refused(SWITCH "host_ports: [{name: h, vlan: 10, policies: {xvs.vlan/1: {}}}]\n",
		"x.yaml:3:32: switch lab: host port h: vlan is given twice, here and as policy "
		"xvs.vlan/1\n");
}

static void takes_a_policy_without_value_as_all_defaults(void **state)
{
	struct config_spec *spec = accepted_config(SWITCH "policies:\n    xvs.learning/1:\n");

	(void)state;
	assert_int_equal(spec->switches[0].policies->items[0]->kind, NODE_MAP);
	config_spec_destroy(spec);
}

static void takes_an_empty_document(void **state)
{
	struct config_spec *spec = accepted_config("switches:\ndaemon:\nextensions: {}\n");

	(void)state;
	assert_int_equal(spec->switch_count, 0);
	assert_int_equal(spec->daemon.workers, 0);
	config_spec_destroy(spec);
	spec = document_read(NULL, &sample_diags);
	assert_non_null(spec);
	config_spec_destroy(spec);
}

static void reads_workers(void **state)
{
	struct config_spec *spec = accepted_config("daemon: {workers: 3}\n");

	(void)state;
	assert_int_equal(spec->daemon.workers, 3);
	assert_null(spec->daemon.cores);
	config_spec_destroy(spec);
	refused("daemon: {workers: many}\n",
		"x.yaml:1:19: daemon: workers is many, must be auto, 1..64, or a list of cores\n");
	refused("daemon: {workers: [1, x, 1]}\n",
		"x.yaml:1:23: daemon: workers[1] is x, must be a core's number, 0..1023\n"
		"x.yaml:1:26: daemon: workers[2] repeats core 1\n");
	refused("daemon: {workers: []}\n",
		"x.yaml:1:19: daemon: workers names 0 cores, must name 1..64\n");
}

static void reads_how_workers_wait_and_what_they_remember(void **state)
{
	struct config_spec *spec = accepted_config("daemon: {}\n");

	(void)state;
	assert_int_equal(spec->daemon.polling, POLLING_ADAPTIVE);
	assert_int_equal(spec->daemon.flows, FLOWS_WANTED);
	assert_int_equal(spec->daemon.connections, CONNECTIONS_WANTED);
	config_spec_destroy(spec);
	spec = accepted_config("daemon: {polling: busy, flows: 4194304, connections: 1000000}\n");
	assert_int_equal(spec->daemon.polling, POLLING_BUSY);
	assert_int_equal(spec->daemon.flows, FLOWS_MAX);
	assert_int_equal(spec->daemon.connections, 1000000);
	config_spec_destroy(spec);
	refused("daemon: {flows: 4194305}\n",
		"x.yaml:1:17: daemon: flows is 4194305, must be 1024..4194304\n");
}

static void reads_a_vhost_user_port(void **state)
{
	struct config_spec *spec = accepted_config(
		SWITCH "ports:\n"
		       "  - {name: a, backend: {kind: vhost-user, socket: /run/a}}\n"
		       "  - {name: b, backend: {kind: vhost-user, socket: /run/b, mode: client, "
		       "packed: no, queues: 4}}\n");
	const struct backend_spec *a;
	const struct backend_spec *b;

	(void)state;
	a = &spec->switches[0].ports[0].backend;
	b = &spec->switches[0].ports[1].backend;
	assert_string_equal(a->socket, "/run/a");
	assert_int_equal(a->mode, VHOST_MODE_DEFAULT);
	assert_true(a->packed);
	assert_true(a->offloads);
	assert_int_equal(a->queues, 0);
	assert_int_equal(b->mode, VHOST_MODE_CLIENT);
	assert_false(b->packed);
	assert_int_equal(b->queues, 4);
	config_spec_destroy(spec);
}

/* sun_path has room for 107 bytes and a NUL. */
static void takes_a_socket_that_the_kernel_takes(void **state)
{
	char path[109];
	char text[256];
	struct config_spec *spec;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	(void)snprintf(text, sizeof(text),
		       "switches: [{name: lab, ports: [{name: a, backend: {kind: vhost-user, "
		       "socket: %s}}]}]\n",
		       path);
	spec = accepted_config(text);
	assert_string_equal(spec->switches[0].ports[0].backend.socket, path);
	config_spec_destroy(spec);
	path[107] = 'x';
	path[108] = '\0';
	(void)snprintf(text, sizeof(text),
		       "switches: [{name: lab, ports: [{name: a, backend: {kind: vhost-user, "
		       "socket: %s}}]}]\n",
		       path);
	assert_null(sample_config(text));
	assert_string_equal(sample_diags.items[0].text,
			    "switch lab: port a: backend: socket is longer than 107 bytes");
}

static void reads_an_uplink_of_af_xdp_in_either_form(void **state)
{
	struct config_spec *spec = accepted_config(
		"switches:\n"
		"- {name: one, uplinks: [{name: a, device: eth1, backend: af_xdp}]}\n"
		"- name: two\n"
		"  uplinks: [{name: b, backend: {kind: af_xdp, device: eth2, zero_copy: false}}]\n");
	const struct backend_spec *a;
	const struct backend_spec *b;

	(void)state;
	a = &spec->switches[0].ports[0].backend;
	b = &spec->switches[1].ports[0].backend;
	assert_string_equal(a->kind, "af_xdp");
	assert_string_equal(a->device, "eth1");
	assert_true(a->zero_copy);
	assert_string_equal(b->device, "eth2");
	assert_false(b->zero_copy);
	config_spec_destroy(spec);
}

static void collects_all_errors_of_a_file(void **state)
{
	char *expected = golden_text(GOLDEN "broken.errors");
	char *text = golden_text(GOLDEN "broken.yaml");

	(void)state;
	sample_diags.count = 0;
	assert_null(sample_config(text));
	assert_errors(expected);
	free(expected);
	free(text);
}

static void reads_what_extensions_may_do(void **state)
{
	struct config_spec *spec = accepted_config(
		"extensions: {network: {certificate: c.pem, key: c.key, ca: ca.pem,\n"
		"  allow: [\"tcp:192.0.2.*:6653\", \"ssl:[2001:db8::1]:*\", \"punix:/run/x\"]}}\n");
	const struct network_spec *n = &spec->extensions.network;

	(void)state;
	assert_true(n->is_given);
	assert_string_equal(n->key, "c.key");
	assert_int_equal(n->allow_count, 3);
	assert_string_equal(n->allow[2], "punix:/run/x");
	config_spec_destroy(spec);
}

static void refuses_half_of_what_extensions_need(void **state)
{
	(void)state;
	refused("extensions: {network: {certificate: c.pem, key: c.key}}",
		"x.yaml:1:14: extensions: network: TLS takes certificate, key and ca together, or "
		"none of them\n");
	refused("extensions: {network: {allow: [\"192.0.2.1\"]}}",
		"x.yaml:1:32: extensions: network: allow[0] is 192.0.2.1, must be a target as "
		"\"tcp:192.0.2.1:6653\", in which * stands for any text\n");
	refused("extensions: {network: {allow: []}}",
		"x.yaml:1:31: extensions: network: allow is empty: name a target, or remove it\n");
}

static void refuses_other_shapes(void **state)
{
	(void)state;
	refused("[]", "x.yaml:1:1: it is a list, must be a map\n");
	refused("switches: {}", "x.yaml:1:11: switches is a map, must be a list\n");
	refused("switches: [lab]", "x.yaml:1:12: switches[0]: it is lab, must be a map\n");
	refused("switches: [{name: [a]}]",
		"x.yaml:1:19: switches[0]: name is a list, must be 1 to 63 of A-Z, a-z, 0-9, dot, _ "
		"and -\n");
	refused(SWITCH "ports: [{name: vm1, backend: [tap]}]\n",
		"x.yaml:3:32: switch lab: port vm1: backend: it is a list, must be a map\n");
}

static void names_the_nearest_key(void **state)
{
	(void)state;
	refused("swiches: []\n", "x.yaml:1:1: swiches is not known, the nearest key is switches\n");
	refused("nothing: []\n",
		"x.yaml:1:1: nothing is not known, the keys are: daemon, migration, "
		"extensions, switches\n");
}

static void refuses_a_device_said_twice(void **state)
{
	(void)state;
	refused(SWITCH "uplinks: [{name: up0, device: eth1, backend: {kind: tap, device: eth2}}]\n",
		"x.yaml:3:68: switch lab: uplink up0: backend: device is given twice, here and before "
		"as eth1\n");
}

static void reads_one_port_as_the_api_has_it(void **state)
{
	json_t *j = json_pack("{s:s, s:{s:s, s:s}}", "name", "vm1", "backend", "kind", "tap",
			      "device", "tap7");
	struct node *n = node_from_json(j, &sample_diags);
	struct port_spec port;

	(void)state;
	sample_diags.count = 0;
	assert_true(document_read_port(n, PORT_GUEST, &port, &sample_diags));
	assert_string_equal(port.backend.device, "tap7");
	assert_int_equal(port.at.line, 0);
	port_spec_finish(&port);
	assert_true(node_remove(n, "name"));
	assert_false(document_read_port(n, PORT_GUEST, &port, &sample_diags));
	assert_errors("port[0]: name is missing\n");
	node_destroy(n);
	json_decref(j);
}

static void reads_one_switch_as_the_journal_has_it(void **state)
{
	struct node *n = accepted_yaml("{name: a, ports: [{name: p, backend: tap}]}");
	struct switch_spec s;

	(void)state;
	assert_true(document_read_switch(n, &s, &sample_diags));
	assert_int_equal(s.port_count, 1);
	assert_string_equal(s.ports[0].backend.device, "p");
	switch_spec_finish(&s);
	node_destroy(n);
	n = accepted_yaml("{name: a, ports: [{name: p, backend: tap}, {name: p, backend: null}]}");
	assert_false(document_read_switch(n, &s, &sample_diags));
	assert_errors(
		"x.yaml:1:44: switch a: port p: name p is taken already by port p of switch a, "
		"on line 1\n");
	node_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_key),
		cmocka_unit_test(puts_uplinks_before_host_ports_before_guests),
		cmocka_unit_test(makes_a_policy_of_a_host_ports_vlan),
		cmocka_unit_test(takes_a_policy_without_value_as_all_defaults),
		cmocka_unit_test(takes_an_empty_document),
		cmocka_unit_test(reads_workers),
		cmocka_unit_test(reads_how_workers_wait_and_what_they_remember),
		cmocka_unit_test(reads_a_vhost_user_port),
		cmocka_unit_test(takes_a_socket_that_the_kernel_takes),
		cmocka_unit_test(reads_an_uplink_of_af_xdp_in_either_form),
		cmocka_unit_test(collects_all_errors_of_a_file),
		cmocka_unit_test(reads_what_extensions_may_do),
		cmocka_unit_test(refuses_half_of_what_extensions_need),
		cmocka_unit_test(refuses_other_shapes),
		cmocka_unit_test(names_the_nearest_key),
		cmocka_unit_test(refuses_a_device_said_twice),
		cmocka_unit_test(reads_one_port_as_the_api_has_it),
		cmocka_unit_test(reads_one_switch_as_the_journal_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
