# Flags that every target of ours shares: warnings are errors, hardening is on, sanitizers by STEAD_SANITIZE.
set(STEAD_SANITIZE "" CACHE STRING "Comma-separated sanitizers for every target, e.g. address,undefined or thread")
option(STEAD_MUTANTS "Compile the planted bugs in (run-time switch); never for production" OFF)

add_library(stead_flags INTERFACE)
target_compile_definitions(stead_flags INTERFACE _GNU_SOURCE)
target_include_directories(stead_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(stead_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wundef
  -Wimplicit-fallthrough -Wformat=2 -Wno-unused-parameter -fno-common -g)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  # clang doesn't read the /* FALLTHROUGH */ comments in uthash's macros; gcc, which does, keeps the warning for our code.
  target_compile_options(stead_flags INTERFACE -Wno-gnu-zero-variadic-macro-arguments -Wno-implicit-fallthrough)
endif()

# The release's `stead` is optimised as a whole over these libraries: calls between their small functions cost a tenth of a
# simulation. Their objects hold ordinary code too, which everything else links, since a link like that takes seconds.
set(STEAD_WHOLE_LIBRARIES core sim check)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT STEAD_SANITIZE)
  set(STEAD_WHOLE_COMPILE -flto=auto -ffat-lto-objects)
  set(STEAD_WHOLE_LINK -flto=auto)
  target_link_options(stead_flags INTERFACE $<$<NOT:$<BOOL:$<TARGET_PROPERTY:STEAD_WHOLE>>>:-fno-lto>)
endif()

# Hardening is a target of its own, so that the purity check can build the core without it.
add_library(stead_hardening INTERFACE)
if(NOT STEAD_SANITIZE)
  target_compile_options(stead_hardening INTERFACE -fstack-protector-strong -fstack-clash-protection -fPIE
    $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
  target_link_options(stead_hardening INTERFACE -pie -Wl,-z,relro,-z,now -Wl,--as-needed)
else()
  target_compile_options(stead_flags INTERFACE -fsanitize=${STEAD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(stead_flags INTERFACE -fsanitize=${STEAD_SANITIZE})
endif()
