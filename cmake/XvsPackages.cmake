# SPDX-License-Identifier: Apache-2.0
#
# Libraries of the distribution, each as target pkg::NAME under its pkg-config name.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(XVS_PACKAGES
	liburcu-qsbr liburcu-cds libevent libevent_pthreads jansson yaml-0.1 libmnl libelf libpcap
	libbpf libxdp openssl cmocka)

foreach(package IN LISTS XVS_PACKAGES)
	pkg_check_modules(${package} REQUIRED QUIET IMPORTED_TARGET GLOBAL ${package})
	add_library(pkg::${package} ALIAS PkgConfig::${package})
endforeach()
