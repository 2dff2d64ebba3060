/* Dead letters as people handle them: listed, redriven, dropped. The jobs run on the control thread and read and write
 * the broker directly, so that any instance can do it, whatever it serves.
 *
 * A letter is at function.dead.<language>.<name>.<request id>. When it was redriven, a marker behind it (…<request
 * id>.redriven) says so: created before the new request is published, and marked as done after it. So a second redrive
 * is a no-op, and one that was cut short in between is finished by the next. */
#ifndef STEAD_SERVE_LETTERS_H
#define STEAD_SERVE_LETTERS_H

#include "serve/jobs.h"

enum { LETTERS_SUBJECT_BYTES = 320 };

void letters_list(struct instance *instance, const struct rpc_request *request);
void letters_change(struct instance *instance, const struct rpc_request *request);

/* "function.dead.*.<name>.<id>" with * for what is empty. */
void letters_subject(const char *name, const char *request_id, char ret_subject[LETTERS_SUBJECT_BYTES]);
/* The marker of a letter: whose id its redrive has, and whether it is done. False if there is none. */
bool letters_marker(struct broker *broker, const char *letter_subject, char ret_id[SERVE_ID_BYTES], bool *ret_done);
/* What a broker that does not do it means for a caller. */
void letters_refuse(struct instance *instance, uint64_t rpc_id, enum broker_status status,
                    const struct broker_error *error);

#endif
