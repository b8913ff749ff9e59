/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/*
 * What a port hands to its backend.  This program has a backend_open() of its own, which writes
 * down what it was given and makes a port of nothing.
 */
#include "fixture.h"

struct opened {
	unsigned count;
	char kind[16];
	char device[16];
	char socket[SOCKET_PATH];
	char state_dir[TEST_PATH + 64];
	uint8_t mac[6];
	uint32_t queues, mtu;
	bool is_client, no_packed, copy_mode, offloads;
};

static struct opened last;
static struct backend *newest; /* open for as long as its port */
static const char *warning = "";

static uint32_t tell_facts(const struct backend *b, struct backend_fact *out, uint32_t max)
{
	static const struct backend_fact all[] = {
		{ "state", "connected" },
		{ "ring 0", "packed, 256 places" },
	};

	(void)b;
	assert_true(max >= 2);
	memcpy(out, all, sizeof(all));
	return 2;
}

static struct backend_ops talkative;

static void note_text(char *to, size_t size, const char *text)
{
	(void)snprintf(to, size, "%s", text ? text : "");
}

int backend_open(const struct backend_config *c, struct loop *loop, struct backend **out,
		 struct xvs_error *err)
{
	unsigned count = last.count;

	last = (struct opened){ .count = count + 1,
				.queues = c->queues,
				.mtu = c->mtu,
				.is_client = c->is_client,
				.no_packed = c->no_packed,
				.copy_mode = c->copy_mode,
				.offloads = c->offloads };
	memcpy(last.mac, c->mac, sizeof(last.mac));
	note_text(last.kind, sizeof(last.kind), c->kind);
	note_text(last.device, sizeof(last.device), c->device);
	note_text(last.socket, sizeof(last.socket), c->socket);
	note_text(last.state_dir, sizeof(last.state_dir), c->state_dir);
	if (c->socket && strcmp(c->socket, "/nowhere") == 0)
		return error_set(err, -ENOENT, "", "no such folder");
	talkative = backend_null;
	talkative.facts = tell_facts;
	if (backend_null.open(c, loop, out, err) < 0)
		return -ENOMEM;
	newest = *out;
	newest->ops = &talkative;
	note_text(newest->warning, sizeof(newest->warning), warning);
	return 0;
}

/* What was to be forgotten: "PORT gone" or "PORT undone", in a row. */
static char forgotten[64];

void backend_forget(const struct backend_config *c)
{
	const size_t len = strlen(forgotten);

	(void)snprintf(forgotten + len, sizeof(forgotten) - len, "%s %s\n", c->port_name,
		       c->is_undone ? "undone" : "gone");
}

void backend_close(struct backend *b)
{
	if (b)
		b->ops->close(b);
}

#define LAB "switches:\n- name: lab\n  "
#define VHOST(more) \
	LAB "ports: [{name: vm1, backend: {kind: vhost-user, socket: /run/vm1.sock" more "}}]\n"

static void hands_over_what_the_file_says_of_a_vhost_user_port(void **state)
{
	struct fixture *f = *state;
	static const uint8_t mac[] = { 0x52, 0x54, 0, 0, 0, 1 };

	fixture_has(f, LAB "ports:\n"
			   "  - name: vm1\n"
			   "    mac: '52:54:00:00:00:01'\n"
			   "    backend: {kind: vhost-user, socket: /run/vm1.sock, mode: client, "
			   "packed: false, queues: 4, mtu: 9000}\n");
	assert_string_equal(last.kind, "vhost-user");
	assert_string_equal(last.socket, "/run/vm1.sock");
	assert_memory_equal(last.mac, mac, sizeof(mac));
	assert_int_equal(last.queues, 4);
	assert_int_equal(last.mtu, 9000);
	assert_true(last.is_client);
	assert_true(last.no_packed);
	assert_true(last.offloads);
}

static void listens_and_offers_packed_rings_where_nothing_else_is_said(void **state)
{
	fixture_has(*state, VHOST(""));
	assert_false(last.is_client);
	assert_false(last.no_packed);
	assert_int_equal(last.queues, 0);
}

