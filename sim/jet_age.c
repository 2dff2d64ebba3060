/* The age limit of the request stream: the server removes what is older, without a word to anybody, whether it was
 * delivered or not. One timer looks: at the oldest message, by the wall clock, and at the next one as long as they are
 * too old; then it is set for when the first that stays will be, and never for later than the whole age. So a clock
 * that is set forward is noticed late, and one that is set back only makes it look in vain. 2.9.10 was seen to remove
 * messages 0 to 9 ms late; a later server looks no sooner than a second after if the next one is less than 250 ms
 * away, and still delivers what is too old meanwhile (rule 20). A restart looks at once. */
#include "core/draw.h"
#include "sim/jet_list.h"

enum { PURPOSE_AGE = DRAW_USER + 53, LATE_NS_MAX = 10000000, SOON_NS = 250000000, NOT_SOON_NS = 1000000000 };

static void arm(struct jet *jet, uint64_t now_ns, uint64_t after_ns)
{
    uint64_t most = jet->settings.age_max_ns;
    after_ns = after_ns < most ? after_ns : most;
    if (jet->settings.profile != JET_2_9 && after_ns < SOON_NS) {
        after_ns = NOT_SOON_NS;
    }
    jet->age_armed = true;
    jet->age_stamp++;
    uint64_t late = draw_below(draw(jet->settings.seed, jet->age_stamp, PURPOSE_AGE, jet->kills), LATE_NS_MAX);
    uint64_t at = now_ns + after_ns + jet_delay(jet, LATE_NS_MAX, late);
    jet->hooks.arm(jet->hooks.owner, at, JET_TIMER_AGE, 0, jet->age_stamp);
}

void jet_age_stored(struct jet *jet, uint64_t now_ns)
{
    if (jet->settings.age_max_ns != 0 && !jet->age_armed) {
        arm(jet, now_ns, jet->settings.age_max_ns);
    }
}

/* By the wall clock; one that comes from the future has none. */
static uint64_t age_of(const struct jet *jet, uint64_t now_ns, const struct message *message)
{
    int64_t age_ns = (int64_t)now_ns + jet->wall_ahead_ns - message->stored_wall_ns;
    return age_ns > 0 ? (uint64_t)age_ns : 0;
}

void jet_age_check(struct jet *jet, uint64_t now_ns)
{
    uint64_t most = JET_BUG(jet, 9) ? 0 : jet->settings.age_max_ns, first = 0;
    jet->age_armed = false;
    while (most != 0 && (first = jet_walk(jet, first + 1, jet->last_sequence)) != 0) {
        const struct message *message = &jet->messages[first - 1];
        uint64_t age_ns = age_of(jet, now_ns, message);
        if (age_ns < most) {
            arm(jet, now_ns, most - age_ns);
            return;
        }
        jet_take(jet, message, TAKER_AGE);
        (void)jet_remove(jet, now_ns, first);
    }
}

void jet_set_age(struct jet *jet, uint64_t now_ns, uint64_t age_max_ns)
{
    jet->settings.age_max_ns = age_max_ns;
    jet_age_check(jet, now_ns);
}
