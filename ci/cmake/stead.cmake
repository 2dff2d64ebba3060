# Helpers that keep each folder's CMakeLists.txt to a few lines.
#
# stead_library(NAME SOURCES a.c b.c [LIBRARIES ...])    a static library libstead_NAME.a
# stead_program(NAME [INSTALL] [WHOLE] SOURCES ... [LIBRARIES ...])   a program NAME in the build folder; INSTALL: users get
#   it; WHOLE: optimised as a whole (flags.cmake)
# stead_unit_test(NAME SOURCES ... [LIBRARIES ...])      a cmocka test program, run by ctest, label "unit"
# stead_script_test(NAME COMMAND ... [LABEL ...] [TIMEOUT seconds])   any other test; exit code 77 means skipped
function(stead_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(stead_${name} STATIC ${arg_SOURCES})
  target_link_libraries(stead_${name} PUBLIC stead_flags stead_hardening ${arg_LIBRARIES})
  if(name IN_LIST STEAD_WHOLE_LIBRARIES)
    target_compile_options(stead_${name} PRIVATE ${STEAD_WHOLE_COMPILE})
  endif()
endfunction()

function(stead_program name)
  cmake_parse_arguments(arg "INSTALL;WHOLE" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE stead_flags stead_hardening ${arg_LIBRARIES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
  if(arg_WHOLE)
    set_target_properties(${name} PROPERTIES STEAD_WHOLE ON)
    target_link_options(${name} PRIVATE ${STEAD_WHOLE_LINK})
  endif()
  if(arg_INSTALL)
    install(TARGETS ${name} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  endif()
endfunction()

function(stead_unit_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(test_${name} ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE stead_flags stead_hardening ${arg_LIBRARIES} cmocka)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # Tests of assertions leave by longjmp; the variables that gcc worries about are not used after it.
    target_compile_options(test_${name} PRIVATE -Wno-clobbered)
  endif()
  add_test(NAME unit.${name} COMMAND test_${name})
  set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

function(stead_script_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "COMMAND" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(NOT arg_LABEL)
    set(arg_LABEL integration)
  endif()
  add_test(NAME ${arg_LABEL}.${name} COMMAND ${arg_COMMAND})
  set_tests_properties(${arg_LABEL}.${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" ENVIRONMENT "STEAD_BUILD=${CMAKE_BINARY_DIR}")
endfunction()
