# Headers that nearly everybody includes are compiled three times instead of once for each file: for
# the pure rooms, with Boost, and with Catch. OFF shows what a file forgot to include.
option(TASUKI_PRECOMPILE "Use precompiled headers" ON)

# The target that compiles the header for others.
function(tasuki_precompile target header)
    if(TASUKI_PRECOMPILE)
        target_precompile_headers(${target} PRIVATE ${CMAKE_SOURCE_DIR}/${header})
    endif()
endfunction()

# Targets with the same definitions may share it: whoever links Boost gets it with Boost.
function(tasuki_use_precompiled target provider)
    if(TASUKI_PRECOMPILE AND NOT target STREQUAL provider)
        target_precompile_headers(${target} REUSE_FROM ${provider})
    endif()
endfunction()
