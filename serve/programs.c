/* Built versions: how to start a process of each. A function's row keeps the newest few that it was set to, so that a
 * rollback is quick, and those that it needs now; the newest one that was built before the core asked for it is kept
 * aside for the row that will. */
#include "serve/instance.h"

#include <stdlib.h>
#include <string.h>

enum { PROGRAMS_KEPT = 4 };

const struct program *function_program(const struct function_side *side, const char *version)
{
    const struct program *program = side->programs;
    while (program != NULL && strcmp(program->record.version, version) != 0) {
        program = program->next;
    }
    return program;
}

struct program *program_make(const struct record *record, struct build_result *build)
{
    struct program *program = calloc(1, sizeof *program);
    if (program == NULL) {
        build_result_free(build);
        return NULL;
    }
    program->record = *record;
    program->build = *build;
    return program;
}

static void programs_trim(struct function_side *side)
{
    struct program **link = &side->programs;
    for (uint32_t count = 0; *link != NULL; count++) {
        struct program *program = *link;
        const char *version = program->record.version;
        if (count < PROGRAMS_KEPT || strcmp(version, side->serving) == 0 ||
            strcmp(version, side->record.version) == 0) {
            link = &program->next;
            continue;
        }
        *link = program->next;
        program->next = NULL;
        programs_free(program);
    }
}

void program_add(struct function_side *side, struct program *program)
{
    if (program != NULL) {
        program->next = side->programs;
        side->programs = program;
        programs_trim(side);
    }
}

void programs_free(struct program *program)
{
    while (program != NULL) {
        struct program *next = program->next;
        build_result_free(&program->build);
        free(program);
        program = next;
    }
}

/* Kept for the next row that is set with that version: the core asks at once. */
void functions_keep_build(struct instance *instance, const struct record *record, struct build_result *build)
{
    programs_free(instance->kept);
    instance->kept = program_make(record, build);
}

void program_use_kept(struct instance *instance, struct function_side *side)
{
    struct program *kept = instance->kept;
    bool fits = kept != NULL && strcmp(kept->record.version, side->record.version) == 0 &&
                strcmp(kept->record.name, side->record.name) == 0;
    if (fits && function_program(side, side->record.version) == NULL) {
        instance->kept = NULL;
        program_add(side, kept);
    }
}
