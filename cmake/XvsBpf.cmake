# SPDX-License-Identifier: Apache-2.0
#
# Programs for the kernel's virtual machine: compiled by clang, whatever compiles the rest, and
# carried in our code as bytes.
#
# Run as a script (-D OBJECT= -D HEADER= -D NAME=) this file writes the header.

if(CMAKE_SCRIPT_MODE_FILE)
	file(READ ${OBJECT} digits HEX)
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${digits}")
	string(REGEX REPLACE "((0x..,){16})" "\\1\n" bytes "${bytes}")
	file(WRITE ${HEADER} "static const unsigned char ${NAME}[] = {\n${bytes}\n};\n")
	return()
endif()

find_program(XVS_BPF_CLANG NAMES clang clang-14 REQUIRED)

# xvs_bpf(port af_xdp/kernel.bpf.c af_xdp/kernel.h): target xvs_port finds "port/af_xdp/kernel_bytes.h"
# with an array kernel_bytes.  Further arguments: headers that the source includes.
function(xvs_bpf target source)
	cmake_path(GET source PARENT_PATH folder)
	cmake_path(GET source FILENAME file)
	string(REGEX REPLACE "\\.bpf\\.c$" "" stem ${file})
	set(include ${CMAKE_CURRENT_BINARY_DIR}/bpf)
	set(object ${include}/${stem}.bpf.o)
	set(header ${include}/${target}/${folder}/${stem}_bytes.h)
	set(headers ${ARGN})
	list(TRANSFORM headers PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
	file(MAKE_DIRECTORY ${include}/${target}/${folder})
	add_custom_command(OUTPUT ${header}
		COMMAND ${XVS_BPF_CLANG} -target bpf -O2 -g -Wall -Wextra -Werror
			-ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -ffile-prefix-map=${include}=.
			-I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
			-c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
		COMMAND ${CMAKE_COMMAND} -D OBJECT=${object} -D HEADER=${header}
			-D NAME=${stem}_bytes -P ${PROJECT_SOURCE_DIR}/cmake/XvsBpf.cmake
		DEPENDS ${source} ${headers} ${PROJECT_SOURCE_DIR}/cmake/XvsBpf.cmake
		WORKING_DIRECTORY ${include}
		COMMENT "Compiling ${source} for the kernel"
		VERBATIM)
	target_sources(xvs_${target} PRIVATE ${header})
	target_include_directories(xvs_${target} PRIVATE ${include})
endfunction()
