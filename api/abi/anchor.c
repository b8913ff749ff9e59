/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The anchor of the ABI dump: functions from whose parameters every public type is reached.
 *
 * A compiler writes debug information only of types that are used, and abidw reads nothing
 * else; so a type that is missing here is not guarded.  Enumerations need parameters of
 * their own, because fields hold them as integers of a fixed width.  A new public type gets a
 * function of its own: one more function is no change of the others.
 *
 * Built by tools/abi-dump alone; no part of any program.
 */
#include "xvs/extension.h"

#define ANCHOR(kind, name) \
	XVS_EXPORT void xvs_anchor_##name(const kind xvs_##name *object); \
	void xvs_anchor_##name(const kind xvs_##name *object) \
	{ \
		(void)object; \
	}

/* abi.h */
ANCHOR(struct, table)
ANCHOR(struct, error)

/* packet.h */
ANCHOR(struct, packet)
ANCHOR(struct, batch)
ANCHOR(enum, packet_flag)
ANCHOR(enum, stage)

/* policy.h */
ANCHOR(struct, ip)
ANCHOR(struct, field)
ANCHOR(struct, feature)
ANCHOR(enum, type)
ANCHOR(enum, scope)
ANCHOR(enum, feature_kind)

/* host.h */
ANCHOR(struct, host)
ANCHOR(enum, log_level)

/* extension.h */
ANCHOR(struct, port)
ANCHOR(struct, create)
ANCHOR(struct, ops)
ANCHOR(struct, label)
ANCHOR(struct, extension)
ANCHOR(struct, module)
ANCHOR(struct, note)
ANCHOR(enum, class)
ANCHOR(enum, right)
ANCHOR(enum, port_event)

/* state.h */
ANCHOR(struct, sink)
ANCHOR(struct, source)
ANCHOR(struct, save)
ANCHOR(struct, state)
ANCHOR(enum, save_phase)

/* flow.h */
ANCHOR(struct, flow_key)
ANCHOR(struct, flow_verdict)
ANCHOR(struct, flow_stats)
ANCHOR(struct, flow)
ANCHOR(struct, flow_host)
ANCHOR(enum, key_bit)
ANCHOR(enum, flow_action)

/* conn.h */
ANCHOR(struct, conn)
ANCHOR(struct, conn_verdict)
ANCHOR(struct, conn_event)
ANCHOR(struct, conn_ops)
ANCHOR(struct, conn_host)
ANCHOR(enum, conn_state)
ANCHOR(enum, conn_cause)
ANCHOR(enum, conn_action)
