/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c - see options.h.
 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(n) (1ull << (n))

/* A word stands for what the driver of that side says (virtio 1.2, 5.1.3). */
static const struct {
	const char *word;
	uint64_t tx, rx;
} words[] = {
	{ "csum", BIT(0), BIT(1) },    { "tso", BIT(11) | BIT(12), BIT(7) | BIT(8) },
	{ "ufo", BIT(14), BIT(10) },   { "uso", BIT(56), BIT(54) | BIT(55) },
	{ "mrg", BIT(15), BIT(15) },   { "indirect", BIT(28), BIT(28) },
	{ "event", BIT(29), BIT(29) }, { "packed", BIT(34), BIT(34) },
};

static bool read_words(char *text, uint64_t *features, bool is_tx)
{
	char *rest = NULL;

	for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		bool is_known = false;

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			if (strcmp(words[i].word, word) != 0)
				continue;
			*features |= is_tx ? words[i].tx : words[i].rx;
			is_known = true;
		}
		if (!is_known) {
			fprintf(stderr, "no feature is called %s\n", word);
			return false;
		}
	}
	return true;
}

bool options_read(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "tx", required_argument, NULL, 't' },
		{ "rx", required_argument, NULL, 'r' },
		{ "mtu", required_argument, NULL, 'm' },
		{ "step", required_argument, NULL, 's' },
		{ 0 },
	};
	int option;

	*o = (struct options){ .mtu = 1500, .step = 1 };
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 't' && !read_words(optarg, &o->tx_features, true))
			return false;
		if (option == 'r' && !read_words(optarg, &o->rx_features, false))
			return false;
		if (option == 'm')
			o->mtu = (uint32_t)strtoul(optarg, NULL, 10);
		if (option == 's')
			o->step = (uint32_t)strtoul(optarg, NULL, 10);
		if (option == '?')
			return false;
	}
	if (argc - optind != 2 || o->step == 0) {
		(void)fputs(
			"bytes [--tx WORDS] [--rx WORDS] [--mtu N] [--step N] SENDER RECEIVER\n",
			stderr);
		return false;
	}
	o->sender = argv[optind];
	o->receiver = argv[optind + 1];
	return true;
}
