/* SPDX-License-Identifier: Apache-2.0 */
/* extlab/conf.c - the configuration of the lab's switch, as a file would have it. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "extlab/part.h"

static const char ports_key[] = "ports";

/* All of the file but what is of single ports. */
static struct node *for_all(const struct node *policies)
{
	struct node *copy = policies ? node_copy(policies) : node_create(NODE_MAP);

	if (copy)
		(void)node_remove(copy, ports_key);
	return copy;
}

/* Its identity is the same in each lab, as that of a port that moves. */
static bool fill_port(struct port_spec *out, const struct lab_port *from, size_t nr,
		      const struct node *policies)
{
	const struct node *of_ports = policies ? node_get(policies, ports_key) : NULL;
	const struct node *own = of_ports ? node_get(of_ports, from->name) : NULL;

	(void)str_copy(out->name, sizeof(out->name), from->name);
	(void)str_copy(out->backend.kind, sizeof(out->backend.kind), MEMORY_KIND);
	out->backend.offloads = true;
	out->role = from->is_uplink ? PORT_UPLINK : PORT_GUEST;
	out->has_mac = from->has_mac;
	memcpy(out->mac, from->mac, sizeof(out->mac));
	out->has_uuid = true;
	out->uuid[6] = 0x40; /* version 4 */
	out->uuid[8] = 0x80;
	out->uuid[15] = (uint8_t)(nr + 1);
	if (own)
		out->policies = node_copy(own);
	return !own || out->policies;
}

struct port_spec *lab_port_spec(const struct lab *lab, size_t nr, const struct node *policies)
{
	struct port_spec *spec = calloc(1, sizeof(*spec));

	if (spec && fill_port(spec, &lab->ports[nr], nr, policies))
		return spec;
	free(spec);
	return NULL;
}

static bool fill_chain(struct switch_spec *sw, const struct lab *lab)
{
	sw->chain = calloc(lab->chain_count + 1, sizeof(*sw->chain));
	for (size_t i = 0; sw->chain && i < lab->chain_count; i++) {
		struct chain_spec *at = &sw->chain[sw->chain_count++];

		(void)str_copy(at->instance, sizeof(at->instance), lab->chain[i]->id);
		(void)str_copy(at->extension, sizeof(at->extension), lab->chain[i]->id);
		at->required_set = true;
		at->required = true;
	}
	return sw->chain != NULL;
}

/* Uplinks come before guests. */
static bool fill_ports(struct switch_spec *sw, const struct lab *lab, const struct node *policies,
		       bool is_uplink)
{
	for (size_t i = 0; i < lab->port_count; i++)
		if (lab->ports[i].is_uplink == is_uplink &&
		    !fill_port(&sw->ports[sw->port_count++], &lab->ports[i], i, policies))
			return false;
	return true;
}

struct config_spec *lab_spec(const struct lab *lab, const struct node *policies, bool has_ports)
{
	struct config_spec *spec = calloc(1, sizeof(*spec));
	struct switch_spec *sw = spec ? calloc(1, sizeof(*sw)) : NULL;

	if (!sw) {
		free(spec);
		return NULL;
	}
	spec->switches = sw;
	spec->switch_count = 1;
	(void)str_copy(sw->name, sizeof(sw->name), LAB_SWITCH);
	sw->type = SWITCH_EXTERNAL;
	sw->policies = for_all(policies);
	sw->ports = calloc(LAB_PORTS_MAX, sizeof(*sw->ports));
	if (sw->policies && sw->ports && fill_chain(sw, lab) &&
	    fill_ports(sw, lab, policies, true) &&
	    (!has_ports || fill_ports(sw, lab, policies, false)))
		return spec;
	config_spec_destroy(spec);
	return NULL;
}
