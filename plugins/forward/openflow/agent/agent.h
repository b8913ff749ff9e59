/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/agent.h - what a controller's messages do to the switch, and what it is told.
 *
 *	channel/ -> dispatch.c -> mods.c, job.c, multipart.c, packet_out.c, bundle.c, controller.c, ports.c
 *	workers  -> packet_in.c, removed.c -> controllers that want to hear of it
 *
 * All of it belongs to the control thread, but where a function says otherwise.
 */
#ifndef OPENFLOW_AGENT_AGENT_H
#define OPENFLOW_AGENT_AGENT_H

#include "agent/buffers.h"
#include "agent/numbers.h"
#include "channel/channel.h"
#include "pipeline/run.h"
#include "table/timeout.h"
#include "xvs/ext/destset.h"
#include "xvs/ext/port.h"
#include "xvs/ext/queue.h"

enum {
	OF_BUNDLES_MAX = 16,
	OF_BUNDLE_MESSAGES_MAX = 1 << 15,
	OF_BUNDLE_BYTES_MAX = 64 * 1024 * 1024,
	OF_FLOWS_MAX = 1 << 20, /* of all tables together */
	OF_PACKET_IN_PPS = 100000,
	OF_PACKET_OUTS_MAX = 4096,
	OF_PACKET_OUTS_TURN = 32, /* that a worker sends between two bursts */
	OF_PACKET_OUT_BYTES_MAX = 16 * 1024 * 1024,
};

struct of_agent;
struct of_query;
struct of_removal;     /* removed.c */
struct of_table_setup; /* tables.h */
struct of_features_request;

struct of_job;

/* Flows that end: what is due is looked at, workers tell what they know of those that seem idle, they go. */
enum of_expiry_phase { OF_EXPIRY_RESTS, OF_EXPIRY_LOOKS, OF_EXPIRY_ASKS, OF_EXPIRY_ENDS };

struct of_expiry {
	enum of_expiry_phase phase;
	struct xvs_timer *timer;
	uint64_t until_ns;         /* what was due by then */
	struct of_rule **suspects; /* of being idle, each held */
	uint32_t count, space, at;
};

struct of_held_bundle {
	uint32_t id;
	uint16_t flags;
	bool is_open, is_closed;
	struct of_agent *agent;
	uint8_t *bytes; /* messages, one behind the other */
	uint32_t len, room, count;
};

/* A controller that is, or was a moment ago, connected. */
struct of_controller {
	struct of_controller *next;
	struct of_agent *agent;
	struct of_connection *connection; /* NULL: it has gone */
	uint32_t holders;                 /* answers under way */
	uint32_t role;                    /* enum of_role */
	struct of_async async;
	struct of_config config;
	uint32_t id; /* NXT_SET_CONTROLLER_ID */
	struct of_held_bundle bundles[OF_BUNDLES_MAX];
	struct of_features_request *features_request; /* not all of it has come: table_features.c */
	bool is_waiting; /* with its next message, for the end of a job */
};

/* A port of the switch as controllers know it. */
struct of_port {
	bool is_there, is_up;
	bool is_frozen; /* its machine is leaving for another host */
	bool is_told;   /* controllers know of it */
	uint32_t id;
	uint32_t flags;  /* of xvs_port */
	uint32_t config; /* enum of_port_config */
	uint32_t speed_mbps;
	uint8_t mac[6];
	char name[64];
	uint64_t since_ns;
};

struct of_settings {
	uint64_t datapath_id; /* 0: of the switch's uuid */
	uint32_t versions;    /* bit n: version n */
	struct of_pace pace;
	uint32_t flows_max;
	uint32_t packet_in_pps; /* 0: no limit */
	bool is_secure; /* without a controller the tables go on; else the built-in switch */
};

struct of_packet_outs; /* packet_out.c */

struct of_agent {
	const struct xvs_host *host;
	const struct xvs_loop_host *loop;
	const struct xvs_timer_host *timers;
	const struct xvs_mailbox_host *mailbox;
	const struct xvs_flow_host *flow;
	const struct xvs_port_host *port_host;       /* NULL: this host has none */
	const struct xvs_destset_host *destset_host; /* the same */
	const struct xvs_queue_host *queue_host;     /* the same */
	struct of_pipeline pipeline;
	struct of_channel channel;
	struct of_wheel wheel;
	struct of_controller *controllers;
	struct of_port *ports; /* by id */
	struct of_number_book numbers;
	struct xvs_timer *announcer;   /* of ports that have come: when their policies are known */
	struct of_table_setup *tables; /* tables.h */
	struct of_settings settings;
	char switch_name[64];
	uint8_t uuid[16];
	uint64_t generation_id;
	bool has_generation;
	bool is_active, is_configured;
	int set_all, set_flood; /* numbers of the host's sets, or below 1 */
	struct of_fields
		rewritten; /* by any flow so far: what is looked up behind table 0 may differ */
	bool resubmits;
	/* flows that went and whose last packets are still being counted */
	struct of_removal *removed_fresh, *removed_asked;
	struct of_expiry expiry;  /* expiry.c */
	struct of_job *job;       /* the transaction in hand, if it takes turns: job.c */
	struct of_query *queries; /* answers under way: multipart.c */
	struct of_packet_outs *packet_outs;
	struct of_buffers buffers;
	uint32_t bundle_bytes;              /* that all bundles of all controllers hold */
	struct of_status_rows *status_rows; /* status.c */
	void *list_rows;                    /* lists.c: what was asked for last */
	uint64_t flow_mods, packet_ins, packet_ins_lost;
};

