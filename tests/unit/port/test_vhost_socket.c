/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base unit_support */
/*
 * Where a vhost-user port and its front end meet: both roles, either order, one at a time, again and
 * again.
 */
#include "vhost_front.h"

#include <malloc.h>

/* ---- server ----------------------------------------------------------------------------------- */

static void refuse(const struct backend_config *c, struct loop *loop, const char *sentence)
{
	struct xvs_error err = ERROR_INIT;
	struct backend *b;

	assert_true(backend_open(c, loop, &b, &err) < 0);
	assert_string_equal(err.text, sentence);
}

static void listens_for_its_group_and_leaves_nothing(void **state)
{
	const unsigned files = front_open_files();
	struct front_lab lab;
	struct stat st;
	char path[sizeof(lab.path)];

	(void)state;
	front_lab_open(&lab);
	memcpy(path, lab.path, sizeof(path));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_string_equal(front_fact(&lab, "state"), "listening");
	assert_string_equal(front_fact(&lab, "front end"), "none yet");
	front_lab_close(&lab);
	assert_int_equal(lstat(path, &st), -1);
	assert_int_equal(front_open_files(), files);
}

static void takes_the_place_of_a_dead_daemon_only(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct backend_config c;
	struct front_lab lab;
	char sentence[256];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct xvs_error err = ERROR_INIT;

	(void)state;
	front_lab_init(&lab);
	c = front_config(&lab);
	assert_true(str_copy(a.sun_path, sizeof(a.sun_path), lab.path));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	(void)snprintf(sentence, sizeof(sentence),
		       "port p1: socket %s: another program listens there; stop it or choose "
		       "another path",
		       lab.path);
	refuse(&c, lab.loop, sentence);
	(void)close(fd);
	assert_int_equal(backend_open(&c, lab.loop, &lab.b, &err), 0);
	front_connect(&lab);
	(void)front_ask_u64(&lab, REQUEST_GET_FEATURES);
	front_lab_close(&lab);
}

static void refuses_paths_with_the_reason(void **state)
{
	struct backend_config c;
	struct front_lab lab;
	char path[200];
	char sentence[512];
	int fd;

	(void)state;
	front_lab_init(&lab);
	c = front_config(&lab);
	fd = open(lab.path, O_CREAT | O_WRONLY, 0600);
	(void)close(fd);
	(void)snprintf(sentence, sizeof(sentence),
		       "port p1: socket %s: there is something else of that name; remove it or "
		       "choose another path",
		       lab.path);
	refuse(&c, lab.loop, sentence);
	assert_int_equal(unlink(lab.path), 0);

	(void)snprintf(path, sizeof(path), "%s/none/s", lab.dir);
	c.socket = path;
	(void)snprintf(sentence, sizeof(sentence),
		       "port p1: socket %s: directory %s/none: No such file or directory; make it "
		       "first",
		       path, lab.dir);
	refuse(&c, lab.loop, sentence);

	memset(path, 'a', 108);
	path[0] = '/';
	path[108] = '\0';
	(void)snprintf(sentence, sizeof(sentence),
		       "port p1: socket %s: the path has 108 bytes, the kernel takes 107", path);
	refuse(&c, lab.loop, sentence);
	c.socket = NULL;
	refuse(&c, lab.loop, "port p1: a vhost-user port needs a socket: a path");
	lab.b = NULL;
	front_lab_close(&lab);
}

static void leaves_the_socket_of_another_alone(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct front_lab lab;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char path[sizeof(lab.path)];
	char dir[sizeof(lab.dir)];
	struct stat st;

	(void)state;
	front_lab_open(&lab);
	memcpy(path, lab.path, sizeof(path));
	memcpy(dir, lab.dir, sizeof(dir));
	assert_int_equal(unlink(path), 0);
	assert_true(str_copy(a.sun_path, sizeof(a.sun_path), path));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	backend_close(lab.b);
	lab.b = NULL;
	assert_int_equal(lstat(path, &st), 0);
	(void)close(fd);
	front_lab_close(&lab);
}

static void turns_a_second_front_end_away(void **state)
{
	struct front_lab lab;
	struct front_lab second;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	second = lab;
	second.fd = front_connect_to(lab.path);
	assert_true(front_is_closed(&second));
	front_leave(&second);
	assert_true(front_flows(&lab));
	front_lab_close(&lab);
}

/* The new one is there before the end of the old one was seen. */
static void takes_the_successor_of_a_front_end_that_died(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	for (int i = 0; i < 20; i++) {
		front_leave(&lab);
		memset(lab.bytes, 0, MEMORY);
		lab.sent[1] = 0;
		lab.fd = front_connect_to(lab.path);
		front_turn(&lab);
		assert_false(front_is_closed(&lab));
		front_leave(&lab);
		front_start(&lab, FEATURES_PLAIN);
		assert_true(lab.b->up);
		assert_true(front_flows(&lab));
	}
	front_lab_close(&lab);
}

