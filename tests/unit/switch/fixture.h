/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world on the real packet path, fed with documents as an operator writes them; and what the
 * extensions of tests/modules/switch_recorder.c wrote down.
 */
#ifndef XVS_TEST_SWITCH_FIXTURE_H
#define XVS_TEST_SWITCH_FIXTURE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "config/document.h"
#include "support/test.h"
#include "switch/switch.h"

struct fixture {
	struct loop *loop;
	struct counters *counters;
	struct path *path;
	struct world *world;
	char dir[TEST_PATH];
	char record[TEST_PATH + 16];
	char run_dir[TEST_PATH + 16]; /* made by the world */
	unsigned changes;
};

/* What became of the last change. */
struct answer {
	bool is_there;
	int code;
	char text[4096]; /* all errors, one a line */
	char note[512];
};

static void fixture_changed(void *arg, const struct change *c)
{
	(void)c;
	((struct fixture *)arg)->changes++;
}

/* Linked into the world; NULL: nothing. */
static const struct xvs_module *const *fixture_builtins;
/* Instead of those of the tests; NULL: those. */
static const char *fixture_dir;
/* The extensions of the project itself, beside those of the tests. */
static bool fixture_has_extensions;

static void fixture_world(struct fixture *f)
{
	static const char *dirs[] = { XVS_TEST_EXTENSIONS, XVS_BUILT_EXTENSIONS };
	struct xvs_error err = ERROR_INIT;
	struct world_config config = { .loop = f->loop,
				       .path = f->path,
				       .counters = f->counters,
				       .extension_dirs = dirs,
				       .extension_dir_count = fixture_has_extensions ? 2 : 1,
				       .builtins = fixture_builtins,
				       .run_dir = f->run_dir,
				       .changed = fixture_changed,
				       .changed_arg = f };

	dirs[0] = fixture_dir ? fixture_dir : XVS_TEST_EXTENSIONS;
	assert_int_equal(world_create(&config, &f->world, &err), 0);
}

static int fixture_start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct xvs_error err = ERROR_INIT;
	struct path_config config = { .workers = 1, .flows = 1024 };

	hash_start();
	(void)test_temp_dir(f->dir);
	(void)snprintf(f->record, sizeof(f->record), "%s/record", f->dir);
	(void)snprintf(f->run_dir, sizeof(f->run_dir), "%s/run", f->dir);
	assert_int_equal(setenv("XVS_RECORD", f->record, 1), 0);
	assert_int_equal(loop_create(&f->loop, &err), 0);
	assert_int_equal(counters_create(&f->counters, NULL, 1, &err), 0);
	assert_int_equal(rcu_start(f->loop, &err), 0);
	config.counters = f->counters;
	config.loop = f->loop;
	assert_int_equal(path_create(&config, &f->path, &err), 0);
	fixture_world(f);
	*state = f;
	return 0;
}

static void fixture_answer(void *arg, const struct outcome *o)
{
	struct answer *a = arg;
	char line[1024];
	size_t len = 0;

	a->is_there = true;
	a->code = o->code;
	a->text[0] = '\0';
	for (size_t i = 0; i < o->d->count && i < DIAG_MAX && len < sizeof(a->text) - 1; i++)
		len += (size_t)snprintf(a->text + len, sizeof(a->text) - len, "%s\n",
					diag_print(o->d, i, line, sizeof(line)));
	(void)snprintf(a->note, sizeof(a->note), "%s", o->note ? o->note : "");
}

/* What is asked for is answered there. */
static inline struct wish fixture_wish(struct answer *a)
{
	return (struct wish){ .done = fixture_answer, .arg = a };
}

static void fixture_stop_loop(void *arg)
{
	loop_stop(arg);
}

/* Runs the loop until *is_there, at most ten seconds. */
static void fixture_wait(struct fixture *f, const bool *is_there)
{
	struct loop_timer *timer = loop_timer_create(f->loop, fixture_stop_loop, f->loop);

	for (unsigned i = 0; i < 10000 && !*is_there; i++) {
		loop_timer_arm(timer, 1000000);
		loop_run(f->loop);
	}
	loop_timer_destroy(timer);
	assert_true(*is_there);
}

static void fixture_gone(void *arg)
{
	*(bool *)arg = true;
}

static void fixture_end_world(struct fixture *f)
{
	bool is_gone = false;

	world_destroy(f->world, fixture_gone, &is_gone);
	fixture_wait(f, &is_gone);
}

static int fixture_stop(void **state)
{
	struct fixture *f = *state;

	fixture_end_world(f);
	path_destroy(f->path);
	rcu_stop();
	loop_drain(f->loop);
	counters_destroy(f->counters);
	loop_destroy(f->loop);
	test_temp_remove(f->dir);
	free(f);
	return 0;
}

