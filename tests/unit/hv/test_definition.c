/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions of machines, and the command lines of QEMU that follow from them.
 * links: xvs_yaml xvs_base pkg::jansson
 */
#include "support/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "base/yaml.h"
#include "command.h"
#include "definition.h"

static const char *const machines[2] = { "pc-i440fx-7.2", "pc-q35-7.2" };
static struct diags diags;

static bool read_text(const char *text, struct vm_spec *out)
{
	struct node *root;
	bool is_read;

	diags = (struct diags){ .file = "" };
	root = yaml_read(text, strlen(text), &diags);
	assert_non_null(root);
	is_read = definition_read(root, out, &diags);
	node_destroy(root);
	return is_read;
}

/* Exactly these errors, "line:column: text" each on a line. */
static void assert_refused(const char *text, const char *errors)
{
	struct strbuf all = { NULL, 0, 0, false };
	struct vm_spec spec;
	char line[400];

	assert_false(read_text(text, &spec));
	for (size_t i = 0; i < diags.count; i++)
		strbuf_add(&all, "%s\n", diag_print(&diags, i, line, sizeof(line)) + 1);
	assert_string_equal(all.text, errors);
	strbuf_finish(&all);
}

static struct vm_spec *read_well(const char *text)
{
	static struct vm_spec spec;
	char line[400];

	spec = (struct vm_spec){ .name = "" };
	if (!read_text(text, &spec))
		fail_msg("%s", diag_print(&diags, 0, line, sizeof(line)));
	definition_complete(&spec, machines);
	return &spec;
}

#define LEAST "name: a\nmemory: 64M\n"

static void chooses_what_was_left_out(void **state)
{
	struct vm_spec *s = read_well(LEAST "adapters:\n  - {name: n, switch: lab}\n"
					    "  - {name: m, switch: lab, model: e1000e}\n");

	(void)state;
	assert_string_equal(s->machine, "pc-q35-7.2");
	assert_int_equal(s->generation, 2);
	assert_int_equal(s->cpus, 1);
	assert_int_equal(s->memory, 64 << 20);
	assert_true(s->has_uuid);
	assert_string_equal(s->cpu, "auto");
	assert_string_equal(s->adapters[0].port, "a-n");
	assert_int_equal(s->adapters[0].link, LINK_VHOST_USER);
	assert_int_equal(s->adapters[1].link, LINK_TAP);
	assert_memory_equal(s->adapters[0].mac, "\x52\x54\x00", 3);
	assert_memory_not_equal(s->adapters[0].uuid, s->adapters[1].uuid, 16);
	spec_finish(s);
}

static void prints_what_it_reads(void **state)
{
	struct vm_spec *s = read_well(
		LEAST "generation: 1\ncpus: 2\nautostart: true\nrestart: on-failure\n"
		      "boot: [cd, d]\ncd: /c.iso\nserials: [agent]\n"
		      "disks:\n  - {name: d, size: 1G, format: vhdx, fixed: true}\n"
		      "adapters:\n  - {name: n, switch: lab, requires: [org.xvs.guard], policies: "
		      "{org.xvs.guard/1: {mac_changes: false}}, failover_policies: "
		      "{xvs.vlan/1: {vlan: 110}}}\n");
	json_t *first = definition_print(s);
	char *text = json_dumps(first, JSON_SORT_KEYS);
	json_t *second;

	(void)state;
	spec_finish(s);
	s = read_well(text);
	second = definition_print(s);
	assert_true(json_equal(first, second));
	assert_non_null(strstr(text, "\"mac_changes\": \"false\""));
	assert_non_null(
		strstr(text, "\"failover_policies\": {\"xvs.vlan/1\": {\"vlan\": \"110\"}}"));
	assert_non_null(strstr(text, "\"size\": \"1024M\""));
	spec_finish(s);
	json_decref(first);
	json_decref(second);
	free(text);
}

