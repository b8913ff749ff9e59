/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/yaml_print.c - a document tree as YAML text, through the emitter of libyaml.
 *
 * Text in which lines, blanks or unusual characters could be lost is put in double quotes with
 * escapes; the emitter chooses between plain and single quotes for the rest.
 */
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/str.h"
#include "config/print.h"

/* NOLINTBEGIN(misc-no-recursion): trees, of a depth that their readers bound. */

static bool is_ordinary(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	return len > 0 && text[0] != ' ' && text[len - 1] != ' ';
}

static bool emit_scalar(yaml_emitter_t *e, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t event;
	/* libyaml copies the text and forgot to say so in its types. */
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): drops const without a cast that says it. */
	yaml_char_t *value = (yaml_char_t *)(uintptr_t)text;

	return yaml_scalar_event_initialize(&event, NULL, NULL, value, (int)strlen(text), 1, 1,
					    style) &&
	       yaml_emitter_emit(e, &event);
}

static bool emit_text(yaml_emitter_t *e, const char *text)
{
	return emit_scalar(e, text,
			   is_ordinary(text) ? YAML_ANY_SCALAR_STYLE
					     : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

static bool emit_node(yaml_emitter_t *e, const struct node *n);

static bool emit_map(yaml_emitter_t *e, const struct node *n)
{
	yaml_event_t event;

	if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) ||
	    !yaml_emitter_emit(e, &event))
		return false;
	for (size_t i = 0; i < n->count; i++) {
		if (!emit_text(e, n->items[i]->key) || !emit_node(e, n->items[i]))
			return false;
	}
	return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

static bool emit_list(yaml_emitter_t *e, const struct node *n)
{
	yaml_event_t event;

	if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
						  YAML_BLOCK_SEQUENCE_STYLE) ||
	    !yaml_emitter_emit(e, &event))
		return false;
	for (size_t i = 0; i < n->count; i++) {
		if (!emit_node(e, n->items[i]))
			return false;
	}
	return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

static bool emit_node(yaml_emitter_t *e, const struct node *n)
{
	switch (n->kind) {
	case NODE_MAP:
		return emit_map(e, n);
	case NODE_LIST:
		return emit_list(e, n);
	case NODE_SCALAR:
		return emit_text(e, n->text);
	default:
		return emit_scalar(e, "", YAML_PLAIN_SCALAR_STYLE);
	}
}

static bool emit_document(yaml_emitter_t *e, const struct node *n)
{
	yaml_event_t event;

	return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
	       yaml_emitter_emit(e, &event) &&
	       yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
	       yaml_emitter_emit(e, &event) && emit_node(e, n) &&
	       yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(e, &event) &&
	       yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

static int append(void *data, unsigned char *bytes, size_t len)
{
	struct strbuf *out = data;

	strbuf_put(out, (const char *)bytes, len);
	return !out->failed;
}

char *print_yaml(const struct node *n)
{
	struct strbuf out = { 0 };
	yaml_emitter_t emitter;
	bool is_done;

	if (!yaml_emitter_initialize(&emitter))
		return NULL;
	yaml_emitter_set_output(&emitter, append, &out);
	yaml_emitter_set_width(&emitter, -1);
	is_done = emit_document(&emitter, n);
	yaml_emitter_delete(&emitter);
	if (is_done && out.text)
		return out.text;
	strbuf_finish(&out);
	return NULL;
}

/* NOLINTEND(misc-no-recursion) */
