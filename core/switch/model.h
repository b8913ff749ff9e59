/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/model.h - all that is wanted, by owner (architecture 16.7): the file's last applied
 * document, ports that the API made, values set over documents, and marks on objects.
 *
 * A change is made on a copy, which replaces the original when its transaction commits; so a
 * copy is cheap: what is large is shared by reference count.  [control]
 */
#ifndef XVS_SWITCH_MODEL_H
#define XVS_SWITCH_MODEL_H

#include <jansson.h>

#include "switch/spec.h"

enum { TARGET_MAX = 2 * NAME_MAX_XVS + 2, FEATURE_MAX = 128, MODULE_PATH_MAX = 4096 };

/* What the file wants; shared by copies. */
struct file_layer {
	size_t refs;
	struct config_spec *spec; /* never NULL */
	char *name;               /* of the file, for messages; may be NULL */
	struct decoded *decoded;  /* of its longest documents, once and for all: decoded.c */
	size_t decoded_count;
};

/* A port that somebody else than the file owns; shared by copies. */
struct extra_port {
	size_t refs;
	char switch_name[64];
	enum owner owner;
	struct port_spec spec; /* never changed */
	json_t *said;          /* what a snapshot says of it; NULL: none was made yet */
};

/* Fields set over the document that the target's owner wrote, or that document taken away. */
struct override_value {
	char target[TARGET_MAX];
	char feature[FEATURE_MAX];
	enum owner owner;
	bool is_overlay;     /* over another owner's value: goes with --no-overrides */
	bool removes;        /* the document below does not count */
	struct node *fields; /* NULL only where it removes */
};

/* MARK_HELD is nobody's wish: the port moves between hosts (switch/bundle.h). */
/* MARK_GONE: the file's port has moved to another host; it stays away until the file forgets it. */
enum mark_kind {
	MARK_BLOCKED = 1,
	MARK_DISABLED = 2,
	MARK_REMOVED = 3,
	MARK_HELD = 4,
	MARK_GONE = 5,
};

struct mark {
	enum mark_kind kind;
	char target[TARGET_MAX]; /* "switch/port" or "switch/instance" */
};

struct uuid_name {
	char target[TARGET_MAX];
	uint8_t uuid[16];
};

/* An instance's module is this file, not what the search path has: an upgrade recorded it. */
struct module_choice {
	char target[TARGET_MAX]; /* "switch/instance" */
	char file[MODULE_PATH_MAX];
};

/* An address of the host's pool that a port has, as long as it is wanted and names none itself. */
struct mac_lease {
	uint8_t uuid[16];
	uint8_t mac[6];
};

struct model {
	struct file_layer *file;
	struct extra_port **extras;
	size_t extra_count;
	struct override_value *values;
	size_t value_count;
	struct mark *marks;
	size_t mark_count;
	struct module_choice *choices;
	size_t choice_count;
	struct uuid_name *uuids;
	size_t uuid_count;
	struct mac_lease *leases; /* by UUID */
	size_t lease_count;
};

struct model *model_create(void); /* nothing wanted; NULL: out of memory */
struct model *model_copy(const struct model *m);
void model_destroy(struct model *m); /* NULL is fine */

/* Takes 'spec' in every case. */
int model_set_file(struct model *m, struct config_spec *spec, const char *name);
/* Takes what 'spec' points to (not the structure itself) on success only. */
int model_add_port(struct model *m, const char *switch_name, struct port_spec *spec,
		   enum owner owner);
/* False: no such extra port. */
bool model_remove_port(struct model *m, const char *switch_name, const char *port);

const struct switch_spec *model_switch(const struct model *m, const char *name);
const struct port_spec *model_port(const struct model *m, const char *switch_name, const char *port,
				   enum owner *owner);
const struct group_spec *model_group(const struct switch_spec *sw, const char *name);

/* The nth port wanted on a switch, the file's first; NULL: no more.  Marked as removed: left out. */
const struct port_spec *model_port_at(const struct model *m, const struct switch_spec *sw,
				      size_t nth, enum owner *owner);

bool model_marked(const struct model *m, enum mark_kind kind, const char *target);
int model_mark(struct model *m, enum mark_kind kind, const char *target, bool on);

/* The file of an instance's module; NULL: that of the search path. */
const char *model_choice(const struct model *m, const char *target);
int model_choose(struct model *m, const char *target, const char *file /* or NULL */);

struct override_value *model_value(const struct model *m, const char *target, const char *feature);
/* Merges 'fields' (copied) into the value of this target; -ENOMEM. */
int model_set_value(struct model *m, const struct override_value *value);
bool model_drop_value(struct model *m, const char *target, const char *feature);
/* Overlays, and marks on what the file owns. */
void model_drop_overlays(struct model *m);
/* Values, marks and UUIDs of objects that are not wanted any more. */
void model_prune(struct model *m);

/*
 * The UUID of "switch" or "switch/port", made when it has none.  'wanted' (may be NULL) is what
 * the document says.  -ENOMEM.
 */
int model_uuid(struct model *m, const char *target, const uint8_t *wanted, uint8_t out[16]);

/* The address that a port has from the pool; NULL: none. */
const uint8_t *model_lease(const struct model *m, const uint8_t uuid[16]);
/* -ENOMEM; it has none yet. */
int model_add_lease(struct model *m, const uint8_t uuid[16], const uint8_t mac[6]);

/*
 * The document of one feature at one target as it counts: 'base' (may be NULL) with what was set
 * over it.  False: out of memory.  *out may be NULL: there is none.  Given.
 */
bool model_document(const struct model *m, const char *target, const char *feature,
		    const struct node *base, struct node **out);

/* "lab/vm1" */
void target_print(char out[TARGET_MAX], const char *switch_name, const char *name);

#endif /* XVS_SWITCH_MODEL_H */
