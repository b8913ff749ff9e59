/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine leaves, and at each question to its switch, to the other host and to its QEMU something
 * goes wrong: whatever it is, the guest runs in one place in the end, with its port, and nothing is
 * left of the move.
 * links: xvs_hv xvs_rpc xvs_tls xvs_base pkg::openssl pkg::jansson pkg::libevent
 */
#include "departing_world.h"

#include "base/yaml.h"
#include "move_key.h"

static const char definition[] =
	"name: web\n"
	"uuid: 6a1f0000-0000-4000-8000-00000000000a\n"
	"generation: 1\n"
	"machine: pc-i440fx-7.2\n"
	"memory: 64M\n"
	"disks: [{name: root, size: 16M}]\n"
	"adapters: [{name: eth0, switch: lab, port: web-eth0, mac: \"52:54:00:00:00:01\", "
	"uuid: 6a1f0000-0000-4000-8000-000000000001}]\n";

/* ---- set up ------------------------------------------------------------------------------------ */

static void spec_make(struct vm_spec *out)
{
	static const char *const machines[2] = { "pc-i440fx-7.2", "pc-q35-7.2" };
	struct diags d = { .count = 0 };
	struct node *root = yaml_read(definition, sizeof(definition) - 1, &d);

	assert_true(definition_read(root, out, &d));
	node_destroy(root);
	definition_complete(out, machines);
}

static void settings_make(struct host_settings *s)
{
	s->has_migration = true;
	s->migration.downtime_limit_ms = 50;
	s->migration.downtime_max_ms = 300;
	s->migration.downtime_budget_ms = 20000;
	s->migration.peer_count = 1;
	(void)strcpy(s->migration.peers[0].name, "hostb");
	(void)snprintf(s->migration.peers[0].address, sizeof(s->migration.peers[0].address),
		       "127.0.0.1:%u", world.port);
}

static void core_start(void)
{
	char path[TEST_PATH + 16];
	struct xvs_error err = ERROR_INIT;
	struct hv *hv = &world.hv;

	memset(hv, 0, sizeof(*hv));
	hv->loop = world.loop;
	assert_int_equal(user_find(NULL, &hv->user, &err), 0);
	assert_true(str_copy(hv->run, sizeof(hv->run), world.run));
	(void)snprintf(path, sizeof(path), "%s/state", world.dir);
	assert_int_equal(store_open(path, &hv->store, &err), 0);
	(void)snprintf(path, sizeof(path), "%s/xvsd.sock", world.dir);
	hv->sw = switch_create(world.loop, path);
	settings_make(&hv->settings);
	assert_int_equal(tls_context_create(&world.a.files, &hv->tls, &err), 0);
}

static void core_end(void)
{
	hv_finish(&world.hv);
}

static void monitor_listen(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)mkdir(world.run, 0700);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/web", world.run);
	(void)mkdir(address.sun_path, 0700);
	(void)strcat(address.sun_path, "/qmp");
	(void)unlink(address.sun_path);
	world.monitor = evconnlistener_new_bind(loop_base(world.loop), on_talk, NULL,
						LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 4,
						(struct sockaddr *)&address, sizeof(address));
	assert_non_null(world.monitor);
}

/* A machine that runs, as a former xvs-hv left it. */
static void machine_make(void)
{
	const struct user us = { .is_us = true };
	struct xvs_error err = ERROR_INIT;
	struct vm_spec spec;
	struct plan p;
	struct vm *vm;
	json_t *printed;
	char path[SPEC_PATH + 16];
	FILE *f;

	spec_make(&spec);
	printed = definition_print(&spec);
	vm = vm_create(&world.hv, &spec);
	assert_int_equal(store_make(world.hv.store, "web", getuid(), getgid(), &err), 0);
	assert_int_equal(store_write(world.hv.store, "web", "definition.json", printed, &err), 0);
	json_decref(printed);
	(void)snprintf(path, sizeof(path), "%s/root.qcow2", vm->disks);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fclose(f);
	plan_init(&p, &us);
	plan_word(&p, "sleep");
	plan_word(&p, "1000");
	assert_int_equal(process_start(&p, &world.qemu, &err), 0);
	plan_finish(&p);
	vm->process = world.qemu;
	vm->is_wanted = true;
	vm_keep(vm);
	vm->process = (struct process){ .pidfd = -1 };
	vm_destroy(vm);
}

