/* Waiting pulls of a consumer, in the order in which they are served: what ends them, and what makes them wait. */
#include "sim/jet_list.h"

struct pull *jet_pull_take(struct jet *jet, struct jet_consumer *consumer)
{
    struct pull *pull = &jet->pulls[consumer->pulls.head - 1];
    consumer->pulls.head = pull->next;
    if (consumer->pulls.head == 0) {
        consumer->pulls.tail = 0;
    }
    return pull;
}

void jet_pull_append(struct jet *jet, struct jet_consumer *consumer, struct pull *pull)
{
    uint32_t name = (uint32_t)(pull - jet->pulls) + 1;
    pull->next = 0;
    if (consumer->pulls.tail != 0) {
        jet->pulls[consumer->pulls.tail - 1].next = name;
    } else {
        consumer->pulls.head = name;
    }
    consumer->pulls.tail = name;
}

void jet_pull_release(struct jet *jet, struct pull *pull)
{
    pull->used = false;
    pull->stamp++;
    pull->next = jet->pull_free;
    jet->pull_free = (uint32_t)(pull - jet->pulls) + 1;
}

void jet_pulls_end(struct jet *jet, struct jet_consumer *consumer, uint32_t connection, uint32_t number, uint16_t code)
{
    struct jet_list all = consumer->pulls;
    consumer->pulls = (struct jet_list){ 0, 0 };
    while (all.head != 0) {
        struct pull *pull = &jet->pulls[all.head - 1];
        uint32_t name = all.head;
        all.head = pull->next;
        if ((connection != 0 && pull->connection != connection) || (number != 0 && name != number)) {
            jet_pull_append(jet, consumer, pull);
            continue;
        }
        if (code != 0) {
            jet->hooks.ended(jet->hooks.owner, pull, code);
        }
        jet_pull_release(jet, pull);
    }
}

void jet_forget_connection(struct jet *jet, uint32_t connection)
{
    for (uint32_t function = 0; function < jet->settings.functions; function++) {
        uint32_t before = jet->pull_free;
        jet_pulls_end(jet, &jet->consumers[function], connection, 0, 0);
        jet->consumers[function].stale |= jet->pull_free != before;
    }
}

bool jet_waits(const struct jet *jet, uint32_t connection)
{
    for (uint32_t index = 0; index < JET_PULLS_MAX; index++) {
        if (jet->pulls[index].used && jet->pulls[index].connection == connection) {
            return true;
        }
    }
    return false;
}

void jet_consumer_leave(struct jet *jet, uint32_t function, uint16_t code)
{
    jet->consumers[function].away = true;
    jet_pulls_end(jet, &jet->consumers[function], 0, 0, code);
}

void jet_consumer_return(struct jet *jet, uint64_t now_ns, uint32_t function)
{
    jet->consumers[function].away = false;
    jet_serve(jet, now_ns, &jet->consumers[function]);
}
