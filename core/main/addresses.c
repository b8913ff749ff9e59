/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main/addresses.c - "xvsd --return-addresses": what a host port had of the uplinks goes back to them,
 * where a daemon was killed and none is started again.
 */
#include <stdlib.h>

#include "base/log.h"
#include "control/journal.h"
#include "main/daemon.h"

int addresses_return(const struct options *options)
{
	struct xvs_error err = ERROR_INIT;
	struct journal *held;
	int code = journal_lock(options->state, &held, &err);

	if (code) {
		log_message(MSG_ENDING, "addresses stay where they are: %s", err.text);
		return EXIT_FAILURE;
	}
	code = world_recover_addresses(options->state);
	journal_close(held);
	return code ? EXIT_FAILURE : EXIT_SUCCESS;
}
