/* What was built, from which commit and by what; the versions are given by CMake at configure time. */
#include "cli/version.h"

#include "cli/document.h"

#include <stdio.h>

static const struct {
    const char *name;
    const char *value;
} facts[] = {
    { "stead", STEAD_VERSION },          { "commit", STEAD_COMMIT },     { "compiler", __VERSION__ },
    { "nats.c", STEAD_LIBNATS_VERSION }, { "grpc", STEAD_GRPC_VERSION },
};

int version_run(const struct arguments *arguments)
{
    struct document document = { 0 };
    if (!arguments_has(arguments, "json")) {
        for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
            printf("%s %s\n", facts[i].name, facts[i].value);
        }
        return EXIT_DONE;
    }
    document_open(&document, '{');
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        document_member(&document, facts[i].name, bytes_of(facts[i].value));
    }
    document_close(&document, '}');
    return document_print(&document) ? EXIT_DONE : EXIT_SAID_NO;
}