/* ---- agent.c ---- */
int of_agent_init(struct of_agent *a, const struct xvs_host *host, const struct xvs_create *args,
		  struct xvs_error *err);
void of_agent_destroy(struct of_agent *a);
void of_agent_active(struct of_agent *a, bool on);
void of_agent_configure(struct of_agent *a, const struct of_settings *settings,
			struct of_target_list *targets); /* given */
void of_agent_fail_mode(struct of_agent *a);             /* as many controllers as there are now */

/* Hold one while an answer to it is under way. */
void of_controller_hold(struct of_controller *c);
void of_controller_drop(struct of_controller *c);

/* ---- dispatch.c ---- */
void of_agent_message(void *agent, struct of_connection *connection, const struct of_message *m,
		      struct of_bytes bytes);
/* It is done: what the others hear of it, and it does. */
void of_agent_answered(struct of_controller *c, const struct of_message *m, of_fault fault,
		       struct of_bytes bytes);
void of_refuse(struct of_controller *c, const struct of_message *m, of_fault fault,
	       struct of_bytes bytes);
struct of_to of_answer(struct of_controller *c, const struct of_message *m);

/* ---- controller.c: configuration, roles, what it wants to hear ---- */
void of_controller_default(struct of_controller *c);
const char *of_role_name(uint32_t role); /* for people */
of_fault of_controller_role(struct of_controller *c, const struct of_message *m);
uint64_t of_agent_datapath_id(const struct of_agent *a);
void of_controller_features(struct of_controller *c, const struct of_message *m);
of_fault of_controller_config(struct of_controller *c, const struct of_config *config);
void of_controller_set_async(struct of_controller *c, const struct of_async *async);
bool of_controller_wants(const struct of_controller *c, uint32_t kind, uint32_t reason);
void of_agent_note_wants(struct of_agent *a); /* what workers need to know of them */

/* ---- mods.c ---- */
of_fault of_agent_flow(struct of_controller *c, const struct of_flow_mod *mod);
of_fault of_agent_group(struct of_agent *a, const struct of_group_mod *mod);
of_fault of_agent_meter(struct of_agent *a, const struct of_meter_mod *mod);
/* Within a transaction. */
of_fault of_agent_check_flow(struct of_agent *a, const struct of_flow_mod *mod);
of_fault of_agent_change_flow(struct of_agent *a, const struct of_flow_mod *mod);
/* The packet that it names goes through the tables when the transaction is done. */
of_fault of_agent_claim(struct of_controller *c, const struct of_flow_mod *mod);
of_fault of_agent_done(struct of_agent *a, of_fault fault); /* its end */
extern const struct of_flows_events of_agent_events;        /* its 'arg' is the agent */

/* ---- expiry.c ---- */
int of_expiry_init(struct of_agent *a);
void of_expiry_destroy(struct of_agent *a);
void of_agent_expire(struct of_agent *a, uint64_t now_ns);
void of_agent_expire_on(struct of_agent *a); /* nothing stands in the way any more */

/* ---- removed.c ---- */
void of_agent_tell_removed(struct of_agent *a, struct of_rule *r, uint8_t reason);
void of_agent_drop_removed(struct of_agent *a);
struct of_flow_view of_flow_view_of(const struct of_rule *r, struct of_match *match,
				    uint64_t now_ns);
struct of_age of_age_of(uint64_t since_ns, uint64_t now_ns);

/* ---- tables.c ---- */
of_fault of_agent_table(struct of_agent *a, const struct of_table_mod *mod);

/* ---- multipart.c, statistics.c ---- */
of_fault of_agent_multipart(struct of_controller *c, const struct of_message *m);
void of_agent_drop_queries(struct of_agent *a);
of_fault of_agent_barrier(struct of_controller *c, const struct of_message *m);

/* ---- packet_in.c ---- */
void of_agent_mail(void *agent, const struct xvs_mail *m);
void of_agent_share_packet_ins(struct of_agent *a); /* among the ports that there are */

/* ---- packet_out.c ---- */
int of_packet_outs_init(struct of_agent *a);
void of_packet_outs_destroy(struct of_agent *a);
bool of_packet_outs_wait(const struct of_agent *a); /* some have not been sent yet */
of_fault of_agent_packet_out(struct of_controller *c, const struct of_packet_out *p);
void of_agent_claimed(struct of_agent *a,
		      bool go); /* buffers of flow-mods: through the tables, or kept */

/* ---- bundle.c ---- */
of_fault of_agent_bundle(struct of_controller *c, const struct of_message *m,
			 struct of_bytes bytes);
void of_bundle_reply(struct of_controller *c, const struct of_message *m);
void of_bundle_discard(struct of_held_bundle *b);
void of_bundles_drop(struct of_controller *c);

/* ---- ports.c ---- */
int of_agent_port_attach(struct of_agent *a, const struct xvs_port *port);
void of_agent_port_event(struct of_agent *a, int event, const struct xvs_port *now);
void of_agent_port_detach(struct of_agent *a, uint32_t id);
void of_agent_port_want(struct of_agent *a, uint32_t id, uint32_t number); /* 0: any */
void of_agent_announce(void *agent); /* ports that controllers have not been told of */
of_fault of_agent_port_mod(struct of_agent *a, const struct of_port_mod *mod);
struct of_port *of_agent_port(struct of_agent *a, uint32_t number); /* of OpenFlow; NULL */
void of_agent_port_view(const struct of_agent *a, const struct of_port *p,
			struct of_port_view *out);

#endif /* OPENFLOW_AGENT_AGENT_H */