static void peer_start(void)
{
	struct xvs_error err = ERROR_INIT;
	int fd = -1;

	assert_int_equal(tls_listen("127.0.0.1", world.port, &fd, &err), 0);
	if (!world.port) {
		struct sockaddr_in address;
		socklen_t len = sizeof(address);

		assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
		world.port = ntohs(address.sin_port);
	}
	assert_int_equal(remote_server_create(world.loop, world.tls, fd, &peer_service, &world.peer,
					      &err),
			 0);
}

static int set_up(void **state)
{
	struct xvs_error err = ERROR_INIT;
	char path[TEST_PATH + 16];

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	memset(&world, 0, sizeof(world));
	(void)test_temp_dir(world.dir);
	(void)snprintf(world.run, sizeof(world.run), "%s/run", world.dir);
	assert_int_equal(loop_create(&world.loop, &err), 0);
	authority_init(&world.authority, world.dir, "lab");
	host_init(&world.a, &world.authority, "hosta", true, CERTIFICATE_S);
	host_init(&world.b, &world.authority, "hostb", true, CERTIFICATE_S);
	assert_int_equal(tls_context_create(&world.b.files, &world.tls, &err), 0);
	(void)snprintf(path, sizeof(path), "%s/xvsd.sock", world.dir);
	assert_int_equal(server_create(world.loop, path, &xvsd_table, &world.xvsd, &err), 0);
	peer_start();
	return 0;
}

static int tear_down(void **state)
{
	char command[TEST_PATH + 16];

	(void)state;
	remote_server_destroy(world.peer);
	server_destroy(world.xvsd);
	tls_context_destroy(world.tls);
	authority_finish(&world.authority);
	loop_destroy(world.loop);
	(void)snprintf(command, sizeof(command), "rm -r %s", world.dir);
	return system(command); /* NOLINT(cert-env33-c): a folder of our own */
}

/* ---- one move ---------------------------------------------------------------------------------- */

static void turn(void)
{
	(void)event_base_loop(loop_base(world.loop), EVLOOP_NONBLOCK);
	if (world.is_core_to_die) {
		world.is_core_to_die = false;
		core_end();
		hang_up();
		core_start();
		assert_int_equal(hv_restore(&world.hv, &(struct xvs_error)ERROR_INIT), 0);
	}
	/* killed by the core, which does not wait for ever */
	if (world.guest != GUEST_GONE && kill(world.qemu.pid, 0))
		world.guest = GUEST_GONE;
	check_world();
	(void)usleep(200);
}

static struct vm *machine(void)
{
	return hv_find(&world.hv, "web");
}

static bool is_quiet(void)
{
	const struct vm *vm = machine();

	return !vm || (!vm->departing && !vm->job.what);
}

static void until_quiet(void)
{
	for (int i = 0; i < 60000 && !is_quiet(); i++)
		turn();
	if (!is_quiet())
		fail_msg("event %u, fault %d: it does not end: %s", world.fault_at, world.fault,
			 json_dumps(departing_show(&world.hv, "web"), 0));
}

static void on_over(void *arg, int code, const char *text)
{
	(void)arg;
	world.is_over = true;
	world.code = code;
	(void)snprintf(world.text, sizeof(world.text), "%s", text);
}

static void begin(enum fault fault, unsigned at)
{
	world.events = 0;
	world.fault_at = 0; /* it is well until it moves */
	world.has_happened = world.is_core_to_die = world.is_over = false;
	world.place = PORT_HERE;
	world.phase[0] = world.status[0] = world.refusal[0] = world.finding[0] = '\0';
	world.is_prepared_there = world.runs_there = world.is_expected = false;
	world.has_mirror = world.is_mirror_cancelled = false;
	world.is_deaf = world.is_slow = world.is_never_loaded = world.is_never_up = false;
	world.guest = GUEST_RUNS;
	monitor_listen();
	core_start();
	machine_make();
	assert_int_equal(hv_restore(&world.hv, &(struct xvs_error)ERROR_INIT), 0);
	until_quiet();
	assert_int_equal(machine()->state, VM_RUNNING);
	world.events = 0;
	world.fault = fault;
	world.fault_at = at;
}

static void depart(bool has_disks, bool is_check)
{
	struct xvs_error err = ERROR_INIT;
	struct departing_wish wish;

	departing_wish_init(&world.hv, "hostb", &wish);
	wish.has_disks = has_disks;
	wish.is_check = is_check;
	if (departing_begin(machine(), &wish, on_over, NULL, &err))
		fail_msg("%s", err.text);
}

