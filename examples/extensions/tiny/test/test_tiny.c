/* What com.example.tiny says of flows, asked as the host asks: through the table that the module exports. */
#include <stdio.h>
#include <stdlib.h>

#include <xvs/extension.h>

static int failures;

#define CHECK(cond) \
	((cond) ? (void)0 : (void)(failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond)))

static uint16_t net16(uint16_t v)
{
	return (uint16_t)(v >> 8 | v << 8);
}

struct port {
	const struct xvs_extension *ext;
	void *self, *state;
};

static struct xvs_flow_verdict judged(const struct port *p, uint8_t proto, uint16_t to)
{
	const struct xvs_flow *flow = p->ext->ops->query(p->self, XVS_FLOW);
	struct xvs_flow_key key = { .ip_proto = proto, .l4_src = net16(40000), .l4_dst = net16(to) };
	struct xvs_flow_verdict v = { .size = sizeof(v) };
	struct xvs_batch batch = { .port_state = p->state };

	flow->judge(p->self, &batch, 0, &key, &v);
	return v;
}

static void allow(const struct port *p, bool value, void *policy)
{
	const struct xvs_feature *feature = p->ext->features.items;
	const struct xvs_field *field = feature->fields.items;

	*(bool *)((char *)policy + field->offset) = value;
	p->ext->ops->policy_apply(p->self, p->state, feature->id, policy, NULL);
}

int main(void)
{
	struct port p = { .ext = xvs_module_1.extensions.items };
	struct xvs_host host = { .size = sizeof(host), .name = "a test" };
	struct xvs_create args = { .size = sizeof(args), .workers = 1 };
	struct xvs_port port = { .size = sizeof(port), .id = 1, .name = "vm1" };
	struct xvs_error err = { .size = sizeof(err) };
	void *policy = calloc(1, ((const struct xvs_feature *)p.ext->features.items)->bytes);

	CHECK(policy && p.ext->ops->create(&host, &args, &p.self, &err) == 0);
	CHECK(p.ext->ops->port_attach(p.self, &port, &p.state, &err) == 0);

	CHECK(judged(&p, 6, 23).action == XVS_FLOW_PASS); /* no policy: no harm */

	allow(&p, false, policy);
	CHECK(judged(&p, 6, 23).action == XVS_FLOW_DROP);
	CHECK(judged(&p, 6, 80).action == XVS_FLOW_PASS);
	CHECK(judged(&p, 17, 23).action == XVS_FLOW_PASS);
	CHECK(judged(&p, 6, 80).examined.l4_dst == 0xffff); /* or 23 would pass on its verdict */

	allow(&p, true, policy);
	CHECK(judged(&p, 6, 23).action == XVS_FLOW_PASS);

	p.ext->ops->port_detach(p.self, p.state);
	p.ext->ops->destroy(p.self);
	free(policy);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
