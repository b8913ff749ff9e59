/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that bring a descriptor, and what ends with its caller's connection. */
#include "support/test.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/server.h"

static char dir[TEST_PATH];
static char path[TEST_PATH + 16];
static struct loop *loop;
static struct server *server;
static unsigned ended;
static struct rpc_ending endings[8];
static unsigned ending_count;

static void note_ending(struct rpc_ending *ending)
{
	assert_true(ending >= endings && ending < endings + ending_count);
	ended++;
}

/* A pipe's reading end, with a word in it. */
static void give(struct rpc_call *call)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "word", 4), 4);
	(void)close(ends[1]);
	rpc_at_end(call, &endings[ending_count++], note_ending);
	rpc_answer_fd(call, json_string("given"), ends[0]);
}

static void big(struct rpc_call *call)
{
	char *text = calloc(1, (4 << 20) + 1);

	assert_non_null(text);
	memset(text, 'x', 4 << 20);
	rpc_answer(call, json_string(text));
	free(text);
}

static const struct rpc_method methods[] = {
	{ "give", RPC_READ_ONLY, "Gives.", "a descriptor", give, { { 0 } } },
	{ "big", RPC_READ_ONLY, "Says much.", "text", big, { { 0 } } },
};

static const struct rpc_table table = { methods, 2, NULL };

static int setup(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	ended = 0;
	ending_count = 0;
	(void)test_temp_dir(dir);
	(void)snprintf(path, sizeof(path), "%s/xvs.sock", dir);
	if (loop_create(&loop, &err))
		return -1;
	return server_create(loop, path, &table, &server, &err);
}

static int teardown(void **state)
{
	(void)state;
	server_destroy(server);
	loop_destroy(loop);
	test_temp_remove(dir);
	return 0;
}

static void turn(void)
{
	for (int i = 0; i < 50; i++)
		(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
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

static void ask(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	turn();
}

/* One read: its text, and the descriptor that came with it or -1. */
static const char *receive(int fd, int *given)
{
	static char text[4096];
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	ssize_t len = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	assert_true(len > 0);
	text[len] = '\0';
	*given = -1;
	if (c)
		memcpy(given, CMSG_DATA(c), sizeof(*given));
	return text;
}

static const char give_line[] = "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"give\"}\n";

static void the_descriptor_comes_with_its_answer(void **state)
{
	int fd = dial();
	char word[8];
	int given;

	(void)state;
	ask(fd, give_line);
	assert_string_equal(receive(fd, &given),
			    "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":\"given\"}\n");
	assert_true(given >= 0);
	assert_int_equal(read(given, word, sizeof(word)), 4);
	(void)close(given);
	(void)close(fd);
}

static void a_batch_gets_none(void **state)
{
	int fd = dial();
	int given;

	(void)state;
	ask(fd, "[{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"give\"}]\n");
	assert_non_null(strstr(receive(fd, &given), "not in a batch"));
	assert_int_equal(given, -1);
	(void)close(fd);
}

static void answers_not_read_yet_stand_before_it(void **state)
{
	char *text = malloc(5 << 20);
	int fd = dial();
	size_t len = 0;
	ssize_t got;

	(void)state;
	assert_non_null(text);
	ask(fd, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"big\"}\n"
		"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"give\"}\n");
	while ((got = recv(fd, text + len, (5 << 20) - 1 - len, MSG_DONTWAIT)) > 0) {
		len += (size_t)got;
		turn();
	}
	text[len] = '\0';
	assert_true(len > 4 << 20);
	/* given behind all of the first answer or refused, never in the midst of it */
	assert_non_null(strchr(text, '\n'));
	assert_memory_equal(strchr(text, '\n') + 1, "{\"jsonrpc\":\"2.0\",\"id\":3", 22);
	free(text);
	(void)close(fd);
}

static void endings_run_once_when_the_connection_closes(void **state)
{
	int fd = dial();
	int other = dial();

	(void)state;
	ask(fd, give_line);
	ask(fd, give_line);
	ask(other, give_line);
	assert_int_equal(ended, 0);
	(void)close(fd);
	turn();
	assert_int_equal(ended, 2);
	server_destroy(server);
	server = NULL;
	assert_int_equal(ended, 3);
	(void)close(other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_descriptor_comes_with_its_answer),
		CASE(a_batch_gets_none),
		CASE(answers_not_read_yet_stand_before_it),
		CASE(endings_run_once_when_the_connection_closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
