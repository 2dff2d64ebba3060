/* YAML: any text either loads or gives problems that name the file; nothing leaks and nothing is half-applied. */
#include "adapters/config/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config_problems problems;
    struct config_sources none = { 0 };
    struct config config = { 0 };
    struct manifest manifest = { 0 };
    if (config_load_text((const char *)data, size, "fuzz.yaml", &none, &config, &problems)) {
        require(problems.count == 0);
        require(config.service_slots >= 1);
        require(config.service_languages.count >= 1);
        config_free(&config);
    } else {
        require(problems.count > 0);
        require(config.book == NULL);
    }
    if (manifest_load_text((const char *)data, size, "fuzz.yaml", NULL, &manifest, &problems)) {
        manifest_free(&manifest);
    } else {
        require(problems.count > 0);
        require(strstr(problems.text[0], "fuzz.yaml") != NULL);
    }
    return 0;
}
