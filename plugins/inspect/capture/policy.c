/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The features of org.xvs.capture: what is captured, and how it goes.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"

struct status {
	bool capturing;
	bool full;
	uint8_t pad[2];
	uint32_t files;
	uint64_t packets, bytes, lost;
	char file[WRITER_PATH + 16];
	char error[128];
};

static const char *const directions[] = { "both", "in", "out" };

#define POLICY(member) .offset = offsetof(struct capture_policy, member)
#define STATUS(member) .offset = offsetof(struct status, member)

static const struct xvs_field port_fields[] = {
	{ .name = "name",
	  .help = "Name of a port of this switch",
	  .type = XVS_TEXT,
	  .flags = XVS_FIELD_REQUIRED,
	  .max = sizeof(struct port_name),
	  .offset = offsetof(struct port_name, name) },
};

static const struct xvs_field policy_fields[] = {
	{ .name = "enabled",
	  .help = "Capture; false: keep the settings and do not",
	  .type = XVS_BOOL,
	  .dflt = 1,
	  POLICY(enabled) },
	{ .name = "file",
	  .help = "Absolute path of the pcapng file; one that is there is renamed to FILE.old",
	  .type = XVS_TEXT,
	  .flags = XVS_FIELD_REQUIRED,
	  .max = WRITER_PATH,
	  POLICY(file) },
	{ .name = "snaplen",
	  .help = "Bytes to keep of each packet",
	  .type = XVS_U32,
	  .min = 64,
	  .max = SNAPLEN_MAX,
	  .dflt = SNAPLEN_MAX,
	  POLICY(snaplen) },
	{ .name = "max_bytes",
	  .help = "Size at which a file is full; 0: no limit",
	  .type = XVS_U64,
	  .max = UINT64_C(1) << 50,
	  .dflt = UINT64_C(1) << 30,
	  POLICY(max_bytes) },
	{ .name = "files",
	  .help = "1: capturing ends when the file is full; more: so many files in turn, FILE.0, "
		  "FILE.1 and so on, each written over when its turn comes again",
	  .type = XVS_U32,
	  .min = 1,
	  .max = 1000,
	  .dflt = 1,
	  POLICY(files) },
	{ .name = "filter",
	  .help = "Filter expression of pcap-filter(7), as in 'arp or port 53'; empty: all packets. "
		  "Flows that cannot match cost nothing.  Write numbers: names are looked up while "
		  "the daemon waits",
	  .type = XVS_TEXT,
	  .max = sizeof(((struct capture_policy *)0)->filter),
	  POLICY(filter) },
	{ .name = "direction",
	  .help = "Packets from the ports (in), to the ports (out), or both",
	  .type = XVS_ENUM,
	  .names = XVS_TABLE(directions),
	  .dflt = CAPTURE_BOTH,
	  POLICY(direction) },
	{ .name = "ports",
	  .help = "Ports at which to capture; empty: all",
	  .type = XVS_LIST,
	  .max = 256,
	  .fields = XVS_TABLE(port_fields),
	  .element_bytes = sizeof(struct port_name),
	  POLICY(ports) },
};

static const struct xvs_field status_fields[] = {
	{ .name = "capturing",
	  .help = "Packets are being written",
	  .type = XVS_BOOL,
	  STATUS(capturing) },
	{ .name = "file",
	  .help = "The file in hand",
	  .type = XVS_TEXT,
	  .max = sizeof(((struct status *)0)->file),
	  STATUS(file) },
	{ .name = "files",
	  .help = "Files begun since the policy was set",
	  .type = XVS_U32,
	  .max = UINT32_MAX,
	  STATUS(files) },
	{ .name = "packets",
	  .help = "Packets written",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  STATUS(packets) },
	{ .name = "bytes",
	  .help = "Bytes of packets written",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  STATUS(bytes) },
	{ .name = "lost",
	  .help = "Packets not captured because writing was too slow",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  STATUS(lost) },
	{ .name = "full",
	  .help = "Capturing has ended at max_bytes",
	  .type = XVS_BOOL,
	  STATUS(full) },
	{ .name = "error",
	  .help = "Why capturing has ended; empty: it has not",
	  .type = XVS_TEXT,
	  .max = sizeof(((struct status *)0)->error),
	  STATUS(error) },
};

#undef POLICY
#undef STATUS

const struct xvs_feature capture_features[2] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct capture_policy),
	  .id = "org.xvs.capture/1",
	  .summary = "Capture packets of this switch into files",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(policy_fields) },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct status),
	  .id = "org.xvs.capture.status/1",
	  .summary = "How capturing goes",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_STATUS,
	  .fields = XVS_TABLE(status_fields) },
};

/* The file is made when the capture begins; here only what would surely prevent it is refused. */
static int check_file(const char *file, struct xvs_error *err)
{
	char folder[WRITER_PATH];
	char *slash;
	struct stat st;

	(void)snprintf(folder, sizeof(folder), "%s", file);
	slash = strrchr(folder, '/');
	if (file[0] != '/' || slash[1] == '\0')
		return xvs_refuse(err, -EINVAL, "file", "is not an absolute path of a file");
	slash[slash == folder ? 1 : 0] = '\0';
	if (access(folder, W_OK | X_OK) != 0)
		return xvs_refuse(err, -errno, "file",
				  "its folder is not there or cannot be written to: make the "
				  "folder, or choose another");
	if (lstat(file, &st) == 0 && !S_ISREG(st.st_mode))
		return xvs_refuse(err, -EINVAL, "file", "is there and is no regular file");
	return 0;
}

int capture_policy_check(void *self, void *port_state, const char *feature, const void *value,
			 void **prepared, struct xvs_error *err)
{
	const struct capture_policy *policy = value;
	struct cbpf_program *filter = NULL;
	int result;

	(void)port_state;
	(void)feature;
	*prepared = NULL;
	if (!policy)
		return 0;
	if (policy->max_bytes != 0 && policy->max_bytes < 2 * (uint64_t)WRITER_BUFFER)
		return xvs_refuse(err, -EINVAL, "max_bytes", "must be 0, or 1048576 or more");
	result = check_file(policy->file, err);
	if (result == 0)
		result = filter_compile(policy->filter, &filter, err);
	if (result != 0)
		return result;
	if (policy->enabled)
		*prepared = session_create(self, policy, filter);
	if (*prepared)
		return 0;
	free(filter);
	return policy->enabled ? xvs_refuse(err, -ENOMEM, "", "out of memory") : 0;
}

int capture_status_read(void *self, void *port_state, const char *feature, void *out,
			struct xvs_error *err)
{
	const struct capture *c = self;
	const struct session *s = atomic_load_explicit(&c->current, memory_order_relaxed);
	struct status *status = out;
	int error;

	(void)port_state;
	(void)feature;
	(void)err;
	if (!s)
		return 0;
	error = atomic_load_explicit(&s->writer.error, memory_order_relaxed);
	status->full = atomic_load_explicit(&s->writer.full, memory_order_relaxed);
	status->capturing = c->active && !error && !status->full;
	status->files = atomic_load_explicit(&s->writer.opened, memory_order_relaxed);
	status->packets = atomic_load_explicit(&s->writer.packets, memory_order_relaxed);
	status->bytes = atomic_load_explicit(&s->writer.bytes, memory_order_relaxed);
	status->lost = session_lost(c) - s->lost_before;
	writer_name(&s->writer, status->files, status->file);
	if (error)
		(void)snprintf(status->error, sizeof(status->error), "%s", strerror(error));
	return 0;
}