static void refuses_values_with_their_places(void **state)
{
	(void)state;
	assert_refused("name: -x\nmemory: 64m\ncpus: 0\ncpu: [a]\nautostart: yes\nrestart: often\n"
		       "uuid: 12\nkernel: vmlinuz\n",
		       "1:7: name: \"-x\" is no name: letters, digits, and . _ - behind the first\n"
		       "2:9: memory: \"64m\" is no size: a number with K, M, G or T, as 512M\n"
		       "3:7: cpus: 0 is out of range: 1 to 256\n"
		       "4:6: cpu: one value is expected, not a list\n"
		       "5:12: autostart: \"yes\" is neither true nor false\n"
		       "6:10: restart: \"often\" is none of never, on-failure, always\n"
		       "7:7: uuid: \"12\" is no UUID\n"
		       "8:9: kernel: an absolute path is expected\n");
	assert_refused(
		"memory: 1K\ndisks: 3\nboot: x\nadapters: [{name: n, switch: s, mac: "
		"'01:00:00:00:00:01'}]\n",
		"1:9: memory: whole MiB from 16M to 16384G are possible\n"
		"2:8: disks: a list is expected\n"
		"3:7: boot: a list is expected\n"
		"4:38: adapter n: mac: 01:00:00:00:00:01 is a group address, which no adapter "
		"has\n"
		"1:1: key \"name\" is missing\n");
	assert_refused("[]", "1:1: a map of keys is expected\n");
}

static void refuses_what_does_not_fit_together(void **state)
{
	(void)state;
	assert_refused(LEAST "boot: [d, cd]\n",
		       "3:8: boot: there is no disk or adapter \"d\"\n"
		       "3:11: boot: there is no disk or adapter \"cd\", and "
		       "no cd\n");
	assert_refused(LEAST "initrd: /i\n", "3:9: initrd: it needs a kernel\n");
	assert_refused(LEAST "machine: pc-i440fx-7.2\n",
		       "3:10: machine: generation 2 is a pc-q35-VERSION, not pc-i440fx-7.2\n");
	assert_refused(LEAST "disks:\n  - {name: d}\n  - {name: d, file: /x, size: 1G, read_only: "
			     "true}\n",
		       "4:5: disk d: either a file that is there or a size is needed\n"
		       "5:5: disk d: one that is made empty cannot be read_only\n"
		       "5:5: disk d: another one has this name\n");
	assert_refused(LEAST "adapters:\n  - {name: n, switch: s, model: e1000e, link: vhost-user, "
			     "queues: 2}\n",
		       "4:5: adapter n: an e1000e card needs link: tap\n"
		       "4:5: adapter n: an e1000e card has one queue\n");
	assert_refused(LEAST "adapters:\n  - {name: n, switch: s, mac: '52:54:00:00:00:01'}\n"
			     "  - {name: o, switch: s, mac: '52:54:00:00:00:01'}\n",
		       "5:5: adapter o: adapter n has this MAC address\n");
}

/* ---- command lines ---------------------------------------------------------------------------- */

