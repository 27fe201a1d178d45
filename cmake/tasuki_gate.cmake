# The gate: a program for the kernel, compiled by clang whatever compiles the rest, and put into the
# binary as bytes.
find_program(TASUKI_BPF_CLANG NAMES clang-14 clang)
if(NOT TASUKI_BPF_CLANG)
    message(FATAL_ERROR "clang is needed: it compiles src/vip/gate.bpf.c for the kernel, also where "
                        "g++ compiles the rest. Install it (Debian: clang-14; see scripts/setup), or "
                        "name it with -DTASUKI_BPF_CLANG=.")
endif()
pkg_check_modules(libbpf IMPORTED_TARGET libbpf>=1.0)
if(NOT libbpf_FOUND)
    message(FATAL_ERROR "libbpf 1.0 or later is needed: it loads the gate of the virtual addresses. "
                        "Install it (Debian: libbpf-dev; see scripts/setup).")
endif()

set(gate_source ${CMAKE_SOURCE_DIR}/src/vip/gate.bpf.c)
set(gate_object ${CMAKE_BINARY_DIR}/gate.bpf.o)
# The kernel's headers want those of the machine, which clang does not look for with this target.
add_custom_command(OUTPUT ${gate_object}
    COMMAND ${TASUKI_BPF_CLANG} -O2 -g -mcpu=v2 -Wall -Wextra -Werror -target bpf
            -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -c ${gate_source} -o ${gate_object}
    DEPENDS ${gate_source}
    COMMENT "Compiling the gate for the kernel"
    VERBATIM)
set_source_files_properties(src/vip/gate_object_io.cpp PROPERTIES
    OBJECT_DEPENDS ${gate_object}
    COMPILE_DEFINITIONS TASUKI_GATE_OBJECT="${gate_object}")