static struct config_spec *fixture_spec(const struct fixture *f, const char *yaml, struct diags *d)
{
	char path[TEST_PATH + 16];
	struct config_spec *spec;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/xvs.yaml", f->dir);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(yaml, file) >= 0);
	assert_int_equal(fclose(file), 0);
	spec = document_load(path, d);
	d->file = "xvs.yaml";
	return spec;
}

static struct answer fixture_apply_(struct fixture *f, const char *yaml, bool drop_overlays)
{
	struct diags *d = calloc(1, sizeof(*d));
	struct config_spec *spec = fixture_spec(f, yaml, d);
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);
	char line[1024];

	if (!spec)
		fail_msg("document: %s", diag_print(d, 0, line, sizeof(line)));
	free(d);
	world_apply(f->world, spec, drop_overlays, "xvs.yaml", &wish);
	fixture_wait(f, &a.is_there);
	return a;
}

static inline struct answer fixture_apply(struct fixture *f, const char *yaml)
{
	return fixture_apply_(f, yaml, false);
}

/* It must succeed. */
static inline void fixture_has(struct fixture *f, const char *yaml)
{
	struct answer a = fixture_apply(f, yaml);

	if (a.code != 0)
		fail_msg("refused: %s", a.text);
}

static inline struct answer fixture_enable(struct fixture *f, const char *target, bool on)
{
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);

	world_instance_enable(f->world, target, on, &wish);
	fixture_wait(f, &a.is_there);
	return a;
}

static inline struct answer fixture_set(struct fixture *f, const char *target, const char *feature,
					const char *assignment, bool override)
{
	struct diags *d = calloc(1, sizeof(*d));
	struct policy_change change = {
		.target = target, .feature = feature, .owner = OWNER_API, .is_override = override
	};
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);

	change.fields = assignment ? node_from_assignments(&assignment, 1, d) : NULL;
	free(d);
	world_policy_set(f->world, &change, &wish);
	fixture_wait(f, &a.is_there);
	return a;
}

static inline struct answer fixture_add_port(struct fixture *f, const char *sw, const char *name)
{
	struct port_spec *spec = calloc(1, sizeof(*spec));
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);

	(void)snprintf(spec->name, sizeof(spec->name), "%s", name);
	(void)snprintf(spec->backend.kind, sizeof(spec->backend.kind), "null");
	world_port_add(f->world, sw, spec, OWNER_API, &wish);
	fixture_wait(f, &a.is_there);
	return a;
}

static inline struct answer fixture_remove_port(struct fixture *f, const char *target,
						bool override)
{
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);

	world_port_remove(f->world, target, OWNER_API, override, &wish);
	fixture_wait(f, &a.is_there);
	return a;
}

/* What was written since the last call; given. */
static inline char *fixture_record(struct fixture *f)
{
	FILE *file = fopen(f->record, "re");
	char *text = calloc(1, 65536);

	if (file) {
		text[fread(text, 1, 65535, file)] = '\0';
		(void)fclose(file);
		(void)unlink(f->record);
	}
	return text;
}

/* What was written since the last call is this. */
static inline void fixture_expect(struct fixture *f, const char *expected)
{
	char *text = fixture_record(f);

	assert_string_equal(text, expected);
	free(text);
}

/* An empty file beside the record, for which extensions look. */
static inline void fixture_touch(const struct fixture *f, const char *ending)
{
	char path[TEST_PATH + 32];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s%s", f->record, ending);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
}

static inline char *fixture_dump(json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(j);
	return text;
}

static inline size_t fixture_count(json_t *list)
{
	size_t count = json_array_size(list);

	json_decref(list);
	return count;
}

/* A text of an answer at "a/b/0/c"; "" where there is none.  Takes 'j'. */
static inline void fixture_pick(json_t *j, const char *path, char *out, size_t size)
{
	const json_t *at = j;
	char part[64];

	while (*path && at) {
		size_t len = strcspn(path, "|");

		(void)snprintf(part, sizeof(part), "%.*s", (int)len, path);
		at = json_is_array(at) ? json_array_get(at, (size_t)atoi(part))
				       : json_object_get(at, part);
		path += len + (path[len] == '|');
	}
	out[0] = '\0';
	if (json_is_string(at))
		(void)snprintf(out, size, "%s", json_string_value(at));
	else if (json_is_integer(at))
		(void)snprintf(out, size, "%lld", (long long)json_integer_value(at));
	else if (json_is_boolean(at))
		(void)snprintf(out, size, "%s", json_is_true(at) ? "true" : "false");
	json_decref(j);
}

#define EXPECT(j, path, expected) \
	do { \
		char picked_[512]; \
		fixture_pick((j), (path), picked_, sizeof(picked_)); \
		assert_string_equal(picked_, (expected)); \
	} while (0)

#endif /* XVS_TEST_SWITCH_FIXTURE_H */
