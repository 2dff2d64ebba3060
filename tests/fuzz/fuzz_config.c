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

/* What was loaded can be printed, and what is printed can be loaded and means the same. */
static void print_and_load(const struct config *config)
{
    static struct config_problems problems;
    static struct config_change changes[CONFIG_CHANGES_MAX];
    struct config_sources none = { 0 };
    struct config again = { 0 };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    require(out != NULL);
    config_print(config, out, false);
    fclose(out);
    require(config_load_text(text, size, "printed.yaml", &none, &again, &problems));
    require(config_changes(config, &again, changes) == 0);
    require(config_keep_started(&again, config, &problems));
    config_free(&again);
    free(text);
}

static void load_manifest(const uint8_t *data, size_t size, const struct config *defaults)
{
    static struct config_problems problems;
    struct manifest manifest = { 0 };
    if (manifest_load_text((const char *)data, size, "fuzz.yaml", defaults, &manifest, &problems)) {
        require(manifest.timeout_ns > 0);
        require(manifest.retries_max >= 0);
        manifest_free(&manifest);
    } else {
        require(problems.count > 0);
        require(strstr(problems.text[0], "fuzz.yaml") != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config_problems problems;
    struct config_sources none = { 0 };
    struct config config = { 0 };
    if (config_load_text((const char *)data, size, "fuzz.yaml", &none, &config, &problems)) {
        require(problems.count == 0);
        require(config.service_slots >= 1);
        require(config.service_languages.count >= 1);
        require(config.functions_retries_max >= 0);
        print_and_load(&config);
        load_manifest(data, size, &config);
        config_free(&config);
    } else {
        require(problems.count > 0);
        require(config.book == NULL);
        load_manifest(data, size, NULL);
    }
    return 0;
}
