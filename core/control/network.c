/* SPDX-License-Identifier: Apache-2.0 */
/* control/network.c - the configuration's say about extensions' sockets becomes the host's. */
#include "control/control.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "ext/network.h"

int control_network_set(struct network *network, const struct network_spec *spec,
			struct xvs_error *err)
{
	struct network_settings settings = {
		.allow = (const char *const *)spec->allow,
		.allow_count = spec->allow_count,
	};

	if (spec->certificate[0])
		settings.files = (struct tls_files){
			.certificate = spec->certificate,
			.key = spec->key,
			.ca = spec->ca,
			.takes_tls12 = true,
		};
	return network_set(network, &settings, err);
}

void control_network(struct control *c, const struct network_spec *wanted)
{
	char *problem = c->problems.network;
	struct xvs_error err = ERROR_INIT;
	struct network_spec copy;

	/* What could not be used may be by now. */
	if (network_spec_equal(wanted, &c->network_now) && problem[0] == '\0')
		return;
	if (network_spec_copy(wanted, &copy))
		return;
	network_spec_finish(&c->network_now);
	c->network_now = copy;
	(void)control_network_set(c->network, wanted, &err);
	if (err.text[0] && strcmp(err.text, problem) != 0)
		log_message(MSG_EXTENSION_KEYS, "%s", err.text);
	(void)str_copy(problem, sizeof(c->problems.network), err.text);
}
