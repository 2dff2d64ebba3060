/* What the two files that read the broker's messages share. */
#ifndef STEAD_SERVE_BUS_IN_H
#define STEAD_SERVE_BUS_IN_H

#include "serve/instance.h"

/* The headers in the form that adapters/cloudevents takes; room for BUS_HEADERS_MAX. Returns how many. */
size_t headers_view(const struct bus_message *message, struct cloudevents_header *ret_list);
/* A decimal header's value; 0 if it is absent or no number. */
uint64_t header_number(const struct bus_message *message, const char *name);
/* `from` as a C string, cut to fit. */
void bytes_copy_text(char *to, size_t size, struct bytes from);
/* A message of the queue that no pull brought: its blob, without a token, and what the core may know of it. False if
 * there is no memory for it. */
bool bus_walked(struct instance *instance, const struct bus_delivery *message, struct input *ret_walked);
/* bus_ends.c */
void bus_on_message(void *owner, uint32_t tag, const struct bus_message *message);
void bus_on_reply(void *owner, const struct bus_reply *reply);

/* What a record of attempts says, as the input that tells it; false if it can't be read. Any thread. */
bool ledger_read(struct bytes record, struct input *input);

#endif
