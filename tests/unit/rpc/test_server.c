/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/fake_table.h"
#include "rpc/peer.h"
#include "rpc/server.h"

static char dir[TEST_PATH];
static char path[TEST_PATH + 16];
static struct loop *loop;
static struct server *server;

static int setup(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	fake_later_count = 0;
	(void)test_temp_dir(dir);
	(void)snprintf(path, sizeof(path), "%s/xvs.sock", dir);
	if (loop_create(&loop, &err))
		return -1;
	return server_create(loop, path, &fake_table, &server, &err);
}

static int teardown(void **state)
{
	(void)state;
	server_destroy(server);
	loop_destroy(loop);
	test_temp_remove(dir);
	return 0;
}

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Everything that is due runs. */
static void turn(void)
{
	for (int i = 0; i < 50; i++)
		(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What has come by now; "" if nothing, "EOF" if it is over. */
static const char *received(int fd)
{
	static char text[1 << 16];
	ssize_t len;

	turn();
	len = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	if (len == 0)
		return "EOF";
	text[len < 0 ? 0 : len] = '\0';
	return text;
}

static void answers_lines_in_pieces(void **state)
{
	static const char line[] =
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":[\"hi\"]}\n";
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		assert_string_equal(received(fd), "");
		assert_int_equal(send(fd, line + i, 1, 0), 1);
	}
	assert_string_equal(received(fd), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"hi\"}\n");
	(void)close(fd);
	turn();
	assert_int_equal(server_connections(server), 0);
}

static void answers_many_lines_of_one_write(void **state)
{
	char text[16384] = "";
	const char *at;
	int fd = dial();
	int count = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		strcat(text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sum\",\"params\":[1]}\n");
	send_text(fd, text);
	for (at = received(fd); (at = strchr(at, '\n')); at++)
		count++;
	assert_int_equal(count, 200);
	(void)close(fd);
}

static void answers_after_the_caller_said_its_last(void **state)
{
	int fd = dial();

	(void)state;
	send_text(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"later\"}\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_string_equal(received(fd), "");
	assert_int_equal(fake_later_count, 1);
	fake_answer_all();
	assert_string_equal(received(fd), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":true}\n");
	assert_string_equal(received(fd), "EOF");
	(void)close(fd);
	turn();
	assert_int_equal(server_connections(server), 0);
}

static void survives_callers_that_leave(void **state)
{
	int fd = dial();

	(void)state;
	send_text(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"later\"}\n{\"half\":");
	turn();
	(void)close(fd);
	turn();
	assert_int_equal(fake_later_count, 1);
	fake_answer_all();
	turn();
	assert_int_equal(server_connections(server), 0);
}

static void goes_away_with_calls_running(void **state)
{
	struct xvs_error err = ERROR_INIT;
	int fd = dial();

	(void)state;
	send_text(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"later\"}\n");
	turn();
	server_destroy(server);
	fake_answer_all();
	assert_string_equal(received(fd), "EOF");
	(void)close(fd);
	assert_int_equal(server_create(loop, path, &fake_table, &server, &err), 0);
}

static void bounds_a_line(void **state)
{
	enum { PIECE = 1 << 16 };
	char *piece = malloc(PIECE);
	int fd = dial();
	size_t total = 0;
	ssize_t sent;

	(void)state;
	assert_non_null(piece);
	memset(piece, 'x', PIECE);
	/* The server reads no further than its bound, so a caller that goes on is left waiting. */
	for (int idle = 0; idle < 3;) {
		sent = send(fd, piece, PIECE, MSG_DONTWAIT | MSG_NOSIGNAL);
		idle = sent < 0 ? idle + 1 : 0;
		total += sent < 0 ? 0 : (size_t)sent;
		(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
		if (total > 2 * (size_t)RPC_LINE_MAX)
			break;
	}
	assert_true(total > RPC_LINE_MAX);
	assert_true(total < 2 * (size_t)RPC_LINE_MAX);
	assert_non_null(strstr(received(fd), "longer than 16777216 bytes"));
	(void)close(fd);
	free(piece);
	turn();
	assert_int_equal(server_connections(server), 0);
}

static void turns_away_more_than_its_connections(void **state)
{
	int fds[RPC_CONNECTIONS_MAX];
	int late;

	(void)state;
	for (int i = 0; i < RPC_CONNECTIONS_MAX; i++) {
		fds[i] = dial();
		turn();
	}
	late = dial();
	assert_non_null(strstr(received(late), "too many connections"));
	assert_string_equal(received(late), "EOF");
	(void)close(fds[0]);
	turn();
	(void)close(late);
	late = dial();
	send_text(late, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sum\",\"params\":[1]}\n");
	assert_non_null(strstr(received(late), "\"result\":8"));
	(void)close(late);
	for (int i = 1; i < RPC_CONNECTIONS_MAX; i++)
		(void)close(fds[i]);
	turn();
	assert_int_equal(server_connections(server), 0);
}

static void does_not_read_from_one_that_does_not_read(void **state)
{
	static const char line[] =
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nothing-of-that-name\"}\n";
	int fd = dial();
	size_t total = 0;
	ssize_t sent = 1;

	(void)state;
	for (int idle = 0; idle < 100 && total < 64u << 20;) {
		sent = send(fd, line, sizeof(line) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		idle = sent > 0 ? 0 : idle + 1;
		total += sent > 0 ? (size_t)sent : 0;
		if (sent <= 0)
			turn();
	}
	assert_true(total < 64u << 20);
	(void)close(fd);
	turn();
	assert_int_equal(server_connections(server), 0);
}

static void refuses_a_socket_in_use_and_takes_over_a_dead_one(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct server *second = NULL;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char dead[TEST_PATH + 16];
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(server_create(loop, path, &fake_table, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "another daemon listens there"));
	(void)snprintf(dead, sizeof(dead), "%s/dead.sock", dir);
	memcpy(address.sun_path, dead, strlen(dead) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)close(fd);
	assert_int_equal(server_create(loop, dead, &fake_table, &second, &err), 0);
	assert_int_equal(stat(dead, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	server_destroy(second);
	assert_int_equal(stat(dead, &st), -1);
}

static void leaves_files_of_other_kinds(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct server *second = NULL;
	char file[TEST_PATH + 16];
	FILE *f;

	(void)state;
	(void)snprintf(file, sizeof(file), "%s/file", dir);
	f = fopen(file, "w");
	assert_non_null(f);
	(void)fclose(f);
	assert_int_equal(server_create(loop, file, &fake_table, &second, &err), -EEXIST);
	assert_non_null(strstr(err.text, "a file of another kind is there"));
	assert_int_equal(access(file, F_OK), 0);
}

static void gives_roles_by_credentials(void **state)
{
	struct peer p = { .uid = 1000, .groups = { 1000, 27, 300 }, .group_count = 3 };

	(void)state;
	assert_int_equal(peer_role(&p, 990, 300), RPC_OPERATOR);
	assert_int_equal(peer_role(&p, 990, 301), RPC_READ_ONLY);
	assert_int_equal(peer_role(&p, 990, (gid_t)-1), RPC_READ_ONLY);
	assert_int_equal(peer_role(&p, 1000, 301), RPC_ADMIN);
	p.uid = 0;
	assert_int_equal(peer_role(&p, 990, 301), RPC_ADMIN);
	/* A group of -1 in the list means nothing. */
	p = (struct peer){ .uid = 7, .groups = { (gid_t)-1 }, .group_count = 1 };
	assert_int_equal(peer_role(&p, 990, (gid_t)-1), RPC_READ_ONLY);
	assert_int_equal(peer_group("no-such-group-of-mine"), (gid_t)-1);
}

static void reads_the_credentials_of_a_socket(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct peer p;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(peer_read(pair[0], &p, &err), 0);
	assert_int_equal(p.uid, geteuid());
	assert_int_equal(p.pid, getpid());
	assert_int_equal(p.groups[0], getegid());
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_lines_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_many_lines_of_one_write, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_after_the_caller_said_its_last, setup,
						teardown),
		cmocka_unit_test_setup_teardown(survives_callers_that_leave, setup, teardown),
		cmocka_unit_test_setup_teardown(goes_away_with_calls_running, setup, teardown),
		cmocka_unit_test_setup_teardown(bounds_a_line, setup, teardown),
		cmocka_unit_test_setup_teardown(turns_away_more_than_its_connections, setup,
						teardown),
		cmocka_unit_test_setup_teardown(does_not_read_from_one_that_does_not_read, setup,
						teardown),
		cmocka_unit_test_setup_teardown(refuses_a_socket_in_use_and_takes_over_a_dead_one,
						setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_files_of_other_kinds, setup, teardown),
		cmocka_unit_test(gives_roles_by_credentials),
		cmocka_unit_test(reads_the_credentials_of_a_socket),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
