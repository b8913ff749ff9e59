/* What com.example.allowlist says of flows, asked as the host asks: through the table that the module exports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xvs/extension.h>

static int failures;

#define CHECK(cond) \
	((cond) ? (void)0 : (void)(failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond)))

struct port {
	const struct xvs_extension *ext;
	void *self, *state;
};

static const uint8_t friend_mac[6] = { 0x52, 0x54, 0, 0, 0, 2 };
static const uint8_t stranger[6] = { 0x52, 0x54, 0, 0, 0, 3 };
static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static struct xvs_flow_verdict judged(const struct port *p, const uint8_t to[6])
{
	const struct xvs_flow *flow = p->ext->ops->query(p->self, XVS_FLOW);
	struct xvs_flow_verdict v = { .size = sizeof(v) };
	struct xvs_batch batch = { .port_state = p->state };
	struct xvs_flow_key key = { .port = 1 };

	memcpy(key.eth_dst, to, sizeof(key.eth_dst));
	flow->judge(p->self, &batch, 0, &key, &v);
	return v;
}

/* The policy's first field is the list, its element an address alone. */
static void list(const struct port *p, const struct xvs_table *peers, void *policy)
{
	const struct xvs_feature *feature = p->ext->features.items;
	const struct xvs_field *field = feature->fields.items;

	CHECK(field->type == XVS_LIST && field->element_bytes == sizeof(friend_mac));
	memcpy((char *)policy + field->offset, peers, sizeof(*peers));
	p->ext->ops->policy_apply(p->self, p->state, feature->id, policy, NULL);
}

int main(void)
{
	const struct xvs_table peers = { friend_mac, 1, sizeof(friend_mac) };
	struct port p = { .ext = xvs_module_1.extensions.items };
	struct xvs_host host = { .size = sizeof(host), .name = "a test" };
	struct xvs_create args = { .size = sizeof(args), .workers = 1 };
	struct xvs_port port = { .size = sizeof(port), .id = 1, .name = "vm1" };
	struct xvs_error err = { .size = sizeof(err) };
	void *policy = calloc(1, ((const struct xvs_feature *)p.ext->features.items)->bytes);

	CHECK(policy && p.ext->ops->create(&host, &args, &p.self, &err) == 0);
	CHECK(p.ext->ops->port_attach(p.self, &port, &p.state, &err) == 0);

	CHECK(judged(&p, friend_mac).action == XVS_FLOW_DROP);
	CHECK(judged(&p, broadcast).dest == XVS_DEST_NORMAL);

	list(&p, &peers, policy);
	CHECK(judged(&p, friend_mac).action == XVS_FLOW_PASS);
	CHECK(judged(&p, friend_mac).dest == XVS_DEST_NORMAL);
	CHECK(judged(&p, stranger).action == XVS_FLOW_DROP);
	CHECK(judged(&p, stranger).examined.eth_dst[5] == 0xff); /* or others would share this verdict */

	p.ext->ops->port_detach(p.self, p.state);
	p.ext->ops->destroy(p.self);
	free(policy);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
