/* SPDX-License-Identifier: Apache-2.0 */
/* Documents from text and from tests/golden/config, and errors compared by text. */
#ifndef TESTS_CONFIG_SAMPLE_H
#define TESTS_CONFIG_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/yaml.h"
#include "config/document.h"
#include "config/print.h"

static struct diags sample_diags;

static inline struct node *sample_yaml(const char *text)
{
	sample_diags.count = 0;
	sample_diags.file = "x.yaml";
	return yaml_read(text, strlen(text), &sample_diags);
}

static inline struct config_spec *sample_config(const char *text)
{
	struct node *root = sample_yaml(text);
	struct config_spec *spec = root ? document_read(root, &sample_diags) : NULL;

	node_destroy(root);
	return spec;
}

/* The same where it must succeed; gcc does not know that cmocka's assertions do not return. */
static inline struct node *accepted_yaml(const char *text)
{
	struct node *root = sample_yaml(text);

	assert_non_null(root);
	if (!root)
		abort();
	return root;
}

static inline struct config_spec *accepted_config(const char *text)
{
	struct config_spec *spec = sample_config(text);

	assert_non_null(spec);
	if (!spec)
		abort();
	return spec;
}

static inline struct config_spec *accepted_file(const char *path)
{
	struct config_spec *spec;

	sample_diags.count = 0;
	spec = document_load(path, &sample_diags);
	assert_non_null(spec);
	if (!spec)
		abort();
	return spec;
}

/* All errors, one a line. */
static inline char *sample_errors(void)
{
	struct strbuf out = { 0 };
	char line[512];

	for (size_t i = 0; i < sample_diags.count; i++)
		strbuf_add(&out, "%s\n", diag_print(&sample_diags, i, line, sizeof(line)));
	return out.text;
}

static inline void assert_errors(const char *expected)
{
	char *errors = sample_errors();

	assert_non_null(errors);
	assert_string_equal(errors, expected);
	free(errors);
}

#define GOLDEN XVS_SOURCE_DIR "/tests/golden/config/"

static inline char *golden_text(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = calloc(1, 65536);

	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, 65535, file) > 0);
	(void)fclose(file);
	return text;
}

#endif /* TESTS_CONFIG_SAMPLE_H */