static void gives_each_switch_a_folder_to_keep_ring_positions(void **state)
{
	struct fixture *f = *state;
	char expected[sizeof(f->run_dir) + 16];
	struct stat st;

	fixture_has(f, VHOST(""));
	(void)snprintf(expected, sizeof(expected), "%s/lab", f->run_dir);
	assert_string_equal(last.state_dir, expected);
	assert_int_equal(stat(expected, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	fixture_has(f, LAB "ports: [{name: vm1, backend: null}]\n");
	assert_string_equal(last.state_dir, "");
}

static void forgets_ports_that_go_and_those_that_never_were(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, VHOST(""));
	assert_true(
		fixture_apply(f, VHOST("}}, {name: vm2, backend: {kind: vhost-user, socket: /two"
				       "}}, {name: vm3, backend: {kind: vhost-user, "
				       "socket: /nowhere"))
			.code < 0);
	assert_string_equal(forgotten, "vm3 undone\nvm2 undone\n");
	fixture_has(f, LAB "ports: []\n");
	assert_string_equal(forgotten, "vm3 undone\nvm2 undone\nvm1 gone\n");
}

static void asks_a_driver_for_zero_copy_unless_told_not_to(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, LAB "uplinks: [{name: up0, device: eth1, backend: af_xdp}]\n");
	assert_string_equal(last.kind, "af_xdp");
	assert_string_equal(last.device, "eth1");
	assert_false(last.copy_mode);
	fixture_has(f, LAB "uplinks: [{name: up0, backend: {kind: af_xdp, device: eth1, "
			   "zero_copy: false}}]\n");
	assert_true(last.copy_mode);
}

/* True: the port was opened anew. */
static bool reopens(struct fixture *f, const char *yaml)
{
	unsigned before = last.count;

	fixture_has(f, yaml);
	return last.count != before;
}

static void opens_a_port_anew_when_its_front_end_must_notice(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, VHOST(""));
	assert_false(reopens(f, VHOST("")));
	assert_false(reopens(f, VHOST(", mode: server, packed: true")));
	assert_true(reopens(f, VHOST(", mode: client")));
	assert_true(reopens(f, VHOST(", mode: client, packed: false")));
	assert_true(reopens(f, VHOST(", queues: 2")));
	assert_true(reopens(f, LAB "ports: [{name: vm1, backend: {kind: vhost-user, "
				   "socket: /run/other.sock}}]\n"));
}

static void shows_what_a_backend_tells_of_itself(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, VHOST(""));
	EXPECT(world_port_show(f->world, "vm1"), "facts|state", "connected");
	EXPECT(world_port_show(f->world, "vm1"), "facts|ring 0", "packed, 256 places");
	EXPECT(world_port_show(f->world, "vm1"), "socket", "/run/vm1.sock");
	EXPECT(world_port_show(f->world, "vm1"), "warning", "");
}

static void shows_what_works_worse_than_asked_in_every_list(void **state)
{
	struct fixture *f = *state;

	warning = "packets are copied";
	fixture_has(f, VHOST(""));
	warning = "";
	EXPECT(world_port_show(f->world, "vm1"), "warning", "packets are copied");
	EXPECT(world_port_list(f->world, NULL), "0|warning", "packets are copied");
	EXPECT(world_status(f->world), "switches|0|ports|0|warning", "packets are copied");
	EXPECT(world_status(f->world), "health", "ok");
}

/* The link as the backend's control thread would change it, and what followed of it. */
static void set_link(struct fixture *f, bool is_up)
{
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);

	newest->up = is_up;
	newest->link(newest->link_arg, newest);
	world_port_block(f->world, "vm1", false, &wish); /* in order behind it */
	fixture_wait(f, &a.is_there);
}

static void keeps_a_port_and_its_policies_when_its_front_end_goes(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, LAB "chain: [{instance: rec, extension: test.recorder}]\n"
			   "  ports:\n"
			   "  - name: vm1\n"
			   "    backend: {kind: vhost-user, socket: /run/vm1.sock}\n"
			   "    policies: {test.recorder.limit/1: {rate: 5}}\n");
	free(fixture_record(f));
	set_link(f, false);
	fixture_expect(f, "rec: port_event vm1 DOWN segment 0\n");
	EXPECT(world_port_show(f->world, "vm1"), "link", "down");
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
	EXPECT(world_port_show(f->world, "vm1"), "policies|test.recorder.limit/1|rate", "5");
	set_link(f, true);
	fixture_expect(f, "rec: port_event vm1 UP segment 0\n");
	EXPECT(world_port_show(f->world, "vm1"), "link", "up");
	assert_int_equal(last.count, 1);
}

static const char other[] =
	LAB "ports: [{name: vm2, backend: {kind: vhost-user, socket: /run/vm1.sock}}]\n";

