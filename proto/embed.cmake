# Writes the bytes of a descriptor set as C: cmake -DFROM=x.desc -DTO=descriptors.c -P embed.cmake
file(READ "${FROM}" bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${TO}" "#include \"descriptors.h\"\n\nconst uint8_t stead_descriptors[] = { ${bytes} };\n"
  "const size_t stead_descriptors_length = sizeof stead_descriptors;\n")
