/* `stead function versions|rollback|alias`: which versions there are and which of them callers get. */
#ifndef STEAD_CLI_VERSIONS_H
#define STEAD_CLI_VERSIONS_H

#include "adapters/grpc/rpc.h"
#include "cli/command.h"
#include "cli/document.h"

#include <stdio.h>

int function_versions_run(const struct arguments *arguments);
int function_rollback_run(const struct arguments *arguments);
int function_alias_run(const struct arguments *arguments);

/* The member "aliases" of a function: {"live": {"<version>": <weight>}}. */
void versions_aliases_json(struct document *document, const struct rpc_function *function);
/* "live" and "a1b2c3=90 d4e5f6=10", a line. */
void versions_alias_print(FILE *out, const struct rpc_alias *alias);
/* All of them, on stdout. */
void versions_aliases_print(const struct rpc_function *function);
/* "2026-11-24T01:02:03Z", or "" for 0. */
enum { WHEN_BYTES = 32 };
void versions_when(int64_t unix_ms, char ret_text[WHEN_BYTES]);

#endif
