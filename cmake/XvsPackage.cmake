# SPDX-License-Identifier: Apache-2.0
#
# Packages for Debian, made by `cpack` in a build directory: xvs for hosts, xvs-sdk for vendors.  They
# install where the build was configured to; the preset "package" is that of packages, /usr.

foreach(name IN ITEMS xvs xvs-sdk)
	set(component runtime)
	if(name STREQUAL "xvs-sdk")
		set(component sdk)
	endif()
	install(FILES ${PROJECT_SOURCE_DIR}/LICENSE RENAME copyright
		DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} COMPONENT ${component})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "xvs maintainers <maintainers@xvs.example>"
	CACHE STRING "Who answers for the packages")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runtime sdk)
set(CPACK_DEB_COMPONENT_INSTALL ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME xvs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION net)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "plugin-extensible virtual switch
 A virtual switch for Linux and KVM whose traffic is inspected, filtered and forwarded by
 extensions of third parties, against a stable binary interface; and xvs-hv, which runs machines
 on it and moves them with their policies.")
# users of the service are made by sysusers.d(5)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers")
# addresses for guests (dhcp:), and machines (xvs-hv)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "dnsmasq-base, qemu-system-x86, qemu-utils")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "minisign")
foreach(script IN ITEMS postinst prerm postrm)
	list(APPEND CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
		${PROJECT_SOURCE_DIR}/packaging/debian/${script})
endforeach()

set(CPACK_DEBIAN_SDK_PACKAGE_NAME xvs-sdk)
set(CPACK_DEBIAN_SDK_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_SDK_DESCRIPTION "extensions to the xvs virtual switch: what builds them
 Headers of the binary interface, a CMake package, examples that are whole projects, and the
 programs with which a vendor begins, tries, bundles and signs an extension.")
set(CPACK_DEBIAN_SDK_PACKAGE_DEPENDS "libc6-dev | libc-dev")
set(CPACK_DEBIAN_SDK_PACKAGE_RECOMMENDS "cmake, gcc | c-compiler, pkgconf | pkg-config")
set(CPACK_DEBIAN_SDK_PACKAGE_SUGGESTS "xvs, g++ | c++-compiler")

include(CPack)
