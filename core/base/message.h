/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/message.h - numbers of what the daemon tells; made by tools/messages from docs/messages.yaml.
 */
#ifndef XVS_BASE_MESSAGE_H
#define XVS_BASE_MESSAGE_H

/* clang-format off */
enum message_id {
	MSG_READY = 1, /* The daemon is ready */
	MSG_ENDING = 2, /* The daemon cannot go on */
	MSG_PRIVILEGES = 3, /* Privileges are missing */
	MSG_STATE = 4, /* The state directory was damaged */
	MSG_JOURNAL = 5, /* The state directory cannot be written */
	MSG_CONFIGURATION = 10, /* The configuration has an error */
	MSG_LAST_GOOD = 11, /* The last good configuration is in force */
	MSG_RELOADED = 12, /* The configuration was reloaded */
	MSG_NOT_RELOADED = 13, /* The configuration was not reloaded */
	MSG_REMARK = 14, /* A remark on the configuration */
	MSG_CHANGED = 20, /* Something was changed */
	MSG_TAKEN_BACK = 21, /* A change goes back */
	MSG_STAYS = 22, /* A change cannot be taken back */
	MSG_PORT_OPEN = 30, /* A port is open */
	MSG_PORT_CLOSED = 31, /* A port is closed */
	MSG_PORT_WARNING = 32, /* A port works but not as it should */
	MSG_FRONT_END = 33, /* A virtual machine's adapter */
	MSG_CAPTURE_FILE = 35, /* A capture file has ended */
	MSG_XDP = 36, /* XDP programs of an earlier daemon */
	MSG_EXTENSION = 40, /* An extension says something */
	MSG_CONTROL_HELD = 41, /* An extension held the control thread */
	MSG_WORKER_HELD = 42, /* A worker is held */
	MSG_EXTENSION_KEYS = 43, /* Keys of extensions */
	MSG_EXTENSION_ENDED = 44, /* The process of an extension has ended */
	MSG_EXTENSION_STARTED = 45, /* The process of an extension runs again */
	MSG_UPGRADE = 46, /* An upgrade of an extension */
	MSG_CONTROL_SOCKET = 50, /* The control socket */
	MSG_TEAM_LINK = 60, /* The link of an uplink */
	MSG_TEAM_PATH = 61, /* Uplinks in use */
	MSG_LACP = 62, /* The adjacent switch talks LACP */
	MSG_LLDP = 63, /* A neighbour by LLDP or CDP */
	MSG_ADDRESSES = 65, /* Addresses of the host have moved */
	MSG_ADDRESSES_LOST = 66, /* Addresses of the host are not where they should be */
	MSG_DHCP = 70, /* A DHCP server */
	MSG_DHCP_DOWN = 71, /* Guests get no addresses */
	MSG_DHCP_SAYS = 72, /* The DHCP server says something */
	MSG_VM = 80, /* A virtual machine */
	MSG_VM_PROBLEM = 81, /* Something is wrong with a virtual machine */
	MSG_VM_STATE = 82, /* The state directory of xvs-hv */
	MSG_ACCEL = 83, /* Guests are emulated */
	MSG_VM_MOVE = 84, /* A virtual machine moves between hosts */
	MSG_CERTIFICATES = 90, /* Certificates for other hosts */
	MSG_MOVE = 100, /* A port moves between hosts */
	MSG_MOVE_LINK = 101, /* A connection between hosts */
};

/* X(name, level) for each. */
#define MESSAGES(X) \
	X(MSG_READY, XVS_LOG_INFO) \
	X(MSG_ENDING, XVS_LOG_ERROR) \
	X(MSG_PRIVILEGES, XVS_LOG_WARN) \
	X(MSG_STATE, XVS_LOG_WARN) \
	X(MSG_JOURNAL, XVS_LOG_ERROR) \
	X(MSG_CONFIGURATION, XVS_LOG_ERROR) \
	X(MSG_LAST_GOOD, XVS_LOG_ERROR) \
	X(MSG_RELOADED, XVS_LOG_INFO) \
	X(MSG_NOT_RELOADED, XVS_LOG_ERROR) \
	X(MSG_REMARK, XVS_LOG_WARN) \
	X(MSG_CHANGED, XVS_LOG_INFO) \
	X(MSG_TAKEN_BACK, XVS_LOG_WARN) \
	X(MSG_STAYS, XVS_LOG_ERROR) \
	X(MSG_PORT_OPEN, XVS_LOG_INFO) \
	X(MSG_PORT_CLOSED, XVS_LOG_WARN) \
	X(MSG_PORT_WARNING, XVS_LOG_WARN) \
	X(MSG_FRONT_END, XVS_LOG_INFO) \
	X(MSG_CAPTURE_FILE, XVS_LOG_WARN) \
	X(MSG_XDP, XVS_LOG_INFO) \
	X(MSG_EXTENSION, XVS_LOG_INFO) \
	X(MSG_CONTROL_HELD, XVS_LOG_WARN) \
	X(MSG_WORKER_HELD, XVS_LOG_WARN) \
	X(MSG_EXTENSION_KEYS, XVS_LOG_WARN) \
	X(MSG_EXTENSION_ENDED, XVS_LOG_ERROR) \
	X(MSG_EXTENSION_STARTED, XVS_LOG_INFO) \
	X(MSG_UPGRADE, XVS_LOG_WARN) \
	X(MSG_CONTROL_SOCKET, XVS_LOG_ERROR) \
	X(MSG_TEAM_LINK, XVS_LOG_WARN) \
	X(MSG_TEAM_PATH, XVS_LOG_INFO) \
	X(MSG_LACP, XVS_LOG_WARN) \
	X(MSG_LLDP, XVS_LOG_INFO) \
	X(MSG_ADDRESSES, XVS_LOG_INFO) \
	X(MSG_ADDRESSES_LOST, XVS_LOG_ERROR) \
	X(MSG_DHCP, XVS_LOG_INFO) \
	X(MSG_DHCP_DOWN, XVS_LOG_WARN) \
	X(MSG_DHCP_SAYS, XVS_LOG_WARN) \
	X(MSG_VM, XVS_LOG_INFO) \
	X(MSG_VM_PROBLEM, XVS_LOG_WARN) \
	X(MSG_VM_STATE, XVS_LOG_ERROR) \
	X(MSG_ACCEL, XVS_LOG_WARN) \
	X(MSG_VM_MOVE, XVS_LOG_INFO) \
	X(MSG_CERTIFICATES, XVS_LOG_WARN) \
	X(MSG_MOVE, XVS_LOG_INFO) \
	X(MSG_MOVE_LINK, XVS_LOG_WARN)
/* clang-format on */

#endif /* XVS_BASE_MESSAGE_H */
