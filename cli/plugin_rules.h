/* The rules that `stead plugin check` holds a plugin to: each is a conversation with a fresh process.
 *
 * A rule gives NULL, or what went wrong as a text that lives until the subject's next use. One thread. */
#ifndef STEAD_CLI_PLUGIN_RULES_H
#define STEAD_CLI_PLUGIN_RULES_H

#include "cli/plugin_subject.h"

struct plugin_rule {
    const char *name;
    const char *(*run)(struct subject *subject);
};

/* Calls and answers; then what breaks the protocol and how processes end. Both end with a row without a name. */
extern const struct plugin_rule plugin_rules_of_calls[];
extern const struct plugin_rule plugin_rules_of_ends[];

/* For the rules: data that most functions can make something of. */
extern const struct bytes rule_small_data;
/* Appends a CALL with the usual attributes. */
void rule_call_frame(struct event_buffer *buffer, uint16_t stream, struct bytes data);
/* Takes the answer of one call: exactly one RESULT or ERROR on its stream, and a RESULT that is an event. */
bool rule_take_answer(struct subject *subject, uint16_t stream, struct frame *ret_frame);
/* Sends a CALL and takes its answer. */
bool rule_call(struct subject *subject, uint16_t stream, struct bytes data);
/* How many calls the plugin lets the host have open. */
uint32_t rule_calls_open_max(const struct subject *subject);

#endif
