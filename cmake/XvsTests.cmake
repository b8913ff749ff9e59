# SPDX-License-Identifier: Apache-2.0
#
# How tests are found and registered.  A test says with a comment "links: xvs_packet xvs_base"
# in its first ten lines what it needs beside the library of its own folder.

# The targets named by the "links:" comment of a source file, those that exist.
function(xvs_links_of source out)
	file(STRINGS ${source} lines LIMIT_COUNT 10)
	set(found "")
	foreach(line IN LISTS lines)
		if(line MATCHES "links:([A-Za-z0-9_: -]+)")
			string(REGEX MATCHALL "[A-Za-z0-9_:-]+" found "${CMAKE_MATCH_1}")
		endif()
	endforeach()
	set(${out} ${found} PARENT_SCOPE)
endfunction()

# One executable for one test source; skipped while something it links does not exist yet.
function(xvs_add_test name source labels)
	xvs_links_of(${source} links)
	foreach(target IN LISTS links ARGN)
		if(NOT TARGET ${target})
			message(STATUS "${name}: skipped, ${target} does not exist")
			return()
		endif()
	endforeach()
	add_executable(${name} ${source})
	set_target_properties(${name} PROPERTIES
		RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
	target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/core
		${PROJECT_SOURCE_DIR}/api ${PROJECT_SOURCE_DIR}/tests/unit)
	target_compile_definitions(${name} PRIVATE
		XVS_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
		XVS_TEST_EXTENSIONS="test-extensions"
		XVS_BUILT_EXTENSIONS="extensions")
	if(TARGET unit_support)
		target_link_libraries(${name} PRIVATE unit_support)
	endif()
	target_link_libraries(${name} PRIVATE xvs_flags ${ARGN} ${links} pkg::cmocka)
	# an assertion of cmocka does not tell gcc that a pointer is not null
	set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -Wno-null-dereference)
	# tests run in the build directory: sentences with a path in them must not depend on where it is
	add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
	set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 120)
endfunction()

# Make 'target' (a group of tests) build 'name' as well, if that exists.
function(xvs_group_test target name)
	if(NOT TARGET ${target})
		add_custom_target(${target})
	endif()
	if(TARGET ${name})
		add_dependencies(${target} ${name})
	endif()
endfunction()
