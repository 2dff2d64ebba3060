# Writes the bytes of a file as C: cmake -DFROM=page.html -DTO=page.c -DNAME=check_page -DHEADER=check/page.h -P embed.cmake
#
# The header declares `extern const uint8_t NAME[]` and `extern const size_t NAME_length`.
file(READ "${FROM}" bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${TO}" "#include \"${HEADER}\"\n\nconst uint8_t ${NAME}[] = { ${bytes} };\n"
  "const size_t ${NAME}_length = sizeof ${NAME};\n")
