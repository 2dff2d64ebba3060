/* build-function CACHE LANGUAGE FOLDER: builds a function as the service would and prints its command, a word a line.
 * Exit code 77 if the language's toolchain is missing here, so that a test that needs it is skipped. */
#include "adapters/build/build.h"
#include "adapters/spawner/spawner.h"

#include <stdio.h>

static int report(const struct build_result *result)
{
    if (result->outcome != BUILD_DONE) {
        fprintf(stderr, "%s\n", result->message);
        return result->outcome == BUILD_UNAVAILABLE ? 77 : 1;
    }
    for (int i = 0; result->argv[i] != NULL; i++) {
        printf("%s\n", result->argv[i]);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct spawner *spawner;
    enum build_language language;
    struct build_result result;
    if (spawner_start(NULL, &spawner) != 0) {
        return 1;
    }
    int status = 2;
    if (argc == 4 && build_language_of_name(argv[2], &language)) {
        struct build_options options = {
            .spawner = spawner, .cache_directory = argv[1], .sdk_directory = SDK, .time_limit_ms = 120000
        };
        build_function(&options, language, "test", argv[3], &result);
        status = report(&result);
        build_result_free(&result);
    }
    spawner_stop(spawner);
    return status;
}