static void end(void)
{
	char command[2 * TEST_PATH + 64];

	core_end();
	hang_up();
	if (world.unanswered)
		rpc_answer(world.unanswered, json_object());
	world.unanswered = NULL;
	process_kill(&world.qemu, SIGKILL);
	(void)process_reap(&world.qemu);
	process_close(&world.qemu);
	evconnlistener_free(world.monitor);
	(void)snprintf(command, sizeof(command), "rm -rf %s/state/vms/web %s", world.dir,
		       world.run);
	/* NOLINTNEXTLINE(cert-env33-c): folders of our own */
	assert_int_equal(system(command), 0);
}

static bool has_file(const char *name)
{
	char path[TEST_PATH + 64];

	(void)snprintf(path, sizeof(path), "%s/state/vms/web/%s", world.dir, name);
	return access(path, F_OK) == 0;
}

static bool is_in_doubt(void)
{
	json_t *report = departing_show(&world.hv, "web");
	bool is_so = json_is_true(json_object_get(report, "in_doubt"));

	json_decref(report);
	return is_so;
}

/* One place, and nothing left. */
static void assert_settled(bool has_disks)
{
	bool has_left = !machine();

	assert_false(has_file("departure.json"));
	assert_int_equal(has_left, world.runs_there);
	assert_int_equal(has_left, has_file("stone.json"));
	assert_int_equal(has_left, !has_file("definition.json"));
	assert_int_equal(world.place, has_left ? PORT_THERE : PORT_HERE);
	if (has_left) {
		assert_int_equal(world.guest, GUEST_GONE);
		assert_int_equal(has_file("disks/root.qcow2"), !has_disks);
	} else {
		assert_int_equal(world.guest, world.fault == QEMU_DIES ? GUEST_GONE : GUEST_RUNS);
		assert_false(world.is_prepared_there);
		assert_true(has_file("disks/root.qcow2"));
		assert_false(world.guest == GUEST_RUNS && world.has_mirror &&
			     !world.is_mirror_cancelled);
	}
}

/* ---- tests ------------------------------------------------------------------------------------- */

static const char *report_text(const char *key)
{
	json_decref(world.report);
	world.report = departing_show(&world.hv, "web");
	return json_string_value(json_object_get(world.report, key));
}

static void moves_a_machine(void **state)
{
	(void)state;
	for (int has_disks = 0; has_disks < 2; has_disks++) {
		begin(NO_FAULT, 0);
		depart(has_disks, false);
		until_quiet();
		assert_true(world.is_over);
		assert_int_equal(world.code, 0);
		assert_settled(has_disks);
		assert_string_equal(report_text("outcome"), "moved");
		assert_int_equal(json_integer_value(json_object_get(world.report, "epoch")), 5);
		assert_non_null(json_object_get(world.report, "downtime_ms"));
		assert_int_equal(json_array_size(json_object_get(world.report, "ports")), 1);
		assert_int_equal(epoch_recall(world.hv.store, "web"), 5);
		json_decref(world.report);
		world.report = NULL;
		end();
	}
}

static void says_all_that_stands_in_the_way_at_once(void **state)
{
	(void)state;
	begin(NO_FAULT, 0);
	(void)strcpy(world.finding, "there are 12 MiB, not 64");
	(void)strcpy(world.refusal, "the target lacks org.xvs.guard");
	depart(false, true);
	until_quiet();
	assert_int_equal(world.code, -ECANCELED);
	assert_string_equal(report_text("outcome"), "refused");
	assert_int_equal(json_array_size(json_object_get(world.report, "findings")), 2);
	assert_settled(false);
	world.finding[0] = world.refusal[0] = '\0';
	depart(false, true);
	until_quiet();
	assert_int_equal(world.code, 0);
	assert_string_equal(report_text("outcome"), "checked");
	assert_settled(false);
	json_decref(world.report);
	world.report = NULL;
	end();
}

/* Every question of a move, or some of them, with one kind of trouble. */
static void trouble_everywhere(enum fault fault, bool has_disks)
{
	unsigned step = getenv("XVS_TEST_LONG") ? 1 : 8;
	unsigned at = 1 + (unsigned)fault % step;

	for (;; at += step) {
		begin(fault, at);
		depart(has_disks, false);
		until_quiet();
		assert_settled(has_disks);
		end();
		if (!world.has_happened)
			break;
	}
	assert_true(at > 20);
}

/* ---- doubt ------------------------------------------------------------------------------------- */

