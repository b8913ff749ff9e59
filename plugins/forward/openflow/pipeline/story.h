/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/story.h - what a walk found, line by line, for an operator's trace.
 *
 * Everyday packets have none: walk->story is NULL.
 */
#ifndef OPENFLOW_PIPELINE_STORY_H
#define OPENFLOW_PIPELINE_STORY_H

#include "pipeline/walk.h"

enum { OF_STORY_BYTES = 4096 };

/* [worker] */
void of_story_rule(struct of_walk *w, const struct of_rule *r);
void of_story_miss(struct of_walk *w);
void of_story_meter(struct of_walk *w, uint32_t id);
void of_story_group(struct of_walk *w, const struct of_group *g);
void of_story_bucket(struct of_walk *w, const struct of_group *g, const struct of_group_bucket *b);
void of_story_not_sent(struct of_walk *w, uint32_t number, const char *why);

#endif /* OPENFLOW_PIPELINE_STORY_H */
