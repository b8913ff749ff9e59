# SPDX-License-Identifier: Apache-2.0
#
# The kinds of things that are built.  A name under DEPS is, in this order: a library of core/
# (base stands for xvs_base), a package (jansson stands for pkg::jansson), or what CMake knows.

# Enter a folder if it has been written.
function(xvs_add_folder folder)
	if(EXISTS ${PROJECT_SOURCE_DIR}/${folder}/CMakeLists.txt)
		add_subdirectory(${PROJECT_SOURCE_DIR}/${folder} ${PROJECT_BINARY_DIR}/${folder})
	endif()
endfunction()

function(xvs_resolve_deps out)
	set(resolved "")
	foreach(dep IN LISTS ARGN)
		if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/core/${dep})
			list(APPEND resolved xvs_${dep})
		elseif(TARGET pkg::${dep})
			list(APPEND resolved pkg::${dep})
		else()
			list(APPEND resolved ${dep})
		endif()
	endforeach()
	set(${out} ${resolved} PARENT_SCOPE)
endfunction()

# xvs_library(base SRCS a.c b.c DEPS liburcu-qsbr): the static library xvs_base.
# Includes are written from core/ ("base/rcu.h") and from api/ ("xvs/extension.h").
function(xvs_library name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;DEPS")
	xvs_resolve_deps(deps ${arg_DEPS})
	add_library(xvs_${name} STATIC ${arg_SRCS})
	target_include_directories(xvs_${name} PUBLIC
		${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR}/api)
	target_link_libraries(xvs_${name} PUBLIC ${deps} Threads::Threads PRIVATE xvs_flags)
	set_property(GLOBAL APPEND PROPERTY XVS_LIBRARIES xvs_${name})
endfunction()

# xvs_program(xvsd SRCS main.c DEPS control config): an installed program, of the component runtime
# unless another is named behind COMPONENT.
function(xvs_program name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "COMPONENT" "SRCS;DEPS")
	xvs_resolve_deps(deps ${arg_DEPS})
	add_executable(${name} ${arg_SRCS})
	target_include_directories(${name} PRIVATE
		${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR}/api)
	target_link_libraries(${name} PRIVATE xvs_flags ${deps} Threads::Threads)
	set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
	set_property(GLOBAL APPEND PROPERTY XVS_PROGRAMS ${name})
	if(NOT arg_COMPONENT)
		set(arg_COMPONENT runtime)
	endif()
	install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
		COMPONENT ${arg_COMPONENT})
endfunction()

# A shared object that exports its module symbol alone.
function(xvs_module target output directory)
	add_library(${target} MODULE ${ARGN})
	set_target_properties(${target} PROPERTIES
		PREFIX "" OUTPUT_NAME ${output} SUFFIX ".so"
		LIBRARY_OUTPUT_DIRECTORY ${directory}
		LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/extension.map)
	target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/api)
	target_link_libraries(${target} PRIVATE xvs_flags)
	target_link_options(${target} PRIVATE
		-Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/extension.map)
	if(NOT XVS_SANITIZE)
		# A sanitizer's runtime lives in the program, so its symbols are open here.
		target_link_options(${target} PRIVATE -Wl,-z,defs)
	endif()
endfunction()

# xvs_builtin(portacl acl.c rule.c): an extension that is linked into xvsd, by target
# plugin_portacl_objects.
# It exports nothing: its module is called xvs_builtin_portacl.
function(xvs_builtin name)
	set(objects plugin_${name}_objects)
	add_library(${objects} OBJECT ${ARGN})
	target_include_directories(${objects} PUBLIC
		${PROJECT_SOURCE_DIR}/api ${CMAKE_CURRENT_SOURCE_DIR})
	target_compile_definitions(${objects} PRIVATE XVS_USE_DRAFT)
	target_link_libraries(${objects} PRIVATE xvs_flags)
	target_link_libraries(xvsd PRIVATE ${objects})
endfunction()

# xvs_extension(guard guard.c arp.c DEPS libpcap): extensions/guard.so, by target plugin_guard.
# The objects stand alone as plugin_guard_objects, so that tests/unit/guard may link them.
function(xvs_extension name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPS")
	xvs_resolve_deps(deps ${arg_DEPS})
	set(objects plugin_${name}_objects)
	add_library(${objects} OBJECT ${arg_UNPARSED_ARGUMENTS})
	target_include_directories(${objects} PUBLIC
		${PROJECT_SOURCE_DIR}/api ${CMAKE_CURRENT_SOURCE_DIR})
	target_link_libraries(${objects} PUBLIC ${deps} PRIVATE xvs_flags)
	xvs_module(plugin_${name} ${name} ${PROJECT_BINARY_DIR}/extensions)
	target_link_libraries(plugin_${name} PRIVATE ${objects})
	set_property(GLOBAL APPEND PROPERTY XVS_EXTENSIONS plugin_${name})
	install(TARGETS plugin_${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/xvs/extensions)
endfunction()
