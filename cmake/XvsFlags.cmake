# SPDX-License-Identifier: Apache-2.0
#
# xvs_flags: the one interface target that carries language, warnings, hardening and sanitizers.
# Every target of ours links it PRIVATE-ly through the functions of XvsTargets.

set(XVS_SANITIZE "" CACHE STRING "Sanitizers for the whole build, as in -fsanitize=")
option(XVS_FUZZ "Build tests/fuzz for libFuzzer (clang)" OFF)

if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug or Release" FORCE)
endif()
# Assertions stay in every build: a switch that goes on after a broken guarantee is no safer.
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(XVS_CCACHE ccache)
if(XVS_CCACHE AND NOT DEFINED CMAKE_C_COMPILER_LAUNCHER)
	set(CMAKE_C_COMPILER_LAUNCHER ${XVS_CCACHE})
endif()

add_library(xvs_flags INTERFACE)
target_compile_definitions(xvs_flags INTERFACE
	_GNU_SOURCE
	XVS_VERSION="${PROJECT_VERSION}"
	XVS_EXTENSION_DIR="${CMAKE_INSTALL_FULL_LIBDIR}/xvs/extensions")
target_compile_options(xvs_flags INTERFACE
	-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
	-Wundef -Wvla -Wformat=2 -Wcast-qual -Wpointer-arith -Wnull-dereference
	-Wimplicit-fallthrough -Werror)
target_link_options(xvs_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)

if(XVS_SANITIZE)
	target_compile_options(xvs_flags INTERFACE
		-fsanitize=${XVS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_link_options(xvs_flags INTERFACE -fsanitize=${XVS_SANITIZE})
	# Hundreds of tests are linked, each with a runtime: lld takes a third of GNU ld's time.
	find_program(XVS_LLD ld.lld)
	if(XVS_LLD AND CMAKE_C_COMPILER_ID STREQUAL "Clang")
		target_link_options(xvs_flags INTERFACE -fuse-ld=lld)
	endif()
else()
	target_compile_options(xvs_flags INTERFACE
		-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
		-fstack-clash-protection)
	if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
		target_compile_options(xvs_flags INTERFACE -fcf-protection)
	elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64")
		target_compile_options(xvs_flags INTERFACE -mbranch-protection=standard)
	endif()
endif()

if(XVS_FUZZ)
	if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
		message(FATAL_ERROR "XVS_FUZZ needs clang: use the preset fuzz")
	endif()
	target_compile_options(xvs_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Executables are position independent as well; CMake adds -pie only when asked to check.
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
