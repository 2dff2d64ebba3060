/* A function's folder on disk as a deploy request: its files, its manifest, its name and language.
 *
 * Hidden names (.git, .venv), __pycache__, what editors leave (main.py~, #main.py#) and node_modules/@stead (the SDK,
 * which a build brings along) are left out. Symbolic links may point to files inside the folder, never
 * out of it. Caps: FOLDER_FILES_MAX files, FOLDER_BYTES_MAX bytes, FOLDER_DEPTH_MAX folders deep. Errors: false with a
 * line for the user in `problem` and the exit code it means. Any thread; ownership: folder_free(). */
#ifndef STEAD_CLI_FOLDER_H
#define STEAD_CLI_FOLDER_H

#include "adapters/grpc/rpc.h"

enum {
    FOLDER_FILES_MAX = 1000,
    FOLDER_BYTES_MAX = 16 << 20,
    FOLDER_DEPTH_MAX = 16,
    FOLDER_PATH_BYTES = 4096,
    FOLDER_NAME_BYTES = 256,
};

struct folder {
    char directory[FOLDER_PATH_BYTES]; /* real path */
    char name[FOLDER_NAME_BYTES];      /* of the function */
    char language[16];
    char *manifest; /* text of stead.yaml, "" if there is none */
    struct rpc_file *files;
    struct folder_memory {
        char *path;
        uint8_t *content;
    } * memory; /* what `files` points to, one a file */
    size_t file_count;
    size_t bytes;
    char problem[640];
    int exit_code;
};

/* `name` and `language` override the manifest, the folder's name and what its content shows; NULL: they don't. */
bool folder_read(const char *directory, const char *name, const char *language, struct folder *ret_folder);
void folder_free(struct folder *folder);
/* False for names and for paths below the function's folder that are left out. */
bool folder_name_wanted(const char *name);
bool folder_path_wanted(const char *path);
/* True if the folder's content or manifest shows a function. */
bool folder_is_function(const char *directory);

#endif
