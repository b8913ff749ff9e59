# SPDX-License-Identifier: Apache-2.0
#
# What `cmake --install` copies beside programs and extensions, which install themselves.

install(DIRECTORY ${PROJECT_SOURCE_DIR}/api/xvs DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
	FILES_MATCHING PATTERN "*.h")
# The layout of counters and captures, and the numbers of the control socket: <xvs/control/...>.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/api/control DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/xvs
	FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/api/control/xvs-rpc.json
	${PROJECT_SOURCE_DIR}/api/control/xvs-hv-rpc.json
	DESTINATION ${CMAKE_INSTALL_DATADIR}/xvs)

configure_file(${PROJECT_SOURCE_DIR}/cmake/xvs-extension.pc.in
	${PROJECT_BINARY_DIR}/xvs-extension.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/xvs-extension.pc
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/xvs-extension)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/xvs-extensionConfig.cmake.in
	${PROJECT_BINARY_DIR}/xvs-extensionConfig.cmake INSTALL_DESTINATION ${package}
	PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/xvs-extensionConfigVersion.cmake
	COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/xvs-extensionConfig.cmake
	${PROJECT_BINARY_DIR}/xvs-extensionConfigVersion.cmake
	${PROJECT_SOURCE_DIR}/cmake/extension.map DESTINATION ${package})

# docs/man/NAME.SECTION; the section decides the folder.
file(GLOB manuals CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.[1-8])
foreach(manual IN LISTS manuals)
	string(REGEX MATCH "[1-8]$" section ${manual})
	install(FILES ${manual} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

file(GLOB examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.yaml)
if(examples)
	install(FILES ${examples} DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
endif()
