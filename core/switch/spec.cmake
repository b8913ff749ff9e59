# SPDX-License-Identifier: Apache-2.0
#
# What is wanted, as plain data: below core/config, which makes it, and core/switch, which does it.
xvs_library(spec SRCS spec.c spec_dhcp.c spec_migration.c spec_nat.c spec_network.c spec_trust.c
	DEPS xvs_minisign base)
