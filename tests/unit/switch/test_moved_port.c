/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/*
 * A machine moves from one switch to another of the same daemon, with traffic before, meanwhile and
 * after: two switches that know nothing of each other, as two hosts would.
 *
 *      here:   vm1 (host 1, guarded) --- peer (host 2)
 *      there:  vm1                   --- peer
 */
#include "adapters.h"
#include "parcel.h"

static const uint8_t vm1_mac[6] = { 0x52, 0x54, 0, 0, 0, 1 };
static const struct frame_end client = { 2, false, 40000 };
static const struct frame_end web = { 1, false, 80 };
static const struct frame_end ssh = { 1, false, 22 };

/* ---- scenes --------------------------------------------------------------------------------- */

struct scene {
	struct fixture *f;
	struct bundle *b;
	struct memory_port *vm1, *peer;         /* here */
	struct memory_port *moved, *other_peer; /* there */
};

static struct parcel parcel;

#define CHAIN \
	"    chain:\n" \
	"      - {instance: fw, extension: org.xvs.secgroup}\n" \
	"      - {instance: guard, extension: org.xvs.guard}\n" \
	"      - {instance: quota, extension: com.acme.quota}\n"
#define PEER "      - {name: peer, mac: '52:54:00:00:00:02', backend: {kind: 'null'}}\n"

static const char config[] =
	"switches:\n"
	"  - name: here\n    type: private\n" CHAIN "    ports:\n"
	"      - name: vm1\n        mac: '52:54:00:00:00:01'\n        backend: {kind: 'null'}\n"
	"        policies:\n"
	"          org.xvs.guard/1: {arp_guard: true, dynamic_ips: 2}\n"
	"          com.acme.quota/1: {bytes: 1000000}\n"
	"          org.xvs.secgroup.rules/1: {rules: [{direction: in, proto: tcp, ports: '80', "
	"action: allow}]}\n" PEER "  - name: there\n    type: private\n" CHAIN "    ports:\n" PEER;

static const char policies[] =
	"{\"org.xvs.guard/1\": {\"arp_guard\": true, \"dynamic_ips\": 2},"
	" \"com.acme.quota/1\": {\"bytes\": 1000000},"
	" \"org.xvs.secgroup.rules/1\": {\"rules\": [{\"direction\": \"in\", \"proto\": \"tcp\","
	" \"ports\": \"80\", \"action\": \"allow\"}]}}";

static int start(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	fixture_has_extensions = true;
	next_adapter = 0;
	(void)fixture_start((void **)&s->f);
	parcel.loop = s->f->loop;
	fixture_has(s->f, config);
	parcel_expect_at(s->f, "there", "vm1", policies, vm1_mac);
	assert_int_equal(next_adapter, ADAPTERS_MAX);
	s->vm1 = adapters[0].port;
	s->peer = adapters[1].port;
	s->other_peer = adapters[2].port;
	s->moved = adapters[3].port;
	s->b = parcel_agree(&parcel, s->f->world, "here/vm1", "there/vm1");
	*state = s;
	return 0;
}

static int stop(void **state)
{
	struct scene *s = *state;

	if (s->b)
		bundle_close(s->b, false);
	parcel_finish(&parcel);
	(void)fixture_stop((void **)&s->f);
	adapters_free();
	free(s);
	return 0;
}

/* Host 1 is the machine, host 2 its peer. */
static bool says(const struct scene *s, bool is_there, struct frame_end from, struct frame_end to,
		 struct frame_tcp t)
{
	struct memory_port *vm1 = is_there ? s->moved : s->vm1;
	struct memory_port *peer = is_there ? s->other_peer : s->peer;
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_tcp(f, from, to, t);

	return adapters_go(from.host == 1 ? vm1 : peer, from.host == 1 ? peer : vm1, f, len);
}

static bool asks(const struct scene *s, bool is_there, struct frame_end from, struct frame_end to)
{
	struct memory_port *vm1 = is_there ? s->moved : s->vm1;
	struct memory_port *peer = is_there ? s->other_peer : s->peer;
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_udp(f, from, to, 30);

	return adapters_go(from.host == 1 ? vm1 : peer, from.host == 1 ? peer : vm1, f, len);
}

