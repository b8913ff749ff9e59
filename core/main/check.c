/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main/check.c - "xvsd --check": the same checks as at the start, on an empty switch in memory, so
 * that a file can be checked beside a running daemon and without privileges.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "main/daemon.h"

static void diags_print(const struct diags *d)
{
	char text[512];

	for (size_t i = 0; i < d->count && i < DIAG_MAX; i++)
		(void)fprintf(stderr, "%s\n", diag_print(d, i, text, sizeof(text)));
	if (d->count > DIAG_MAX)
		(void)fprintf(stderr, "and %zu more errors\n", d->count - DIAG_MAX);
}

static void on_gone(void *arg)
{
	struct daemon *d = arg;

	d->world = NULL;
	loop_stop(d->loop);
}

/* What could not be read must not be missed by the parts. */
static void daemon_defaults(struct config_spec *spec, bool is_whole)
{
	/* No packet will come. */
	spec->daemon.workers = 1;
	spec->daemon.flows = FLOWS_MIN;
	spec->daemon.connections = CONNECTIONS_MIN;
	spec->daemon.polling = POLLING_INTERRUPT;
	if (is_whole)
		return;
	free(spec->daemon.cores);
	spec->daemon.cores = NULL;
}

/* With the features of the extensions that can be found. */
static void check_keys(const struct daemon *d, const struct network_spec *n, struct diags *diags)
{
	struct xvs_error err = ERROR_INIT;

	if (control_network_set(d->network, n, &err))
		diag_add_at(diags, n->at.line, n->at.column, "%s", err.text);
}

static void check_wanted(const struct options *options, struct config_spec *spec,
			 struct diags *diags)
{
	struct daemon d = { .options = options };
	struct xvs_error err = ERROR_INIT;
	bool is_whole = diags->count == 0;

	daemon_defaults(spec, is_whole);
	if (parts_start(&d, spec, NULL, &err))
		diag_add(diags, NULL, "%s", err.text);
	else if (is_whole)
		(void)world_check(d.world, spec, diags);
	else
		control_check_rest(d.world, spec, diags);
	if (d.network && is_whole)
		check_keys(&d, &spec->extensions.network, diags);
	if (d.world) {
		world_destroy(d.world, on_gone, &d);
		loop_run(d.loop);
	}
	parts_stop(&d);
}

int check_run(const struct options *options)
{
	struct diags diags = { .count = 0 };
	struct config_text t = { .name = options->config };
	char *text = control_load(options->config, &t.len, &diags);
	struct config_spec *spec = NULL;

	t.text = text;
	if (text)
		spec = control_read_partly(&t, &diags);
	if (spec)
		check_wanted(options, spec, &diags);
	diags_print(&diags);
	config_spec_destroy(spec);
	free(text);
	return diags.count ? EXIT_FAILURE : EXIT_SUCCESS;
}
