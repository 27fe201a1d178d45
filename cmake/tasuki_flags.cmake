# Warnings, hardening and sanitizers for every target of the project.
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
                    -fstack-protector-strong -fPIE -D_GLIBCXX_ASSERTIONS)
add_link_options(-pie -Wl,-z,relro -Wl,-z,now)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 reports these two inside its own headers and Boost at -O2; clang still checks them.
    add_compile_options(-Wno-maybe-uninitialized -Wno-restrict -fstack-clash-protection)
endif()

if(TASUKI_SANITIZE)
    add_compile_options(-fsanitize=${TASUKI_SANITIZE} -fno-omit-frame-pointer
                        -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${TASUKI_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        # clang 14: its mark before each function breaks coroutines ("across sections").
        add_compile_options(-fno-sanitize=function)
    endif()
else()
    # The fortified functions need an optimising build and hide reads from the sanitizers.
    add_compile_options($<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
endif()

find_program(TASUKI_CCACHE ccache)
if(TASUKI_CCACHE)
    # The two words let it cache what was compiled with a precompiled header.
    set(CMAKE_CXX_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${TASUKI_CCACHE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        add_compile_options(-fpch-preprocess)
    endif()
endif()
