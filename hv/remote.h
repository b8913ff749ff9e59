/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/remote.h - what two host cores say to each other: JSON-RPC 2.0 in lines over TLS, as
 * api/vm-migration.md section 1 has it.  [control]
 *
 * The source asks and hears events; the target answers.  Whoever hears nothing for 15 seconds ends
 * the link.  What comes over it was sent by a host that our CA vouches for, which may have been broken
 * into: it is checked and bounded as anything else from a wire.
 */
#ifndef XVS_HV_REMOTE_H
#define XVS_HV_REMOTE_H

#include <jansson.h>

#include "base/tls.h"
#include "rpc/rpc.h"

enum {
	REMOTE_PORT = 4791,
	REMOTE_LINE_MAX = 1 << 20,
	REMOTE_CALLS_MAX = 64, /* that wait for an answer */
	REMOTE_PING_S = 5,
	REMOTE_SILENCE_S = 15,
	REMOTE_TEXT_MAX = 400, /* of what an error says; more is cut */
};

/* ---- lines --------------------------------------------------------------------------------------- */

enum remote_kind { REMOTE_RESULT, REMOTE_ERROR, REMOTE_EVENT };

/* What the answering side says. */
struct remote_message {
	enum remote_kind kind;
	uint64_t id;                /* of the call; not of an event */
	json_t *value;              /* result; parameters of an event (NULL: none); owned */
	char word[64];              /* name of an event */
	char text[REMOTE_TEXT_MAX]; /* of an error, without control characters */
};
/* [any] False: 'why' says what is wrong, as a half sentence; nothing to finish. */
bool remote_message_read(const char *line, size_t len, struct remote_message *out, char *why,
			 size_t size);
void remote_message_finish(struct remote_message *m);

/* ---- the asking side ------------------------------------------------------------------------------ */

struct remote_link;

/* The link may be closed in each. */
struct remote_ops {
	void (*ready)(void *arg, const char *name); /* of the certificate */
	void (*event)(void *arg, const char *name, const json_t *params);
	/* Once; all calls were answered before, and remote_close() remains to be called. */
	void (*ended)(void *arg, const char *why);
};
/* 'value' NULL: refused, or never answered, 'why' says so. */
typedef void (*remote_answer_fn)(void *arg, const json_t *value, const char *why);

/* NULL: out of memory.  Whom the name may belong to, is asked in ready(). */
struct remote_link *remote_connect(struct loop *loop, const struct tls_context *tls,
				   const char *host, uint16_t port, const struct remote_ops *ops,
				   void *arg);
/* Calls that wait are not answered any more.  NULL is fine. */
void remote_close(struct remote_link *p);
/* 'params' are taken.  What cannot be sent is answered before this returns. */
void remote_ask(struct remote_link *p, const char *method, json_t *params, remote_answer_fn done,
		void *arg);
/* It has, and calls that wait are being answered with the reason. */
bool remote_has_ended(const struct remote_link *p);
bool remote_is_named(const struct remote_link *p, const char *name);
/* "192.0.2.1:4791" of the other side. */
const char *remote_address(const struct remote_link *p);

/* ---- the answering side --------------------------------------------------------------------------- */

struct remote_server;
struct remote_session;

struct remote_service {
	const struct rpc_method *methods; /* their context is the session; "ping" comes with it */
	size_t method_count;
	/* The certificate's name is one of ours to talk to.  False: the link is closed. */
	bool (*admits)(void *arg, const struct remote_session *s);
	void (*left)(void *arg, struct remote_session *s); /* it is about to go */
	void *arg;
};

/* Takes 'listener', a listening socket that does not block. */
int remote_server_create(struct loop *loop, struct tls_context *tls, int listener,
			 const struct remote_service *service, struct remote_server **out,
			 struct xvs_error *err);
void remote_server_destroy(struct remote_server *s); /* NULL is fine */

/* A listening socket where a session reached us, at a port that the kernel chooses; -errno. */
int remote_listen_beside(const char *local, int *fd, uint16_t *port, struct xvs_error *err);

/* For handlers, whose rpc_context() is a session. */
void *remote_session_arg(const struct remote_session *s); /* of the service */
bool remote_session_is_named(const struct remote_session *s, const char *name);
const char *remote_session_name(const struct remote_session *s);
/* Local address of the connection, numeric: where the source reached us. */
const char *remote_session_local(const struct remote_session *s);
void *remote_session_data(const struct remote_session *s); /* the service's own; NULL at first */
void remote_session_set_data(struct remote_session *s, void *data);
void remote_session_tell(struct remote_session *s, const char *event, json_t *params /* taken */);

#endif /* XVS_HV_REMOTE_H */