/* It is decided, and from then on the other host is never heard. */
static void begin_doubt(void)
{
	begin(NO_FAULT, 0);
	world.is_deaf = true;
	depart(false, false);
	for (int i = 0; i < 20000 && !is_in_doubt(); i++)
		turn();
	assert_true(is_in_doubt());
	assert_int_equal(world.guest, GUEST_STANDS);
	assert_int_equal(departing_cancel(machine(), &(struct xvs_error)ERROR_INIT), -EALREADY);
}

static void doubt_end(bool is_taken_over)
{
	assert_int_equal(departing_resolve(machine(), is_taken_over, &(struct xvs_error)ERROR_INIT),
			 0);
	/* a restart does not forget what was said */
	world.is_core_to_die = is_taken_over;
	until_quiet();
}

static void stays_in_doubt_until_the_other_host_is_back(void **state)
{
	(void)state;
	begin_doubt();
	world.is_core_to_die = true;
	for (int i = 0; i < 1000; i++)
		turn();
	assert_int_equal(world.guest, GUEST_STANDS);
	assert_true(is_in_doubt());
	world.is_deaf = false;
	until_quiet();
	assert_true(world.runs_there);
	assert_settled(false);
	end();
}

static void is_taken_over_by_a_person(void **state)
{
	(void)state;
	begin_doubt();
	doubt_end(true);
	assert_non_null(machine());
	assert_int_equal(world.guest, GUEST_RUNS);
	assert_int_equal(world.place, PORT_HERE);
	assert_false(has_file("departure.json"));
	end();
}

static void is_given_up_by_a_person(void **state)
{
	(void)state;
	begin_doubt();
	doubt_end(false);
	assert_null(machine());
	assert_int_equal(world.guest, GUEST_GONE);
	assert_true(has_file("stone.json"));
	end();
}

/* Its record could not be taken back when writing it had failed half. */
static void is_not_moved_by_a_record_while_it_runs(void **state)
{
	struct xvs_error err = ERROR_INIT;
	json_t *record =
		json_pack("{s:s, s:i, s:s, s:s}", "move", "6a1f0000-0000-4000-8000-0000000000ff",
			  "epoch", 1, "state", "committed", "to", "hostb");

	(void)state;
	begin(NO_FAULT, 0);
	assert_int_equal(store_write(world.hv.store, "web", "departure.json", record, &err), 0);
	json_decref(record);
	world.is_core_to_die = true;
	turn();
	assert_non_null(machine()->departing);
	until_quiet();
	assert_int_equal(world.guest, GUEST_RUNS);
	assert_settled(false);
	end();
}

/* A disk that was moving here when all ended: it is seen to first, then the way back is gone. */
static void goes_back_after_a_disk_that_was_moving(void **state)
{
	struct xvs_error err = ERROR_INIT;
	char from[2 * TEST_PATH];
	char to[2 * TEST_PATH];
	json_t *departure =
		json_pack("{s:s, s:i, s:s, s:s}", "move", "6a1f0000-0000-4000-8000-0000000000ff",
			  "epoch", 1, "state", "moving", "to", "hostb");
	json_t *storage;

	(void)state;
	begin(NO_FAULT, 0);
	(void)snprintf(from, sizeof(from), "%s/state/vms/web/disks/root.qcow2", world.dir);
	(void)snprintf(to, sizeof(to), "%s/root.new", world.dir);
	storage = json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}}", "disk", "root", "state",
			    "copying", "from", "path", from, "format", "qcow2", "to", "path", to,
			    "format", "qcow2");
	assert_int_equal(store_write(world.hv.store, "web", "departure.json", departure, &err), 0);
	assert_int_equal(store_write(world.hv.store, "web", "storage.json", storage, &err), 0);
	json_decref(departure);
	json_decref(storage);
	world.is_core_to_die = true;
	turn();
	assert_non_null(machine()->departing);
	until_quiet();
	assert_false(has_file("storage.json"));
	assert_int_equal(world.guest, GUEST_RUNS);
	assert_settled(false);
	end();
}

static void record_write_text(const char *text)
{
	char path[2 * TEST_PATH];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/state/vms/web/departure.json", world.dir);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

/* Its guest may run on the other host: a damaged record does not say that it does not. */
static void is_left_alone_when_its_record_is_damaged(void **state)
{
	static const char *const damaged[] = {
		"{\"move\": \"1f2",
		"",
		"[]",
		"{}",
		"{\"move\": \"\", \"to\": \"b\", \"state\": \"moving\", \"epoch\": 1}",
	};

	(void)state;
	begin_doubt();
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		core_end();
		record_write_text(damaged[i]);
		core_start();
		assert_int_equal(hv_restore(&world.hv, &(struct xvs_error)ERROR_INIT), 0);
		until_quiet();
		assert_null(machine());
		assert_int_equal(world.guest, GUEST_STANDS);
		assert_true(has_file("definition.json"));
	}
	end();
}

