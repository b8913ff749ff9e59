/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/client.h - a connection to the daemon, one call at a time. */
#ifndef XVSCTL_CLIENT_H
#define XVSCTL_CLIENT_H

#include <jansson.h>

#include "control/protocol.h"

/* What a program that calls us may rely on. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,
	EXIT_WRONG_USE = 2,
	EXIT_NO_DAEMON = 3,
	EXIT_NOT_FOUND = 4,
};

struct client;

/* NULL: nobody is there; 'why' is set to a sentence that names the daemon. */
struct client *client_open(const char *path, const char *daemon, char *why, size_t size);
void client_close(struct client *c); /* NULL is fine */

/*
 * Takes 'params'.  EXIT_DONE: *result is new.  Else what went wrong has been printed on stderr:
 * every error with its place where there are several.
 */
int client_call(struct client *c, const char *method, json_t *params, json_t **result);

/* The same; *fd is the descriptor that came with the answer, for close(); -1: none. */
int client_call_fd(struct client *c, const char *method, json_t *params, json_t **result, int *fd);

/* Of the connection, for poll(). */
int client_descriptor(const struct client *c);

/* "error" of an answer: printed; the exit code. */
int client_print_error(const json_t *error);

#endif /* XVSCTL_CLIENT_H */
