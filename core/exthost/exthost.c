/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exthost/exthost.c - xvs-exthost: runs one extension of "isolation: process", for xvsd alone.
 *
 *      threads -> confine -> load -> confine more -> serve
 */
#include "exthost/exthost.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"

struct exthost exthost;

enum { EXIT_USAGE = 2, EXIT_CONFINED = 3 };

static int refuse(const char *what, int code)
{
	struct wire_reply r = { .code = code };

	/* to the daemon, which asks for something anyway; there is nobody else to be told */
	(void)snprintf(r.text, sizeof(r.text), "xvs-exthost cannot confine itself: %s: %s", what,
		       strerror(-code));
	(void)wire_send(WIRE_FD_SOCKET, WIRE_REPLY, &r, sizeof(r), NULL, 0, UINT64_MAX);
	return EXIT_CONFINED;
}

int main(int argc, char **argv)
{
	struct xvs_error err = ERROR_INIT;
	const char *step;
	size_t seed;
	int code;

	(void)argv;
	if (argc > 1 || fcntl(WIRE_FD_SOCKET, F_GETFD) < 0 || fcntl(WIRE_FD_MODULE, F_GETFD) < 0) {
		(void)fputs("xvs-exthost runs one extension for xvsd, which starts it; see "
			    "xvs-exthost(8)\n",
			    stderr);
		return EXIT_USAGE;
	}
	/* what would open a file later, when there is none to be had any more */
	random_fill(&seed, sizeof(seed));
	json_object_seed(seed | 1);
	if (loop_create(&exthost.loop, &err))
		return refuse("event loop", err.code);
	code = packets_start();
	if (code)
		return refuse("thread", code);
	code = confine(&step);
	if (code)
		return refuse(step, code);
	code = filter_install(FILTER_LOADING);
	if (code)
		return refuse("system calls", code);
	serve_start();
	return 0;
}
