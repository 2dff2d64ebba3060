/* Prebuilt programs: what is taken, and what is refused before anybody tries to start it. */
#include "fixture.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

static void read_program(const char *path, uint8_t **ret_bytes, size_t *ret_length)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *ret_length = (size_t)ftell(file);
    rewind(file);
    *ret_bytes = malloc(*ret_length);
    assert_int_equal(fread(*ret_bytes, 1, *ret_length, file), *ret_length);
    fclose(file);
}

static void test_program_and_script(void **state)
{
    char folder[128];
    uint8_t *bytes;
    size_t length;
    struct build_result result;
    read_program("/bin/echo", &bytes, &length);
    fixture_folder(folder);
    fixture_write_bytes(folder, "main", bytes, length, 0755);
    fixture_build(BUILD_BIN, folder, BUILD_DONE, NULL, &result);
    const char *argv[] = { result.argv[0], "it runs", NULL };
    assert_null(result.argv[1]);
    char *output = fixture_run(argv);
    assert_string_equal(output, "it runs\n");
    free(output);
    build_result_free(&result);
    free(bytes);
    fixture_write_bytes(folder, "main", "#!/bin/sh -e\necho script\n", 25, 0700);
    fixture_expect(BUILD_BIN, folder, BUILD_DONE, NULL);
}

static void test_command(void **state)
{
    char folder[128];
    struct build_result plain, other;
    static const char *const command[] = { "./bin/tool", "--mode", "fast words", NULL };
    static const char *const another[] = { "bin/tool", "--mode", "slow", NULL };
    fixture_folder(folder);
    fixture_write_bytes(folder, "bin/tool", "#!/bin/sh\necho \"$2\"\n", 20, 0755);
    fixture_expect(BUILD_BIN, folder, BUILD_REFUSED, "no program main");
    fixture_options.command = command;
    fixture_build(BUILD_BIN, folder, BUILD_DONE, NULL, &plain);
    char *output = fixture_run((const char *const *)plain.argv);
    assert_string_equal(output, "fast words\n");
    fixture_options.command = another;
    fixture_build(BUILD_BIN, folder, BUILD_DONE, NULL, &other);
    assert_string_not_equal(plain.digest, other.digest);
    static const char *const outside[] = { "../main", NULL };
    fixture_options.command = outside;
    fixture_expect(BUILD_BIN, folder, BUILD_REFUSED, "no program ../main");
    fixture_options.command = NULL;
    free(output);
    build_result_free(&plain);
    build_result_free(&other);
}

static void expect_refused(const uint8_t *bytes, size_t length, unsigned mode, const char *word)
{
    char folder[128];
    fixture_folder(folder);
    fixture_write_bytes(folder, "main", bytes, length, mode);
    fixture_expect(BUILD_BIN, folder, BUILD_REFUSED, word);
}

static void test_refusals(void **state)
{
    uint8_t *bytes;
    size_t length;
    read_program("/bin/echo", &bytes, &length);
    Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)bytes;
    uint16_t machine = header->e_machine;
    expect_refused(bytes, length, 0644, "chmod +x");
    expect_refused(bytes, 30, 0755, "cut off");
    header->e_machine = machine == EM_AARCH64 ? EM_X86_64 : EM_AARCH64;
    expect_refused(bytes, length, 0755, "another machine");
    header->e_machine = machine;
    header->e_type = ET_REL;
    expect_refused(bytes, length, 0755, "no program");
    header->e_type = ET_DYN;
    Elf64_Phdr *part = (Elf64_Phdr *)(void *)(bytes + header->e_phoff);
    while (part->p_type != PT_INTERP) {
        part++;
    }
    bytes[part->p_offset + 1] = 'X';
    expect_refused(bytes, length, 0755, "needs the loader /X");
    free(bytes);
    expect_refused((const uint8_t *)"#!/no/such/python\n", 18, 0755, "#!/no/such/python");
    expect_refused((const uint8_t *)"#!python3\n", 10, 0755, "#!python3");
    expect_refused((const uint8_t *)"MZ\x90", 3, 0755, "neither an ELF program nor a script");
    expect_refused((const uint8_t *)"", 0, 0755, "neither an ELF program nor a script");
}

int main(void)
{
    if (!fixture_start()) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_and_script),
        cmocka_unit_test(test_command),
        cmocka_unit_test(test_refusals),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_stop();
    return failures;
}
