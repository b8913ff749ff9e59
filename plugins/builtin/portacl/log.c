/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows that a rule with 'log' decided: a line in the log of the host, one object of JSON behind a
 * word.  Packets of a flow are judged once, so that is once for each flow; a connection that is
 * denied is told of each time it is tried, since it has no flow to remember it by.
 */
#include <arpa/inet.h>
#include <string.h>

#include "decide.h"
#include "effect.h"
#include "xvs/ext/sdk.h"

enum { ADDRESS_BYTES = 48, MAC_BYTES = 18, ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd };

static void address_print(const struct xvs_flow_key *key, const uint8_t address[16],
			  char out[ADDRESS_BYTES])
{
	uint16_t ethertype = xvs_ntoh16(key->ethertype);
	bool is_v6 = ethertype == ETHERTYPE_IPV6;

	out[0] = '\0';
	if ((is_v6 || ethertype == ETHERTYPE_IPV4) &&
	    !inet_ntop(is_v6 ? AF_INET6 : AF_INET, address + (is_v6 ? 0 : 12), out, ADDRESS_BYTES))
		out[0] = '\0';
}

static void mac_print(const uint8_t mac[6], char out[MAC_BYTES])
{
	(void)snprintf(out, MAC_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		       mac[3], mac[4], mac[5]);
}

/* A name may hold what a string of JSON may not. */
static void name_print(const char *name, char out[NAME_BYTES])
{
	size_t len = strnlen(name, NAME_BYTES - 1);

	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)name[i];

		out[i] = name[i];
		if (c < ' ' || c == '"' || c == '\\' || c == 0x7f)
			out[i] = '_';
	}
	out[len] = '\0';
}

static void line_print(const struct log_entry *e, uint64_t untold, char *line, size_t bytes)
{
	const struct xvs_flow_key *key = e->key;
	const struct answer *a = e->answer;
	const struct acl_port *port = e->batch->port_state;
	char src[ADDRESS_BYTES];
	char dst[ADDRESS_BYTES];
	char src_mac[MAC_BYTES];
	char dst_mac[MAC_BYTES];
	char name[NAME_BYTES];

	address_print(key, key->ip_src, src);
	address_print(key, key->ip_dst, dst);
	mac_print(key->eth_src, src_mac);
	mac_print(key->eth_dst, dst_mac);
	name_print(a->extended_tally->set->names[a->extended], name);
	(void)snprintf(
		line, bytes,
		"acl {\"what\":\"%s\",\"port\":\"%s\",\"rule\":%u,\"name\":\"%s\","
		"\"direction\":\"%s\",\"ethertype\":%u,\"src_mac\":\"%s\",\"dst_mac\":\"%s\","
		"\"proto\":%u,\"src\":\"%s\",\"src_port\":%u,\"dst\":\"%s\",\"dst_port\":%u,"
		"\"untold\":%llu}",
		a->is_denied ? "denied" : "allowed", port->name, a->extended, name,
		e->direction == DIRECTION_IN ? "in" : "out", xvs_ntoh16(key->ethertype), src_mac,
		dst_mac, key->ip_proto, src, xvs_ntoh16(key->l4_src), dst, xvs_ntoh16(key->l4_dst),
		(unsigned long long)untold);
}

/* One flow in so many, at random. */
static bool is_sampled(struct acl_worker *worker, uint32_t sample)
{
	return sample <= 1 || (xvs_random(&worker->random) >> 32) * sample >> 32 == 0;
}

void log_flow(const struct log_entry *e)
{
	const struct effect *effect = effect_of(e->answer);
	struct acl_worker *worker = e->batch->worker_state;
	const struct tally *t = e->answer->extended_tally;
	struct xvs_meter_rate rate;
	uint64_t untold;

	if (!effect || effect->log_sample == 0 || !is_sampled(worker, effect->log_sample))
		return;
	rate = (struct xvs_meter_rate){ t->set->log_rate, t->set->log_rate };
	if (xvs_meter_take(&t->log->meter, &rate, e->batch->now_ns, 1, 0) != 0) {
		atomic_fetch_add_explicit(&t->log->untold, 1, memory_order_relaxed);
		return;
	}
	untold = atomic_exchange_explicit(&t->log->untold, 0, memory_order_relaxed);
	line_print(e, untold, t->log->lines[worker->index], sizeof(t->log->lines[0]));
	e->acl->host->log(e->acl->host, XVS_LOG_INFO, t->log->lines[worker->index]);
}

void log_examine(struct xvs_flow_key *mask)
{
	memset(mask->ip_src, 0xff, sizeof(mask->ip_src));
	memset(mask->ip_dst, 0xff, sizeof(mask->ip_dst));
	memset(mask->eth_src, 0xff, sizeof(mask->eth_src));
	memset(mask->eth_dst, 0xff, sizeof(mask->eth_dst));
	mask->ethertype = UINT16_MAX;
	mask->ip_proto = UINT8_MAX;
	mask->l4_src = UINT16_MAX;
	mask->l4_dst = UINT16_MAX;
}
