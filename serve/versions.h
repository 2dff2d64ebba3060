/* Stored versions and the aliases that name them, for jobs on the control thread. */
#ifndef STEAD_SERVE_VERSIONS_H
#define STEAD_SERVE_VERSIONS_H

#include "serve/instance.h"

/* What a caller is told. */
struct record_refusal {
    enum rpc_status status;
    const char *reason;
    char text[600];
};

#define ALIASES_FULL_TEXT                                                                                              \
    "a function has at most three aliases beside live; remove one by `stead function alias NAME --rm ALIAS`"
/* With the record's key. */
#define RECORD_UNREADABLE_FORMAT                                                                                       \
    "the function's record is damaged or of a newer Stead; repair it or remove it from the bucket function-config "    \
    "(key %s)"

/* record_write.c, of function-config. Reads the record that has this one's language and name; BROKER_CORRUPT: nobody
 * here can read it, and *record is as it was. */
enum broker_status record_read(struct broker *broker, struct record *record, struct broker_error *error);
struct record_refusal record_unread(enum broker_status status, const struct broker_error *error);
/* Only if the stored one has the revision `before` (0: there is none); BROKER_CONFLICT otherwise. Sets the revision of
 * *record. BROKER_TIMEOUT: after some seconds it is still not known whether it was written. */
enum broker_status record_write(struct broker *broker, struct record *record, uint64_t before,
                                struct broker_error *error);
struct record_refusal record_refused(enum broker_status status, const struct broker_error *error);

/* versions.c; BROKER_CORRUPT if the record is none. */
enum broker_status version_read(struct broker *broker, const struct record *function, const char *version,
                                struct record *ret_version, struct broker_error *error);
/* Stores the version's record; one that is there already is the same. */
enum broker_status version_store(struct broker *broker, const struct record *version, struct broker_error *error);
/* The function's versions, the newest first; free *ret_list. */
enum broker_status versions_read(struct broker *broker, const struct record *function, struct record **ret_list,
                                 size_t *ret_count, struct broker_error *error);
void version_delete(struct broker *broker, const struct record *version); /* record and archive */
/* Of the versions that neither an alias nor a rollback names, deletes all but the newest `kept`. */
void versions_prune(struct broker *broker, const struct record *function, size_t kept);

/* aliases.c: puts the alias into the record, in its place or a free one, or takes it out (count 0); false: full */
bool record_place_alias(struct record *record, const struct record_alias *alias);
/* Makes `version` the first live one. */
void record_live(struct record *record, const struct record *version);
/* False if the text is no alias' name. */
bool alias_name_copy(struct bytes text, char ret_name[SERVE_NAME_BYTES]);

#endif
