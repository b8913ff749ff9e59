/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/cgroup.h - cgroups of version 2 below our own: what a machine uses is counted and limited by
 * itself.  Where they cannot be written, machines run without.  [control]
 */
#ifndef XVS_HV_CGROUP_H
#define XVS_HV_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

/* Makes NAME where it is missing and puts the process there. */
bool cgroup_enter(const char *name, pid_t pid);
void cgroup_remove(const char *name);

#endif /* XVS_HV_CGROUP_H */
