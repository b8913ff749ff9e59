/* SPDX-License-Identifier: Apache-2.0 */
/* main/options.c - the command line of xvsd. */
#include "main/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/protocol.h"

enum { EXIT_USAGE = 2 };

static const char usage[] =
	"usage: xvsd [--config FILE] [--socket PATH] [--state DIR] [--extensions DIR]\n"
	"            [--check] [--return-addresses] [--foreground]\n"
	"\n"
	"  --config FILE      what is wanted (/etc/xvs/xvs.yaml)\n"
	"  --socket PATH      where xvsctl finds the daemon (" XVS_SOCKET_DEFAULT ")\n"
	"  --state DIR        what survives a restart; one daemon each (/var/lib/xvs)\n"
	"  --extensions DIR   looked through before those that the file names\n"
	"  --check            check the file, print every error and leave: 0 it is fine, 1 it is not\n"
	"  --return-addresses give the uplinks what a killed daemon's host ports had of them, and leave\n"
	"  --foreground       stay; without it the command returns when all is in force\n"
	"  --version, --help\n"
	"\n"
	"SIGHUP reads the file again, SIGTERM ends the daemon. See xvsd(8).\n";

static const struct option known[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "socket", required_argument, NULL, 's' },
	{ "state", required_argument, NULL, 'd' },
	{ "extensions", required_argument, NULL, 'e' },
	{ "check", no_argument, NULL, 'k' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "audit", no_argument, NULL, 'a' },
	{ "version", no_argument, NULL, 'v' },
	{ "return-addresses", no_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* -1: go on; else leave with this. */
static int option_take(int option, struct options *o)
{
	switch (option) {
	case 'c':
		o->config = optarg;
		return -1;
	case 's':
		o->socket = optarg;
		return -1;
	case 'd':
		o->state = optarg;
		return -1;
	case 'e':
		o->extensions = optarg;
		return -1;
	case 'k':
		o->is_check = true;
		return -1;
	case 'r':
		o->is_return = true;
		return -1;
	case 'f':
		o->is_foreground = true;
		return -1;
	case 'a':
		(void)fputs("xvsd: --audit is not offered by this version\n", stderr);
		return EXIT_USAGE;
	case 'v':
		(void)puts("xvsd " XVS_VERSION);
		return EXIT_SUCCESS;
	case 'h':
		(void)fputs(usage, stdout);
		return EXIT_SUCCESS;
	default:
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
}

bool options_read(int argc, char **argv, struct options *out, int *exit_code)
{
	struct options o = { .config = "/etc/xvs/xvs.yaml",
			     .socket = XVS_SOCKET_DEFAULT,
			     .state = "/var/lib/xvs" };
	int option;
	int leave = -1;

	while (leave < 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1)
		leave = option_take(option, &o);
	if (leave < 0 && optind < argc) {
		(void)fprintf(stderr, "xvsd: unexpected argument \"%s\"\n%s", argv[optind], usage);
		leave = EXIT_USAGE;
	}
	if (leave >= 0) {
		*exit_code = leave;
		return false;
	}
	*out = o;
	return true;
}
