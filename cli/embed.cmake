# Writes C source with the bytes of files: cmake -DOUT=x.c -DROOT=folder "-DFILES=a|b" -P embed.cmake
#
# The arrays are read by cli/embedded.h. Empty files are left out, since C has no empty array.
string(REPLACE "|" ";" files "${FILES}")
set(arrays "")
set(rows "")
set(count 0)
foreach(name ${files})
  file(READ "${ROOT}/${name}" bytes HEX)
  if(NOT bytes STREQUAL "")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(APPEND arrays "static const uint8_t file_${count}[] = { ${bytes} };\n")
    string(APPEND rows "    { \"${name}\", { file_${count}, sizeof file_${count} } },\n")
    math(EXPR count "${count} + 1")
  endif()
endforeach()
file(WRITE "${OUT}" "#include \"cli/embedded.h\"\n\n${arrays}\nconst struct embedded embedded_files[] = {\n${rows}    { NULL, { NULL, 0 } },\n};\n")
