/* Runs a fuzz target without libFuzzer: over every file of the corpus folder, over each file's prefixes, and over a
 * fixed number of mutations drawn from a fixed seed, so that every run does the same. Fails (by the target's abort or
 * by a sanitizer) on the first input that breaks a rule; an empty corpus is a failure too. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_BYTES_MAX = 64 * 1024, PREFIX_STEPS = 64, MUTATIONS = 400 };

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

/* A copy of its own for each run, so that reading one byte too far is seen. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        abort();
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_mutations(const uint8_t *data, size_t size)
{
    uint8_t scratch[FILE_BYTES_MAX];
    for (int i = 0; i < MUTATIONS && size > 0; i++) {
        memcpy(scratch, data, size);
        size_t length = size;
        for (uint32_t edits = 1 + draw(4); edits > 0; edits--) {
            uint32_t at = draw((uint32_t)length);
            switch (draw(4)) {
            case 0:
                scratch[at] ^= (uint8_t)(1u << draw(8));
                break;
            case 1:
                scratch[at] = (uint8_t)draw(256);
                break;
            case 2:
                memmove(scratch + at, scratch + at + 1, length - at - 1);
                length -= length > 1 ? 1 : 0;
                break;
            default:
                scratch[at] = (uint8_t) "\"\\{}[]:,%&*!-#\n\0"[draw(17)];
            }
        }
        run(scratch, length);
    }
}

static void run_file(const char *folder, const char *name)
{
    uint8_t data[FILE_BYTES_MAX];
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    run(data, size);
    for (size_t i = 0; i < PREFIX_STEPS; i++) {
        run(data, size * i / PREFIX_STEPS);
    }
    run_mutations(data, size);
}

int main(int count, char **arguments)
{
    DIR *folder = count == 2 ? opendir(arguments[1]) : NULL;
    int files = 0;
    if (folder == NULL) {
        fprintf(stderr, "usage: %s CORPUS\n", arguments[0]);
        return 2;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            run_file(arguments[1], entry->d_name);
            files++;
        }
    }
    closedir(folder);
    printf("%d files\n", files);
    return files > 0 ? 0 : 1;
}