/* ---- what only the other host, or the clock, tells --------------------------------------------- */

static void is_undone_when_the_other_qemu_dies(void **state)
{
	(void)state;
	begin(NO_FAULT, 0);
	world.is_slow = true;
	depart(false, false);
	while (!world.status[0])
		turn();
	remote_session_tell(world.session, "vm.move.event",
			    json_pack("{s:s, s:s}", "move", "x", "what", "QEMU was killed"));
	until_quiet();
	assert_non_null(strstr(world.text, "host hostb: QEMU was killed"));
	assert_settled(false);
	end();
}

static void is_undone_when_it_does_not_get_ready_in_time(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct departing_wish wish;

	(void)state;
	begin(NO_FAULT, 0);
	world.is_slow = true;
	departing_wish_init(&world.hv, "hostb", &wish);
	wish.timeout_s = 1;
	assert_int_equal(departing_begin(machine(), &wish, on_over, NULL, &err), 0);
	until_quiet();
	assert_non_null(strstr(world.text, "within 1 s"));
	assert_settled(false);
	end();
}

static void is_undone_when_the_guest_stands_too_long(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct departing_wish wish;

	(void)state;
	begin(NO_FAULT, 0);
	world.is_never_loaded = true;
	departing_wish_init(&world.hv, "hostb", &wish);
	wish.budget_ms = 300;
	assert_int_equal(departing_begin(machine(), &wish, on_over, NULL, &err), 0);
	until_quiet();
	assert_non_null(strstr(world.text, "longer than the move's budget"));
	assert_settled(false);
	end();
}

/* ---- what only the watch finds ----------------------------------------------------------------- */

static bool is_phase(const char *name)
{
	json_t *report = departing_show(&world.hv, "web");
	const char *phase = json_string_value(json_object_get(report, "phase"));
	bool is_so = phase && strcmp(phase, name) == 0;

	json_decref(report);
	return is_so;
}

/* The port is prepared, and QEMU of the other host waits for it, for ever. */
static void begin_waiting(void)
{
	begin(NO_FAULT, 0);
	world.is_never_up = true;
	depart(false, false);
	while (!world.unanswered)
		turn();
}

static void assert_undone(const char *why)
{
	until_quiet();
	assert_int_equal(world.code, -ECANCELED);
	if (!strstr(world.text, why))
		fail_msg("%s", world.text);
	assert_settled(false);
	end();
}

static void is_undone_when_the_switch_has_lost_the_move_of_its_port(void **state)
{
	(void)state;
	begin_waiting();
	world.phase[0] = '\0';
	assert_undone("adapter eth0: xvsd knows no move of its port any more");
}

static void is_undone_when_the_move_of_its_port_has_ended(void **state)
{
	(void)state;
	begin_waiting();
	(void)strcpy(world.phase, "ended");
	assert_undone("adapter eth0: the move of its port has ended");
}

/* Their QEMU has all, and their xvsd has forgotten meanwhile what it had. */
static void is_undone_when_the_move_of_its_port_ends_before_the_decision(void **state)
{
	(void)state;
	begin(NO_FAULT, 0);
	world.is_never_loaded = true;
	depart(false, false);
	while (!world.unanswered)
		turn();
	assert_string_equal(world.phase, "frozen");
	(void)strcpy(world.phase, "ended");
	world.place = PORT_HERE;
	rpc_answer(world.unanswered, json_object());
	world.unanswered = NULL;
	assert_undone("load devices: adapter eth0: the move of its port has ended");
}

static void is_undone_when_the_switch_is_gone(void **state)
{
	struct xvs_error err = ERROR_INIT;
	char path[TEST_PATH + 16];

	(void)state;
	begin_waiting();
	server_destroy(world.xvsd);
	world.xvsd = NULL;
	while (!is_phase("undo"))
		turn();
	world.phase[0] = '\0';
	(void)snprintf(path, sizeof(path), "%s/xvsd.sock", world.dir);
	assert_int_equal(server_create(world.loop, path, &xvsd_table, &world.xvsd, &err), 0);
	assert_undone("xvsd cannot be reached");
}

