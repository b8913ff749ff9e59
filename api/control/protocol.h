/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/protocol.h - numbers that the daemon and those who speak to it agree on.
 *
 * The protocol: JSON-RPC 2.0, one message a line, over a UNIX stream socket.  The methods are
 * described in api/control/xvs-rpc.json.  What a caller may do follows from who it is (the
 * credentials of its socket), so there is no log-in:
 *
 *   admin      root, and the user that the daemon runs as: everything
 *   operator   members of the group "xvs": verbs that change ports, policies and instances
 *   read-only  everybody else: questions, but not who talks to whom
 *
 * An operator is as good as root for what xvsd may do: ports take any device, and policies of
 * extensions name files.
 */
#ifndef XVS_CONTROL_PROTOCOL_H
#define XVS_CONTROL_PROTOCOL_H

#define XVS_SOCKET_DEFAULT "/run/xvs/xvs.sock"
#define XVS_HV_SOCKET_DEFAULT "/run/xvs/hv.sock" /* of xvs-hv, which speaks the same protocol */

enum rpc_role { RPC_READ_ONLY = 0, RPC_OPERATOR = 1, RPC_ADMIN = 2 };

enum {
	RPC_LINE_MAX = 16 << 20,       /* bytes of a line, of operators and admins */
	RPC_LINE_READ_ONLY = 64 << 10, /* of others, who need no long ones */
	RPC_CONNECTIONS_MAX = 64,
	/* of all; the others are kept for those who run the switch */
	RPC_CONNECTIONS_READ_ONLY = 48,
	RPC_CONNECTIONS_USER = 16, /* of one user who is read-only */
	RPC_BATCH_MAX = 100,       /* requests of one batch */
	/* bytes of a batch's answers: what comes behind is answered by RPC_BUSY and not run */
	RPC_BATCH_ANSWERS_MAX = 4 << 20,
	RPC_BATCH_ANSWERS_READ_ONLY = 256 << 10, /* of others */
};

/* error.code: those of JSON-RPC, then our own. */
enum rpc_code {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_NO_METHOD = -32601,
	RPC_BAD_PARAMS = -32602,
	RPC_INTERNAL = -32603,
	RPC_REFUSED =
		-32001, /* checked and refused: nothing changed.  data.errors may hold positions */
	RPC_NOT_FOUND = -32002, /* no such object */
	RPC_FORBIDDEN = -32003, /* the caller's role may not */
	RPC_BUSY = -32004,      /* too much at once, or the daemon is stopping: nothing changed */
};

#endif /* XVS_CONTROL_PROTOCOL_H */
