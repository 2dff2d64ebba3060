# Copies a .proto file into another package, or into none: a client generated from a definition without a package finds
# its service by reflection too, and so does one that asks for the older reflection.
#
#   cmake -DFROM=x.proto -DTO=copy.proto -DPACKAGE=a.b -P repackage.cmake
file(READ "${FROM}" text)
set(line "")
if(PACKAGE)
  set(line "package ${PACKAGE};")
endif()
string(REGEX REPLACE "\npackage [a-z0-9.]+;" "\n${line}" text "${text}")
file(WRITE "${TO}" "${text}")