/* A host that our CA vouches for may have been broken into. */
static void is_not_misled_by_what_the_other_host_answers(void **state)
{
	static const char *const odd[][2] = {
		{ "7" },
		{ "[]" },
		{ "{\"epoch\": -1, \"findings\": []}" },
		{ "{\"epoch\": 9223372036854775807, \"findings\": []}" },
		{ "{\"epoch\": 4, \"findings\": {}}" },
		{ "{\"epoch\": 4, \"findings\": [7, {}, {\"what\": \"a\\u001bb\", \"why\": []}]}" },
		{ NULL, "{}" },
		{ NULL, "{\"memory\": 0, \"disks\": 1}" },
		{ NULL, "{\"memory\": 65536, \"disks\": 1}" },
		{ NULL, "{\"memory\": \"22\", \"disks\": -5}" },
		{ NULL, "{\"memory\": 22}" },
	};

	(void)state;
	begin(NO_FAULT, 0);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		world.odd[0] = odd[i][0];
		world.odd[1] = odd[i][1];
		world.phase[0] = '\0';
		depart(true, false);
		until_quiet();
		assert_int_equal(world.code, -ECANCELED);
		assert_null(strchr(world.text, '\x1b'));
		assert_settled(true);
	}
	world.odd[0] = world.odd[1] = NULL;
	end();
}

static void refuses_what_makes_no_sense(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct departing_wish wish;

	(void)state;
	begin(NO_FAULT, 0);
	departing_wish_init(&world.hv, "hostc", &wish);
	assert_int_equal(departing_begin(machine(), &wish, NULL, NULL, &err), -ENOENT);
	assert_int_equal(departing_cancel(machine(), &err), -ENOENT);
	assert_int_equal(departing_resolve(machine(), true, &err), -ENOENT);
	depart(false, false);
	departing_wish_init(&world.hv, "hostb", &wish);
	assert_int_equal(departing_begin(machine(), &wish, NULL, NULL, &err), -EBUSY);
	until_quiet();
	end();
}

#define TROUBLE(name, fault) \
	static void name(void **state) \
	{ \
		(void)state; \
		trouble_everywhere(fault, true); \
	}
TROUBLE(is_in_one_place_when_somebody_refuses, REFUSES)
TROUBLE(is_in_one_place_when_a_question_is_lost, FALLS_SILENT)
TROUBLE(is_in_one_place_when_an_answer_is_lost, LOSES_ANSWER)
TROUBLE(is_in_one_place_when_the_core_dies, CORE_DIES)
TROUBLE(is_in_one_place_when_the_core_dies_a_little_later, CORE_DIES_LATE)
TROUBLE(is_in_one_place_when_qemu_dies, QEMU_DIES)
TROUBLE(is_in_one_place_when_somebody_cancels, SOMEBODY_CANCELS)
TROUBLE(is_in_one_place_when_the_switch_forgets, SWITCH_FORGETS)
TROUBLE(is_in_one_place_when_the_other_switch_forgets, THEIR_SWITCH_FORGETS)
#undef TROUBLE

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(moves_a_machine),
		TEST(says_all_that_stands_in_the_way_at_once),
		TEST(stays_in_doubt_until_the_other_host_is_back),
		TEST(is_taken_over_by_a_person),
		TEST(is_given_up_by_a_person),
		TEST(is_not_moved_by_a_record_while_it_runs),
		TEST(goes_back_after_a_disk_that_was_moving),
		TEST(is_left_alone_when_its_record_is_damaged),
		TEST(is_undone_when_the_other_qemu_dies),
		TEST(is_undone_when_it_does_not_get_ready_in_time),
		TEST(is_undone_when_the_guest_stands_too_long),
		TEST(is_undone_when_the_switch_has_lost_the_move_of_its_port),
		TEST(is_undone_when_the_move_of_its_port_has_ended),
		TEST(is_undone_when_the_move_of_its_port_ends_before_the_decision),
		TEST(is_undone_when_the_switch_is_gone),
		TEST(is_not_misled_by_what_the_other_host_answers),
		TEST(refuses_what_makes_no_sense),
		TEST(is_in_one_place_when_somebody_refuses),
		TEST(is_in_one_place_when_a_question_is_lost),
		TEST(is_in_one_place_when_an_answer_is_lost),
		TEST(is_in_one_place_when_the_core_dies),
		TEST(is_in_one_place_when_the_core_dies_a_little_later),
		TEST(is_in_one_place_when_qemu_dies),
		TEST(is_in_one_place_when_somebody_cancels),
		TEST(is_in_one_place_when_the_switch_forgets),
		TEST(is_in_one_place_when_the_other_switch_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
