/* Heads and tails are sequences, and a message's place in the table is its sequence less one. */
#include "sim/jet_list.h"

void jet_list_append(struct jet *jet, struct jet_list *list, struct message *message)
{
    message->next = 0;
    if (list->tail != 0) {
        jet->messages[list->tail - 1].next = (uint32_t)message->sequence;
    } else {
        list->head = (uint32_t)message->sequence;
    }
    list->tail = (uint32_t)message->sequence;
}

void jet_list_insert(struct jet *jet, struct jet_list *list, struct message *message)
{
    uint32_t before = 0, at = list->head, mine = (uint32_t)message->sequence;
    while (at != 0 && at < mine) {
        before = at;
        at = jet->messages[at - 1].next;
    }
    message->next = at;
    *(before == 0 ? &list->head : &jet->messages[before - 1].next) = mine;
    list->tail = at == 0 ? mine : list->tail;
}

struct message *jet_list_take(struct jet *jet, struct jet_list *list)
{
    struct message *message = &jet->messages[list->head - 1];
    list->head = message->next;
    if (list->head == 0) {
        list->tail = 0;
    }
    return message;
}

void jet_list_remove(struct jet *jet, struct jet_list *list, struct message *message)
{
    uint32_t before = 0, at = list->head;
    while (at != 0 && at != message->sequence) {
        before = at;
        at = jet->messages[at - 1].next;
    }
    if (at == 0) {
        return;
    }
    if (before == 0) {
        list->head = message->next;
    } else {
        jet->messages[before - 1].next = message->next;
    }
    if (list->tail == at) {
        list->tail = before;
    }
}
