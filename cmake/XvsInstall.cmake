# SPDX-License-Identifier: Apache-2.0
#
# What `cmake --install` copies beside programs and extensions, which install themselves.  With
# `--component sdk` it is what vendors need, and no more.

install(DIRECTORY ${PROJECT_SOURCE_DIR}/api/xvs DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
	COMPONENT sdk FILES_MATCHING PATTERN "*.h")
# The layout of counters and captures, and the numbers of the control socket: <xvs/control/...>.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/api/control DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/xvs
	COMPONENT sdk FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/api/control/xvs-rpc.json
	${PROJECT_SOURCE_DIR}/api/control/xvs-hv-rpc.json
	DESTINATION ${CMAKE_INSTALL_DATADIR}/xvs)

configure_file(${PROJECT_SOURCE_DIR}/cmake/xvs-extension.pc.in
	${PROJECT_BINARY_DIR}/xvs-extension.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/xvs-extension.pc
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sdk)

include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/xvs-extension)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/xvs-extensionConfig.cmake.in
	${PROJECT_BINARY_DIR}/xvs-extensionConfig.cmake INSTALL_DESTINATION ${package}
	PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/xvs-extensionConfigVersion.cmake
	COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/xvs-extensionConfig.cmake
	${PROJECT_BINARY_DIR}/xvs-extensionConfigVersion.cmake
	${PROJECT_SOURCE_DIR}/cmake/extension.map DESTINATION ${package} COMPONENT sdk)

# docs/man/NAME.SECTION; the section decides the folder.  Programs of section 1 are those of vendors.
file(GLOB manuals CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.[1-8])
foreach(manual IN LISTS manuals)
	string(REGEX MATCH "[1-8]$" section ${manual})
	set(component runtime)
	if(section EQUAL 1)
		set(component sdk)
	endif()
	install(FILES ${manual} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section}
		COMPONENT ${component})
endforeach()

file(GLOB examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.yaml)
if(examples)
	install(FILES ${examples} DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
endif()
# xvs-new(1) makes projects of these.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples/extensions
	DESTINATION ${CMAKE_INSTALL_DATADIR}/xvs/examples COMPONENT sdk
	PATTERN .clang-format EXCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/docs/extension-guide.md ${PROJECT_SOURCE_DIR}/docs/state-guide.md
	DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/xvs-sdk COMPONENT sdk)
