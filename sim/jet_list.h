/* Lists of messages, linked by sequence (a message is in one at most), and what else the files share. Private to
 * sim/jet*. */
#ifndef STEAD_SIM_JET_LIST_H
#define STEAD_SIM_JET_LIST_H

#include "sim/jet.h"

void jet_list_append(struct jet *jet, struct jet_list *list, struct message *message);
void jet_list_insert(struct jet *jet, struct jet_list *list, struct message *message); /* by sequence */
struct message *jet_list_take(struct jet *jet, struct jet_list *list);                 /* of one that is not empty */
void jet_list_remove(struct jet *jet, struct jet_list *list, struct message *message); /* if it is in it */
/* Whether the redelivery that is next goes astray, and then: which message waits for its ack wait again. */
bool jet_goes_astray(struct jet *jet, uint64_t now_ns, struct jet_consumer *consumer);
struct message *jet_redo(struct jet *jet, struct jet_consumer *consumer);
void jet_renew(struct jet *jet, struct message *message); /* to be given as new, though it is pending */
/* An acked message is about to go: whether it is given once more. */
void jet_give_acked(struct jet *jet, struct message *message);
/* Another message fell due: what was put behind at this moment stays behind. */
void jet_keep_behind(struct jet *jet, uint64_t now_ns, struct jet_consumer *consumer);
/* jet_ghost.c: a message that is gone, and its consumer may wait for the ack. */
void jet_haunt(struct jet *jet, struct message *message, uint64_t now_ns);
void jet_ghost_due(struct jet *jet, uint64_t now_ns, struct message *message);
void jet_ghost_leaves(struct jet *jet, struct message *message); /* if it is one */
void jet_ghosts_served(struct jet *jet, struct jet_consumer *consumer);
/* jet_settle.c: into the redelivery queue. */
void jet_fall_due(struct jet *jet, uint64_t now_ns, struct message *message);
struct jet_consumer *jet_consumer_of(struct jet *jet, const struct message *message);
/* So many messages of a request more are in the stream (-1: one less), or something else became of it. */
void jet_book(struct jet *jet, uint32_t request, int messages);
/* jet_books.c: a message that is about to go, whoever settles it. */
void jet_take(struct jet *jet, const struct message *message, enum jet_taker taker);
/* jet_age.c: a message was stored; time to look for old ones. */
void jet_age_stored(struct jet *jet, uint64_t now_ns);
void jet_age_check(struct jet *jet, uint64_t now_ns);
void jet_forget_ids(struct jet *jet); /* those without a message */
/* jet.c */
void jet_serve(struct jet *jet, uint64_t now_ns, struct jet_consumer *consumer);
void jet_message_arm(struct jet *jet, struct message *message, uint64_t due_ns);
/* jet_pulls.c: `jet_pulls_end` takes out those that `connection` made (0: all) or, if `number` is not 0, that one, and
 * tells with `code` (0: silently) */
struct pull *jet_pull_take(struct jet *jet, struct jet_consumer *consumer); /* of one that has some */
void jet_pull_append(struct jet *jet, struct jet_consumer *consumer, struct pull *pull);
void jet_pull_release(struct jet *jet, struct pull *pull);
void jet_pulls_end(struct jet *jet, struct jet_consumer *consumer, uint32_t connection, uint32_t number, uint16_t code);

#endif
