/* Some functions have bounds at the door, of some the concurrency adapts. Instances hear once a second what the broker
 * counts. The judge knows what each was told, and what runs where.
 *
 * Every request of the world is one byte long, so that bytes are messages, and the judge can count them. */
#include "sim/world.h"

#define BELIEVED_NS (4 * SECOND) /* an age that was told so long ago at most is believed for certain */

/* What a recorded core says of its functions stands. */
static bool is_so(const struct world *world, uint32_t function, enum sim_fault fault)
{
    return world->options.fork == NULL &&
           world_draw_below(world, 1000000, function, PURPOSE_BOUNDS, fault) < world->choices.fault[fault];
}

void load_make(struct world *world, uint32_t number)
{
    const struct function *function = &world->functions[number];
    struct bounds *bounds = &world->functions[number].bounds;
    uint64_t random = world_draw(world, number, PURPOSE_BOUNDS, FAULT_COUNT);
    uint32_t most = (uint32_t)function->concurrency * function->workers_max;
    bool adapts = is_so(world, number, FAULT_ADAPTIVE), bounded = is_so(world, number, FAULT_BOUNDED);
    world->report->faults[FAULT_ADAPTIVE] += adapts;
    world->report->faults[FAULT_BOUNDED] += bounded;
    bounds->concurrency_min = adapts ? (uint16_t)(1 + draw_below(draw_mix(random), most < 4 ? most : 4)) : 0;
    if (bounded) {
        uint64_t kinds = 1 + draw_below(draw_mix(random + 1), 7); /* any but none of the three */
        bounds->pending_max = kinds & 1 ? 4 + (uint32_t)draw_below(draw_mix(random + 2), 60) : 0;
        bounds->age_ns_max = kinds & 2 ? 100 * MILLISECOND + draw_below(draw_mix(random + 3), 10 * SECOND) : 0;
        bounds->size_max = kinds & 4 ? 4 + draw_below(draw_mix(random + 4), 60) : 0;
    }
}

void load_policy(const struct bounds *bounds, struct input *policy)
{
    policy->as.policy.concurrency_min = bounds->concurrency_min;
    policy->as.policy.age_ns_max = bounds->age_ns_max;
    policy->as.policy.size_max = bounds->size_max;
}

static uint32_t running_in(const struct worker *worker)
{
    uint32_t running = 0;
    for (uint32_t at = 0; at < STREAMS_MAX && worker->state != PROCESS_NONE; at++) {
        running += worker->running[at].used && worker->running[at].started;
    }
    return running;
}

uint32_t load_running(const struct world *world, uint32_t index, uint32_t function)
{
    const struct node *node = &world->nodes[index];
    uint32_t running = 0;
    for (uint32_t row = 0; row < node->workers_count; row++) {
        running += node->workers[row].function == function ? running_in(&node->workers[row]) : 0;
    }
    return running;
}

/* The first that nobody was given: what waits for another try is not counted, as its consumer says nothing of it. */
void load_look(const struct world *world, uint32_t function, struct input *queue)
{
    const struct jet_list *fresh = &world->jet.consumers[function].fresh;
    const struct message *first = jet_message(&world->jet, fresh->head);
    queue->as.queue.oldest_ns = fresh->head == 0 || first == NULL ? 0 : world->now - first->stored_ns;
    queue->as.queue.size_mean = 1;
}

/* -- the law ------------------------------------------------------------------------------------------------------- */

void load_judge_input(struct world *world, uint32_t index, const struct input *input)
{
    struct node *node = &world->nodes[index];
    uint32_t function = function_of_key(world, input->as.queue.function);
    struct core_queue queue;
    bool known = input->kind == INPUT_QUEUE && function < FUNCTIONS_MAX &&
                 core_queue(node->core, world->functions[function].name, &queue) && !queue.stray;
    if (known) {
        node->told[function] = (struct told){ .at_ns = node_clock(world, node), .messages = input->as.queue.messages };
        node->told[function].oldest_ns = input->as.queue.oldest_ns;
    }
}

/* S7: who was told of a full queue lets nobody in. */
static void judge_admitted(struct world *world, uint32_t index, const struct effect *effect)
{
    const struct node *node = &world->nodes[index];
    const struct call *call = &world->calls[effect->reference - 1];
    const struct bounds *bounds = &world->functions[call->function].bounds;
    const struct told *told = &node->told[call->function];
    if (call->handle.bits != 0 || told->at_ns == 0) {
        return; /* It was let in before, or nothing is known. */
    }
    bool believed = node_clock(world, node) - told->at_ns <= BELIEVED_NS;
    if (bounds->age_ns_max != 0 && believed && told->oldest_ns > bounds->age_ns_max) {
        world_wrong(world, "S7", "%c lets R%u in, though the first waits for %llu ms", 'a' + (int)index, call->request,
                    (unsigned long long)(told->oldest_ns / MILLISECOND));
    }
    uint32_t left = told->messages > told->acked ? told->messages - told->acked : 0;
    if ((bounds->size_max != 0 && left >= bounds->size_max) ||
        (bounds->pending_max != 0 && left >= bounds->pending_max)) {
        world_wrong(world, "S7", "%c lets R%u in, though %u are queued", 'a' + (int)index, call->request, left);
    }
}

static uint32_t running_of_row(const struct node *node, struct handle row)
{
    uint32_t running = 0;
    for (uint32_t number = 0; number < node->workers_count; number++) {
        running += handle_equal(node->workers[number].row, row) ? running_in(&node->workers[number]) : 0;
    }
    return running;
}

/* S27: no more at once than the limit, and the limit within its bounds. One that waits behind another runs later. */
static void judge_execute(struct world *world, uint32_t index, const struct effect *effect)
{
    const struct node *node = &world->nodes[index];
    const struct worker *worker = &node->workers[handle_index(effect->about)];
    struct core_concurrency load;
    uint16_t least = world->functions[worker->function].bounds.concurrency_min;
    if (!core_concurrency(node->core, worker->row, &load) || load.limit == 0) {
        return;
    }
    world->report->seen[SEEN_LIMIT_FELL] += load.limit < load.limit_max;
    world->report->seen[SEEN_BASELINE_TRIED] += load.limit_now < load.limit;
    least = least < load.limit_max ? least : (uint16_t)load.limit_max;
    if (load.limit < least || load.limit > load.limit_max) {
        world_violation(world, "S27", "%c may run %u of f%u at once, from %u to %u are allowed", 'a' + (int)index,
                        load.limit, worker->function, least, load.limit_max);
    }
    uint32_t running = running_of_row(node, worker->row);
    if (worker->busy < worker->concurrency && running >= load.limit_now) {
        world_violation(world, "S27", "%c runs %u of f%u at once, %u may", 'a' + (int)index, running + 1,
                        worker->function, load.limit_now);
    }
}

void load_judge_effect(struct world *world, uint32_t index, const struct effect *effect)
{
    struct node *node = &world->nodes[index];
    if (effect->kind == EFFECT_EXECUTE) {
        judge_execute(world, index, effect);
    } else if (effect->kind == EFFECT_PUBLISH_REQUEST) {
        judge_admitted(world, index, effect);
    } else if (effect->kind == EFFECT_ACK) {
        node->told[node->slots[effect->blob.slot].content.function].acked++;
    } else if (effect->kind == EFFECT_FORGET && node_note(node, effect->about) != NULL) {
        node->told[node_note(node, effect->about)->function] = (struct told){ 0 }; /* With its row all is forgotten. */
    }
}
