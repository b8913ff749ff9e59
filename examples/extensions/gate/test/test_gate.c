/* What com.example.gate says of connections, asked as the host asks: through the table that the module exports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int invalidations;

static void invalidate(const struct xvs_host *h)
{
	(void)h;
	invalidations++;
}

static const void *host_query(const struct xvs_host *h, const char *id)
{
	static const struct xvs_conn_host conns = { .size = sizeof(conns), .invalidate = invalidate };

	(void)h;
	return strcmp(id, XVS_CONN_HOST) == 0 ? &conns : NULL;
}

static int asked(const struct port *p, uint8_t inbound, uint8_t proto, uint16_t to)
{
	const struct xvs_conn_ops *conns = p->ext->ops->query(p->self, XVS_CONN);
	struct xvs_conn c = { .size = sizeof(c), .state = XVS_CONN_NEW, .proto = proto,
			      .inbound = inbound, .port = 1, .dst_port = net16(to) };
	struct xvs_conn_verdict v = { .size = sizeof(v) };
	struct xvs_batch batch = { .port_state = p->state };

	conns->authorise(p->self, &batch, 0, &c, &v);
	return v.action;
}

/* As the host decodes {open: [{port: 22}]}: the policy's first field is the list, port its element's first. */
static void open_ssh(const struct port *p, void *policy, void *element)
{
	const struct xvs_feature *feature = p->ext->features.items;
	const struct xvs_field *field = feature->fields.items;
	const struct xvs_field *inner = field->fields.items;
	struct xvs_table table = { element, 1, field->element_bytes };

	*(uint32_t *)((char *)element + inner->offset) = 22;
	memcpy((char *)policy + field->offset, &table, sizeof(table));
	p->ext->ops->policy_apply(p->self, p->state, feature->id, policy, NULL);
}

int main(void)
{
	struct port p = { .ext = xvs_module_1.extensions.items };
	struct xvs_host host = { .size = sizeof(host), .name = "a test", .query = host_query };
	struct xvs_create args = { .size = sizeof(args), .workers = 1 };
	struct xvs_port port = { .size = sizeof(port), .id = 1, .name = "vm1" };
	struct xvs_error err = { .size = sizeof(err) };
	void *policy = calloc(1, ((const struct xvs_feature *)p.ext->features.items)->bytes);
	void *element = calloc(1, 64);

	CHECK(policy && element && p.ext->ops->create(&host, &args, &p.self, &err) == 0);
	CHECK(p.ext->ops->port_attach(p.self, &port, &p.state, &err) == 0);

	CHECK(asked(&p, 0, 6, 22) == XVS_CONN_ALLOW);
	CHECK(asked(&p, 1, 6, 22) == XVS_CONN_ALLOW); /* no policy: no harm */

	open_ssh(&p, policy, element);
	CHECK(invalidations == 1);
	CHECK(asked(&p, 1, 6, 22) == XVS_CONN_ALLOW);
	CHECK(asked(&p, 1, 17, 22) == XVS_CONN_REJECT);
	CHECK(asked(&p, 1, 6, 80) == XVS_CONN_REJECT);
	CHECK(asked(&p, 1, 1, 0) == XVS_CONN_REJECT);

	p.ext->ops->port_detach(p.self, p.state);
	p.ext->ops->destroy(p.self);
	free(policy);
	free(element);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
