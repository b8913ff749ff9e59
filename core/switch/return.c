/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/return.c - back to what was wanted before: the file's part and everybody else's, as one
 * change like any other.
 */
#include "base/error.h"
#include "switch/transaction.h"

struct return_args {
	struct config_spec *spec;
	char *file;
	json_t *snapshot;
};

static void free_args(void *arg)
{
	struct return_args *args = arg;

	if (!args)
		return;
	config_spec_destroy(args->spec);
	free(args->file);
	json_decref(args->snapshot);
	free(args);
}

static void exchange(struct model *a, struct model *b)
{
	struct model kept = *a;

	*a = *b;
	*b = kept;
}

static int edit(struct world *w, struct model *m, void *arg, struct diags *d)
{
	struct return_args *args = arg;
	struct model *earlier = model_create();
	int result;

	(void)w;
	if (!earlier)
		return -ENOMEM;
	result = model_set_file(earlier, args->spec, args->file);
	args->spec = NULL;
	if (result == 0)
		result = model_restore(earlier, args->snapshot, d);
	if (result == 0) {
		exchange(m, earlier);
		d->file = m->file->name;
	}
	model_destroy(earlier);
	return result;
}

static struct return_args *args_create(const struct earlier *e)
{
	struct return_args *args = calloc(1, sizeof(*args));

	if (!args) {
		config_spec_destroy(e->spec);
		return NULL;
	}
	args->spec = e->spec;
	args->file = e->file ? strdup(e->file) : NULL;
	/* Frozen: the caller's may go before our turn comes. */
	args->snapshot = json_deep_copy(e->snapshot);
	if (args->snapshot && (args->file || !e->file))
		return args;
	free_args(args);
	return NULL;
}

void world_return(struct world *w, const struct earlier *e, const struct wish *wish)
{
	struct request request = { .edit = edit,
				   .free_args = free_args,
				   .args = args_create(e),
				   .is_strict = !e->is_tolerant,
				   .is_tolerant = e->is_tolerant,
				   .wish = *wish };

	if (request.args)
		world_request(w, &request);
	else
		world_refuse(&request);
}