static void gives_a_socket_from_one_port_to_another(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, VHOST(""));
	assert_true(reopens(f, other));
	assert_string_equal(last.socket, "/run/vm1.sock");
}

static struct answer add_vhost_port(struct fixture *f, const char *name, const char *socket)
{
	struct port_spec *spec = calloc(1, sizeof(*spec));
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);

	note_text(spec->name, sizeof(spec->name), name);
	note_text(spec->backend.kind, sizeof(spec->backend.kind), "vhost-user");
	note_text(spec->backend.socket, sizeof(spec->backend.socket), socket);
	world_port_add(f->world, "lab", spec, OWNER_API, &wish);
	fixture_wait(f, &a.is_there);
	return a;
}

/* The reader of the file sees the file's ports alone. */
static void refuses_a_socket_that_a_port_of_another_owner_has(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, VHOST(""));
	a = add_vhost_port(f, "mine", "/run/vm1.sock");
	assert_int_equal(a.code, -EINVAL);
	assert_string_equal(a.text,
			    "port lab/mine: socket /run/vm1.sock belongs to port lab/vm1\n");
	assert_int_equal(add_vhost_port(f, "mine", "/run/mine.sock").code, 0);
}

static struct port_spec *kept_port(void)
{
	struct port_spec *spec = calloc(1, sizeof(*spec));

	note_text(spec->name, sizeof(spec->name), "mine");
	spec->backend = (struct backend_spec){ .kind = "vhost-user",
					       .socket = "/run/mine.sock",
					       .mode = VHOST_MODE_CLIENT,
					       .packed_set = true,
					       .zero_copy = true,
					       .offloads = true };
	return spec;
}

static void remembers_a_port_of_the_api(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);
	json_t *kept;

	fixture_has(f, LAB "ports: []\n");
	world_port_add(f->world, "lab", kept_port(), OWNER_API, &wish);
	fixture_wait(f, &a.is_there);
	assert_int_equal(a.code, 0);
	kept = world_snapshot(f->world);
	fixture_end_world(f);
	fixture_world(f);
	assert_int_equal(world_restore(f->world, kept, d), 0);
	last = (struct opened){ .count = 0 };
	fixture_has(f, LAB "ports: []\n");
	assert_string_equal(last.socket, "/run/mine.sock");
	assert_true(last.is_client);
	assert_true(last.no_packed);
	assert_false(last.copy_mode);
	json_decref(kept);
	free(d);
}

/* A journal of a version that did not know rings yet. */
static void takes_what_an_earlier_version_wrote(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	json_t *old = json_loads(
		"{\"version\": 1, \"uuids\": {}, \"values\": [], \"marks\": [], \"ports\": [{"
		"\"switch\": \"lab\", \"name\": \"old\", \"owner\": 1, \"role\": 0, \"requires\": [], "
		"\"backend\": {\"kind\": \"null\", \"queues\": 0, \"mtu\": 0, \"offloads\": true}}]}",
		0, NULL);

	assert_non_null(old);
	assert_int_equal(world_restore(f->world, old, d), 0);
	fixture_has(f, LAB "ports: []\n");
	assert_string_equal(last.kind, "null");
	assert_false(last.is_client);
	assert_false(last.no_packed);
	json_decref(old);
	free(d);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, stop)

static int stop(void **state)
{
	const struct fixture *f = *state;
	char lab[sizeof(f->run_dir) + 16];

	last = (struct opened){ .count = 0 };
	forgotten[0] = '\0';
	(void)snprintf(lab, sizeof(lab), "%s/lab", f->run_dir);
	(void)rmdir(lab);
	(void)rmdir(f->run_dir);
	return fixture_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(hands_over_what_the_file_says_of_a_vhost_user_port),
		CASE(listens_and_offers_packed_rings_where_nothing_else_is_said),
		CASE(gives_each_switch_a_folder_to_keep_ring_positions),
		CASE(forgets_ports_that_go_and_those_that_never_were),
		CASE(asks_a_driver_for_zero_copy_unless_told_not_to),
		CASE(opens_a_port_anew_when_its_front_end_must_notice),
		CASE(shows_what_a_backend_tells_of_itself),
		CASE(shows_what_works_worse_than_asked_in_every_list),
		CASE(keeps_a_port_and_its_policies_when_its_front_end_goes),
		CASE(gives_a_socket_from_one_port_to_another),
		CASE(refuses_a_socket_that_a_port_of_another_owner_has),
		CASE(remembers_a_port_of_the_api),
		CASE(takes_what_an_earlier_version_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