/* TCP(flags, seq, ack, window, data); what is left out is 0. */
#define TCP(...) TCP_PADDED(__VA_ARGS__, 0, 0)
#define TCP_PADDED(flags, seq, ack, window, data, ...) \
	((struct frame_tcp){ flags, seq, ack, window, data, 0 })

/* The machine has the address by ARP, and a client a connection to it. */
static void converse(const struct scene *s)
{
	assert_true(says(s, false, client, web, TCP(F_SYN, 1000, 0, 60000)));
	assert_true(says(s, false, web, client, TCP(F_SYN | F_ACK, 5000, 1001, 60000)));
	assert_true(says(s, false, client, web, TCP(F_ACK, 1001, 5001, 60000, 100)));
	assert_true(says(s, false, web, client, TCP(F_ACK, 5001, 1101, 60000, 500)));
	assert_false(says(s, false, client, ssh, TCP(F_SYN, 1, 0, 60000)));
}

/* The machine claims 10.0.0.1, which its guard has it ask for. */
static void claim(const struct scene *s)
{
	uint8_t f[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0, 0, 1, 8,  6, 0, 1,
			  8,    0,    6,    4,    0,    1,    0x52, 0x54, 0, 0, 0, 1, 10, 0, 0, 1 };

	f[38] = 10;
	f[41] = 2;
	assert_true(adapters_go(s->vm1, s->peer, f, sizeof(f)));
}

static void deliver(const struct scene *s)
{
	struct xvs_error err = ERROR_INIT;

	if (parcel_deliver(&parcel, s->f->world, "there/vm1", &err) < 0)
		fail_msg("%s", err.text);
}

static void move(struct scene *s)
{
	struct xvs_error err = ERROR_INIT;

	parcel_freeze(s->f, s->b);
	(void)parcel_pass(&parcel, s->b, BUNDLE_FINAL);
	deliver(s);
	bundle_close(s->b, true);
	s->b = NULL;
	if (bundle_open_port(s->f->world, "there/vm1", &err) < 0)
		fail_msg("%s", err.text);
	EXPECT(world_port_show(s->f->world, "there/vm1"), "state", "open");
}

static void connections_go_on_and_refusals_stand(void **state)
{
	struct scene *s = *state;
	struct frame_end resolver = { 2, false, 53 };
	struct frame_end asker = { 1, false, 3333 };

	claim(s);
	converse(s);
	(void)parcel_pass(&parcel, s->b, BUNDLE_FULL);
	deliver(s);
	assert_true(says(s, false, client, web, TCP(F_ACK, 1101, 5501, 60000, 1000)));
	(void)parcel_pass(&parcel, s->b, BUNDLE_CHANGES);
	deliver(s);
	/* after the last round: data, and a new connection */
	assert_true(says(s, false, web, client, TCP(F_ACK, 5501, 2101, 60000, 1000)));
	assert_true(asks(s, false, asker, resolver));
	move(s);

	assert_true(says(s, true, client, web, TCP(F_ACK, 2101, 6501, 60000, 100)));
	assert_true(says(s, true, web, client, TCP(F_ACK, 6501, 2201, 60000, 100)));
	assert_true(asks(s, true, resolver, asker));
	assert_false(says(s, true, client, ssh, TCP(F_SYN, 1, 0, 60000)));
	assert_false(says(s, true, client, ssh, TCP(F_ACK, 2, 1, 60000, 10)));
	/* nor may the machine take up what was none */
	assert_false(says(s, true, ssh, client, TCP(F_ACK, 2, 1, 60000, 10)));
	EXPECT(world_port_show(s->f->world, "here/vm1"), "state", "closed");
	assert_false(says(s, false, client, web, TCP(F_ACK, 2201, 6601, 60000, 100)));
}

