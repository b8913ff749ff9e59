/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a configuration: what is taken prints as YAML that reads back equal, and what is
 * refused says why.
 * links: xvs_config xvs_spec xvs_policy xvs_base
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/yaml.h"
#include "config/document.h"
#include "config/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct diags diags;

/* The tree of printed text, which must be readable. */
static struct node *read_printed(const struct node *n)
{
	char *text = print_yaml(n);
	struct node *again;

	assert(text);
	diags.count = 0;
	again = yaml_read(text, strlen(text), &diags);
	assert(again && diags.count == 0);
	free(text);
	return again;
}

static void check_tree(const struct node *root)
{
	struct node *again = read_printed(root);

	assert(node_equal(root, again));
	node_destroy(again);
}

static void check_spec(const struct config_spec *spec)
{
	struct node *printed = print_config(spec);
	struct node *again = read_printed(printed);
	struct config_spec *second = document_read(again, &diags);
	struct node *reprinted;

	assert(second && diags.count == 0);
	reprinted = print_config(second);
	assert(node_equal(printed, reprinted));
	config_spec_destroy(second);
	node_destroy(reprinted);
	node_destroy(printed);
	node_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_spec *spec;
	struct node *root;

	diags.count = 0;
	root = yaml_read((const char *)data, size, &diags);
	assert(!root == (diags.count > 0));
	if (!root)
		return 0;
	check_tree(root);
	diags.count = 0;
	spec = document_read(root, &diags);
	assert(!spec == (diags.count > 0));
	if (spec)
		check_spec(spec);
	config_spec_destroy(spec);
	node_destroy(root);
	return 0;
}
