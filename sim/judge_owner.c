/* Whose bytes go where (S21): what came for one request is stored, run and told for that request and for no other. That
 * a success is the right one of its own is S3, and that readers are told what is stored is S2. */
#include "sim/world.h"

static bool is_of(const struct slot *slot, uint32_t request)
{
    return slot == NULL || slot->content.kind == CONTENT_NONE || slot->content.request == request;
}

void judge_owner(struct world *world, uint32_t index, const struct effect *effect)
{
    const struct slot *first = judge_blob(world, index, effect->blob),
                      *second = judge_blob(world, index, effect->second);
    uint32_t request;
    switch ((enum effect_kind)effect->kind) {
    case EFFECT_PUBLISH_REQUEST:
    case EFFECT_LEDGER_GET:
    case EFFECT_LEDGER_PUT:
    case EFFECT_PUBLISH_DEAD:
        request = request_of_key(world, effect->key);
        break;
    default:
        return;
    }
    if (!is_of(first, request) || !is_of(second, request)) {
        world_wrong(world, "S21", "%c: %s of R%u with bytes of R%u", 'a' + (int)index,
                    effect_name((enum effect_kind)effect->kind), request,
                    is_of(first, request) ? second->content.request : first->content.request);
    }
}