static char *command_of(const struct vm_spec *s, bool is_kvm)
{
	struct user user = { .is_us = true };
	struct strbuf all = { NULL, 0, 0, false };
	struct launch l;
	struct plan p;

	launch_init(&l);
	l.qemu = "qemu";
	l.folder = "/vms/a/disks";
	l.sockets = "/run/a/qemu";
	l.firmware = "/fw";
	l.variables = "/vars";
	l.is_kvm = is_kvm;
	l.qmp = open("/dev/null", O_RDONLY | O_CLOEXEC);
	l.console = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (uint32_t i = 0; i < s->serial_count; i++)
		l.serials[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (uint32_t i = 0; i < s->adapter_count; i++) {
		for (uint32_t j = 0; s->adapters[i].link == LINK_TAP && j < s->adapters[i].queues;
		     j++)
			l.taps[i][j] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	plan_init(&p, &user);
	command_make(s, &l, &p);
	assert_false(p.has_failed);
	for (size_t i = 0; i < p.count; i++)
		strbuf_add(&all, "%s\n", p.words[i]);
	plan_finish(&p);
	return all.text;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in\n%s", part, text);
}

static void gives_every_device_an_address(void **state)
{
	struct vm_spec *s =
		read_well(LEAST "serials: [agent]\nboot: [d]\ndisks:\n  - {name: d, size: 1G}\n"
				"  - {name: e, file: '/x,y', bus: sata, read_only: true}\n"
				"adapters:\n  - {name: n, switch: lab, queues: 2}\n"
				"  - {name: t, switch: lab, link: tap, queues: 2}\n");
	char *text = command_of(s, false);

	(void)state;
	assert_has(text, "-machine\npc-q35-7.2,memory-backend=ram,pflash0=firmware,"
			 "pflash1=variables,graphics=off\n");
	assert_has(text, "-accel\ntcg,tb-size=128\n-cpu\nmax\n");
	assert_has(text, "\"qom-type\":\"memory-backend-memfd\",\"id\":\"ram\",\"size\":67117056,"
			 "\"share\":true");
	assert_has(text, "socket,id=qmp,fd=3,server=on,wait=off");
	assert_has(text, "\"filename\":\"/vms/a/disks/d.qcow2\"");
	assert_has(text, "\"driver\":\"virtio-blk-pci\",\"id\":\"dev-d\",\"drive\":\"disk-d\","
			 "\"bus\":\"pcie.0\",\"addr\":\"0xa\",\"bootindex\":1");
	assert_has(text, "\"filename\":\"/x,y\",\"read-only\":true");
	assert_has(text, "\"driver\":\"ide-hd\",\"id\":\"dev-e\",\"drive\":\"disk-e\","
			 "\"bus\":\"ide.1\",\"unit\":0");
	assert_has(text, "socket,id=sock-n,path=/run/a/qemu/net-n,server=on,wait=on");
	assert_has(text, "\"fds\":\"6:7\"");
	/* vhost-user by TCG crashes QEMU 7.2 with vectors; taps have theirs */
	assert_has(text, "\"mq\":true,\"vectors\":0,\"bus\":\"pcie.0\",\"addr\":\"0x2\"");
	assert_has(text, "\"mq\":true,\"vectors\":6,\"bus\":\"pcie.0\",\"addr\":\"0x3\"");
	assert_has(text, "-sandbox\non,obsolete=deny,elevateprivileges=deny,spawn=deny,"
			 "resourcecontrol=deny\n");
	free(text);
	spec_finish(s);
}

static void leaves_vectors_alone_with_kvm(void **state)
{
	struct vm_spec *s =
		read_well(LEAST "generation: 1\nadapters:\n  - {name: n, switch: lab}\n");
	char *text = command_of(s, true);

	(void)state;
	assert_has(text, "-accel\nkvm\n-cpu\nhost\n");
	assert_has(text, "\"bus\":\"pci.0\",\"addr\":\"0x2\"");
	assert_null(strstr(text, "vectors"));
	assert_null(strstr(text, "pflash"));
	free(text);
	spec_finish(s);
}

/* QEMU before 9.0 loses writes of emulated guests that move where it is a multiple of 256 KiB. */
static void makes_memory_of_emulated_machines_odd(void **state)
{
	struct vm_spec *s = read_well(LEAST);
	char *text = command_of(s, false);

	(void)state;
	assert_has(text, "\"size\":67117056,");
	assert_has(text, "-m\n65544K\n");
	free(text);
	text = command_of(s, true);
	assert_has(text, "\"size\":67108864,");
	assert_has(text, "-m\n65536K\n");
	free(text);
	spec_finish(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses_what_was_left_out),
		cmocka_unit_test(prints_what_it_reads),
		cmocka_unit_test(refuses_values_with_their_places),
		cmocka_unit_test(refuses_what_does_not_fit_together),
		cmocka_unit_test(gives_every_device_an_address),
		cmocka_unit_test(leaves_vectors_alone_with_kvm),
		cmocka_unit_test(makes_memory_of_emulated_machines_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