static void counts_go_on(void **state)
{
	struct scene *s = *state;

	claim(s);
	converse(s);
	(void)parcel_pass(&parcel, s->b, BUNDLE_FULL);
	deliver(s);
	move(s);
	EXPECT(world_port_stats(s->f->world, "there/vm1"), "rx_packets", "3");
	EXPECT(world_port_stats(s->f->world, "there/vm1"), "tx_packets", "2");
	EXPECT(world_port_show(s->f->world, "there/vm1"), "status|org.xvs.secgroup.hits/1|allowed",
	       "1");
	EXPECT(world_port_show(s->f->world, "there/vm1"), "status|com.acme.quota.used/1|packets",
	       "3");
	assert_true(says(s, true, client, web, TCP(F_ACK, 1101, 5501, 60000, 100)));
	assert_true(says(s, true, web, client, TCP(F_ACK, 5501, 1201, 60000, 100)));
	EXPECT(world_port_stats(s->f->world, "there/vm1"), "rx_packets", "4");
	EXPECT(world_port_show(s->f->world, "there/vm1"), "status|com.acme.quota.used/1|packets",
	       "4");
	/* the law of this host is about this host's packets */
	EXPECT(world_accounts(s->f->world), "received", "8");
}

static void what_the_guard_has_learned_goes_along(void **state)
{
	struct scene *s = *state;

	claim(s);
	(void)parcel_pass(&parcel, s->b, BUNDLE_FULL);
	deliver(s);
	move(s);
	EXPECT(world_port_show(s->f->world, "there/vm1"),
	       "status|org.xvs.guard.addresses/1|learned", "1");
}

/* Counted by the flow's entry, which nobody has asked when the port is frozen. */
static void what_the_guard_dropped_by_flow_goes_along(void **state)
{
	struct scene *s = *state;
	struct frame_end asker = { 1, false, 3333 };
	struct frame_end resolver = { 2, false, 53 };
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_udp(f, asker, resolver, 30);

	f[11] = 0x66; /* the source's last byte */
	assert_false(adapters_go(s->vm1, s->peer, f, len));
	(void)parcel_pass(&parcel, s->b, BUNDLE_FULL);
	deliver(s);
	assert_false(adapters_go(s->vm1, s->peer, f, len));
	assert_false(adapters_go(s->vm1, s->peer, f, len));
	move(s);
	EXPECT(world_port_show(s->f->world, "there/vm1"),
	       "status|org.xvs.guard.drops/1|spoofed_mac", "3");
}

static void a_move_that_fails_leaves_all_as_it_was(void **state)
{
	struct scene *s = *state;

	claim(s);
	converse(s);
	(void)parcel_pass(&parcel, s->b, BUNDLE_FULL);
	deliver(s);
	parcel_freeze(s->f, s->b);
	assert_false(says(s, false, client, web, TCP(F_ACK, 1101, 5501, 60000, 100)));
	(void)parcel_pass(&parcel, s->b, BUNDLE_FINAL);
	deliver(s);
	bundle_discard(s->f->world, "there/vm1");
	bundle_close(s->b, false);
	s->b = NULL;
	assert_true(says(s, false, client, web, TCP(F_ACK, 1101, 5501, 60000, 100)));
	assert_true(says(s, false, web, client, TCP(F_ACK, 5501, 1201, 60000, 100)));
	assert_false(says(s, true, client, web, TCP(F_ACK, 1101, 5501, 60000, 100)));
}

static void a_policy_that_denies_there_is_not_outwitted(void **state)
{
	struct scene *s = *state;

	claim(s);
	converse(s);
	(void)parcel_pass(&parcel, s->b, BUNDLE_FULL);
	deliver(s);
	assert_int_equal(
		fixture_set(s->f, "there/vm1", "org.xvs.secgroup.rules/1", "rules=[]", true).code,
		0);
	move(s);
	assert_false(says(s, true, client, web, TCP(F_ACK, 1101, 5501, 60000, 100)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(connections_go_on_and_refusals_stand),
		T(counts_go_on),
		T(what_the_guard_has_learned_goes_along),
		T(what_the_guard_dropped_by_flow_goes_along),
		T(a_move_that_fails_leaves_all_as_it_was),
		T(a_policy_that_denies_there_is_not_outwitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
