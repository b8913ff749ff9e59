/* SPDX-License-Identifier: Apache-2.0 */
/* main/xvsd.c - the daemon. */
#include <stdlib.h>

#include "base/log.h"
#include "main/daemon.h"

int main(int argc, char **argv)
{
	struct options options;
	int exit_code;

	if (!options_read(argc, argv, &options, &exit_code))
		return exit_code;
	log_open(getenv("XVS_DEBUG") ? XVS_LOG_DEBUG : XVS_LOG_INFO,
		 getenv("JOURNAL_STREAM") != NULL);
	if (options.is_return)
		return addresses_return(&options);
	return options.is_check ? check_run(&options) : daemon_run(&options);
}
