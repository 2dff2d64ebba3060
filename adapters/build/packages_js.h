/* What package.json declares, and how it gets into the artifact. Private to this folder. */
#ifndef STEAD_ADAPTERS_BUILD_PACKAGES_JS_H
#define STEAD_ADAPTERS_BUILD_PACKAGES_JS_H

#include "adapters/build/step.h"

#include <cjson/cJSON.h>

/* The function's package.json; NULL if it has none, which the caller need not tell apart for cJSON's getters. False if
 * it is not JSON. cJSON_Delete() it. */
bool packages_js_read(struct build *build, cJSON **ret_package);
/* Makes sure that src/node_modules holds what is declared: it came along, or npm puts it there, or it is refused. */
bool packages_js_install(struct build *build);

#endif