/* Nothing under a sanitizer, which looks for lost memory itself. */
static size_t allocated(void)
{
	const struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* Each connects, says something with descriptors, true or not, and leaves or is let go. */
static void hostile_visit(struct front_lab *lab, uint64_t *seed)
{
	uint8_t payload[64];
	int fds[8];

	front_connect(lab);
	for (int i = 0; i < 8; i++)
		fds[i] = i % 2 ? lab->memory : lab->kick[0];
	if (test_random(seed) % 2)
		front_protocol(lab);
	for (int i = 0; i < 6; i++) {
		struct front_words w = { (uint32_t)(test_random(seed) % 42),
					 FLAG_VERSION,
					 payload,
					 (uint32_t)(test_random(seed) % 6) * 8,
					 fds,
					 (uint32_t)(test_random(seed) % 3) };

		memset(payload, (int)(test_random(seed) % 3), sizeof(payload));
		if (!front_write(lab->fd, &w))
			break;
		front_turn(lab);
	}
	front_leave(lab);
	front_turn(lab);
}

static void grows_by_nothing_under_hostile_visits(void **state)
{
	enum { WARM = 200, VISITS = 1500, GROWTH = 16384 };
	struct front_lab lab;
	unsigned files;
	uint64_t seed = 3;
	size_t before;

	(void)state;
	front_lab_open(&lab);
	for (int i = 0; i < WARM; i++)
		hostile_visit(&lab, &seed);
	files = front_open_files();
	before = allocated();
	for (int i = 0; i < VISITS; i++)
		hostile_visit(&lab, &seed);
	assert_int_equal(front_open_files(), files);
	assert_true(allocated() <= before + GROWTH);
	front_start(&lab, FEATURES_PLAIN);
	assert_true(lab.b->up);
	front_lab_close(&lab);
}

/* ---- client ----------------------------------------------------------------------------------- */

static void open_port(struct front_lab *lab)
{
	struct xvs_error err = ERROR_INIT;
	struct backend_config c = front_config(lab);

	c.is_client = true;
	if (backend_open(&c, lab->loop, &lab->b, &err))
		fail_msg("%s", err.text);
	lab->b->link = front_on_link;
	lab->b->link_arg = lab;
}

static int serve(const struct front_lab *lab)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)unlink(lab->path);
	assert_true(str_copy(a.sun_path, sizeof(a.sun_path), lab->path));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* The event loop turns until the port has come. */
static void wait_for_port(struct front_lab *lab, int listener)
{
	const struct timeval step = { 0, 1000 };

	for (int i = 0; i < 20000; i++) {
		lab->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (lab->fd >= 0)
			return;
		(void)event_base_loopexit(loop_base(lab->loop), &step);
		(void)event_base_dispatch(loop_base(lab->loop));
	}
	fail_msg("the port does not connect");
}

static void start_served(struct front_lab *lab)
{
	front_protocol(lab);
	front_features(lab, FEATURES_PLAIN);
	front_memory(lab);
	front_ring(lab, 0, 0);
	front_ring(lab, 1, 0);
}

static void connects_whenever_a_front_end_listens(void **state)
{
	const unsigned files = front_open_files();
	struct front_lab lab;
	int listener;

	(void)state;
	front_lab_init(&lab);
	open_port(&lab);
	front_turn(&lab);
	assert_string_equal(front_fact(&lab, "state"), "connecting: No such file or directory");
	for (int i = 0; i < 3; i++) {
		memset(lab.bytes, 0, MEMORY);
		lab.sent[1] = 0;
		listener = serve(&lab);
		wait_for_port(&lab, listener);
		start_served(&lab);
		assert_true(lab.b->up);
		assert_true(front_flows(&lab));
		(void)close(listener);
		front_leave(&lab);
		front_turn(&lab);
		assert_false(lab.b->up);
	}
	(void)unlink(lab.path);
	front_lab_close(&lab);
	assert_int_equal(front_open_files(), files);
}

/* The front end stays and cuts the connection, as QEMU does that is reset by its operator. */
static void connects_again_after_it_was_cut_off(void **state)
{
	struct front_lab lab;
	int listener;

	(void)state;
	front_lab_init(&lab);
	listener = serve(&lab);
	open_port(&lab);
	for (int i = 0; i < 5; i++) {
		wait_for_port(&lab, listener);
		(void)front_ask_u64(&lab, REQUEST_GET_FEATURES);
		front_leave(&lab);
	}
	(void)close(listener);
	(void)unlink(lab.path);
	front_lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listens_for_its_group_and_leaves_nothing),
		cmocka_unit_test(takes_the_place_of_a_dead_daemon_only),
		cmocka_unit_test(refuses_paths_with_the_reason),
		cmocka_unit_test(leaves_the_socket_of_another_alone),
		cmocka_unit_test(turns_a_second_front_end_away),
		cmocka_unit_test(takes_the_successor_of_a_front_end_that_died),
		cmocka_unit_test(grows_by_nothing_under_hostile_visits),
		cmocka_unit_test(connects_whenever_a_front_end_listens),
		cmocka_unit_test(connects_again_after_it_was_cut_off),
	};

	return cmocka_run_group_tests_name("vhost_socket", tests, NULL, NULL);
}
