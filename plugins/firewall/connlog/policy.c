/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.c - the features of org.xvs.connlog.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connlog.h"
#include "xvs/ext/sdk.h"

static const struct xvs_field log_fields[] = {
	{ .name = "file",
	  .help = "Absolute path of the file to which lines are appended",
	  .type = XVS_TEXT,
	  .flags = XVS_FIELD_REQUIRED,
	  .max = OUTPUT_PATH,
	  .offset = offsetof(struct connlog_policy, file) },
	{ .name = "max_bytes",
	  .help = "Size at which the file is renamed to FILE.1, and a new one begun; 0: no limit",
	  .type = XVS_U64,
	  .max = UINT64_C(1) << 50,
	  .dflt = UINT64_C(1) << 30,
	  .offset = offsetof(struct connlog_policy, max_bytes) },
};

static const struct xvs_field port_fields[] = {
	{ .name = "enabled",
	  .help = "Note this port's connections",
	  .type = XVS_BOOL,
	  .dflt = 1,
	  .offset = offsetof(struct connlog_port_policy, enabled) },
	{ .name = "begins",
	  .help = "Note their begin as well as their end",
	  .type = XVS_BOOL,
	  .dflt = 1,
	  .offset = offsetof(struct connlog_port_policy, begins) },
	{ .name = "report_s",
	  .help = "Seconds after which one that goes on is noted again; 0: it is not",
	  .type = XVS_U32,
	  .max = 86400,
	  .offset = offsetof(struct connlog_port_policy, report_s) },
};

static const struct xvs_field status_fields[] = {
	{ .name = "written",
	  .help = "Records in the file",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  .offset = offsetof(struct connlog_status, written) },
	{ .name = "lost",
	  .help = "Records that could not be written, or came faster than that",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  .offset = offsetof(struct connlog_status, lost) },
	{ .name = "error",
	  .help = "What is wrong with the file; empty: nothing",
	  .type = XVS_TEXT,
	  .max = sizeof(((struct connlog_status *)0)->error),
	  .offset = offsetof(struct connlog_status, error) },
};

const struct xvs_feature connlog_features[FEATURE_COUNT] = {
	[FEATURE_LOG] = { .size = sizeof(struct xvs_feature),
			  .bytes = sizeof(struct connlog_policy),
			  .id = "org.xvs.connlog/1",
			  .summary = "Where records of connections are written",
			  .scope = XVS_PER_SWITCH,
			  .kind = XVS_SETTING,
			  .fields = XVS_TABLE(log_fields) },
	[FEATURE_PORT] = { .size = sizeof(struct xvs_feature),
			   .bytes = sizeof(struct connlog_port_policy),
			   .id = "org.xvs.connlog.port/1",
			   .summary = "Which of a port's connections are noted",
			   .scope = XVS_PER_PORT,
			   .kind = XVS_SETTING,
			   .fields = XVS_TABLE(port_fields) },
	[FEATURE_STATUS] = { .size = sizeof(struct xvs_feature),
			     .bytes = sizeof(struct connlog_status),
			     .id = "org.xvs.connlog.status/1",
			     .summary = "How writing goes",
			     .scope = XVS_PER_SWITCH,
			     .kind = XVS_STATUS,
			     .fields = XVS_TABLE(status_fields) },
};

int connlog_file_check(const struct connlog_policy *policy, struct xvs_error *err)
{
	char folder[OUTPUT_PATH];
	char *slash;
	struct stat st;

	if (policy->file[0] != '/')
		return xvs_refuse(err, -EINVAL, "file", "must be an absolute path");
	memcpy(folder, policy->file, sizeof(folder));
	slash = strrchr(folder, '/');
	slash[slash == folder ? 1 : 0] = '\0';
	if (access(folder, W_OK | X_OK) != 0)
		return xvs_refuse(err, -errno, "file",
				  "its folder is not there or cannot be written to: make the "
				  "folder, or choose another");
	if (lstat(policy->file, &st) == 0 && !S_ISREG(st.st_mode))
		return xvs_refuse(err, -EINVAL, "file", "is there and is no regular file");
	return 0;
}
