# Copies a .proto file and marks its strings for protobuf-c: every string becomes bytes with a length, because a C string
# would be cut at an embedded NUL, and a map<string, V> becomes the repeated entries that it is on the wire. The files
# in proto/ stay plain, so that anyone can generate a client from them with nothing but protoc.
#
#   cmake -DFROM=x.proto -DTO=copy/x.proto -P annotate.cmake
file(READ "${FROM}" text)
string(REGEX REPLACE "//[^\n]*" "" text "${text}")
string(REGEX REPLACE "map<string, string> ([a-z_]+) = ([0-9]+);"
  "message MapEntry { string key = 1; string value = 2; } repeated MapEntry \\1 = \\2;" text "${text}")
string(REGEX REPLACE "map<string, ([A-Za-z]+)> ([a-z_]+) = ([0-9]+);"
  "message MapEntry { string key = 1; \\1 value = 2; } repeated MapEntry \\2 = \\3;" text "${text}")
string(REGEX REPLACE "string ([a-z_]+) = ([0-9]+);" "string \\1 = \\2 [(pb_c_field).string_as_bytes = true];" text "${text}")
if(text MATCHES "pb_c_field")
  string(REGEX REPLACE "(syntax = \"proto3\";)" "\\1\nimport \"protobuf-c/protobuf-c.proto\";" text "${text}")
endif()
file(WRITE "${TO}" "${text}")
