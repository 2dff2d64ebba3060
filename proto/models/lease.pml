/* Who owns a long-lived function, and what a stale owner can still do.
 *
 * Two instances want to own it; any of them may believe that it does, at any time: the lease is a hint, it may expire
 * while its owner is stalled, and its bucket may be wiped. What counts is the state record. Take-over begins by
 * rewriting it by compare-and-set (the seal); the revision that this gives is the epoch of the new owner, and it applies
 * no event before it. Then it makes its own consumer, which deletes those of lower epochs, so that acks of a stale owner
 * go nowhere, and applies events in the order of that consumer without a gap. It saves state, covered events and
 * outputs in one record by compare-and-set on the last revision that it wrote, publishes the outputs after that, and
 * acks last. Whoever fails a compare-and-set is stale and stands down.
 *
 * Two events, queued from the beginning. Messages to the broker take effect at once or are lost; an owner may stall
 * between any two of its actions for as long as it likes, or die and forget; deliveries may be lost with a connection,
 * and come again later, in whatever order the consumer has. tests/models/check reads the lines below.
 *
 * property: S8_stale_write          a write of state is accepted whose author is not the latest owner
 * property: S9_state_goes_back      a saved event is missing in a later record
 * property: S11_applied_twice       an event is in a saved state twice
 * property: S11_lost_event          an event is acknowledged, and no saved state has it
 * property: S11_out_of_order        the second event is in a saved state, and the first one is not
 * property: S11_output_of_nothing   an output is published, and no saved state has its event
 * property: L3_owned                in the end all events are saved, published and acknowledged, for ever
 *
 * variant: NO_SEAL           S8_stale_write         take-over reads the record and does not rewrite it
 * variant: EPOCH_OF_LEASE    S8_stale_write         after the seal writes are fenced by a number in the lease, whose bucket may be wiped
 * variant: LOAD_FIRST        S9_state_goes_back     the seal is not on the revision of the state that was read
 * variant: ACK_EARLY         S11_lost_event         events are acknowledged when they are applied
 * variant: OUTPUT_EARLY      S11_output_of_nothing  outputs are published when events are applied
 * variant: SHARED_CONSUMER   S11_out_of_order       a new owner goes on with the consumer whose deliveries the old one has
 * variant: SKIP_COVERED      S11_out_of_order       a gap in the consumer's sequence is passed over
 * variant: NO_COVER          S11_applied_twice      the record does not say which events it covers
 * variant: NO_TAKE_OVER      L3_owned               nobody tries while the lease is held by one who is gone
 */

#ifndef FAULTS
#define FAULTS 2
#endif
#define OWNERS 2
#define EVENTS 2

mtype:rank = { FOLLOWER, SEALING, OWNER };

/* -- the broker -- */
byte revision = 1;                 /* of the state record */
byte saved[EVENTS];                /* how often the saved state has applied an event */
bool published[EVENTS], acked[EVENTS];
byte consumer;                     /* the epoch whose consumer exists; 0 none */
bool lease;                        /* held by somebody, alive or not */
byte lease_number, number_written; /* EPOCH_OF_LEASE: of the lease, and of the last write */
byte position;                     /* SHARED_CONSUMER: of the next delivery */
hidden byte wrote;                 /* an answer; it means nothing between two actions */

/* -- the world -- */
byte faults = FAULTS;

/* -- what a judge has seen -- */
byte granted, epochs;              /* the epoch of the latest owner; how many there were (NO_SEAL) */
bool stale_write, went_back;

#define S8_stale_write        (stale_write)
#define S9_state_goes_back    (went_back)
#define S11_applied_twice     (saved[0] > 1 || saved[1] > 1)
#define S11_lost_event        ((acked[0] && saved[0] == 0) || (acked[1] && saved[1] == 0))
#define S11_out_of_order      (saved[1] > 0 && saved[0] == 0)
#define S11_output_of_nothing ((published[0] && saved[0] == 0) || (published[1] && saved[1] == 0))
#define DONE                  (acked[0] && acked[1] && published[0] && published[1] && saved[0] == 1 && saved[1] == 1)

ltl L3_owned { <>[] DONE }

#ifdef SHARED_CONSUMER
#define MY_CONSUMER true
#else
#define MY_CONSUMER (consumer == epoch)
#endif

/* The record says which events it covers: only what came twice within it is passed over. */
#ifdef NO_COVER
#define TO_BE_APPLIED (!acked[next])
#else
#define TO_BE_APPLIED (state[next] == 0)
#endif

/* A delivery is lost: the owner makes a new consumer, which begins again with what is not acknowledged. */
#ifdef SKIP_COVERED
#define AFTER_A_GAP skip
#else
#define AFTER_A_GAP next = 255
#endif

#ifdef ACK_EARLY
#define AT_ONCE acked[next] = true
#else
#ifdef OUTPUT_EARLY
#define AT_ONCE published[next] = true
#else
#define AT_ONCE skip
#endif
#endif

#ifdef NO_TAKE_OVER
#define EXPIRES false
#else
#define EXPIRES true
#endif
#define MAY_EXPIRE (EXPIRES && faults > 0)

inline load() {
    state[0] = saved[0]; state[1] = saved[1]; next = 0;
#ifdef SHARED_CONSUMER
    next = position
#endif
}

/* The only way to write the record: compare-and-set on the revision that this owner read or wrote last. */
inline write(is_seal) {
    if
#ifdef EPOCH_OF_LEASE
    :: (is_seal && revision == base) || (!is_seal && number >= number_written) ->
#else
#ifdef LOAD_FIRST
    :: is_seal || revision == base ->
#else
    :: revision == base ->
#endif
#endif
        stale_write = stale_write || (!is_seal && epoch != granted);
        went_back = went_back || state[0] < saved[0] || state[1] < saved[1];
        saved[0] = state[0]; saved[1] = state[1];
        number_written = number;
        revision++; base = revision; wrote = true
    :: else -> wrote = false
    fi
}

inline stand_down() {
    role = FOLLOWER; epoch = 0; base = 0; next = 0; dirty = false; state[0] = 0; state[1] = 0; number = 0
}

proctype owner(byte me) {
    mtype:rank role = FOLLOWER;
    byte epoch, base, next, number;
    byte state[EVENTS];
    bool dirty;
    do
    /* The lease is free, or taken for free: expiry and a wiped bucket look alike. */
    :: atomic { role == FOLLOWER && !DONE && (!lease || MAY_EXPIRE) ->
        faults = faults - (lease -> 1 : 0);
        lease = true;
        lease_number++; number = lease_number; role = SEALING; base = revision; load() }
    :: atomic { role == SEALING ->
#ifdef NO_SEAL
        epochs++; epoch = 100 + epochs; granted = epoch; role = OWNER;
#else
        write(true);
        if
        :: wrote ->
            epoch = revision; granted = epoch; role = OWNER
        :: else -> stand_down()
        fi;
#endif
        if
        :: role == OWNER -> consumer = epoch
        :: else
        fi }
    /* Applies the next event of its consumer, in memory. */
    :: atomic { role == OWNER && next < EVENTS && !dirty && MY_CONSUMER ->
        if
        :: TO_BE_APPLIED -> state[next]++; dirty = true; AT_ONCE
        :: !TO_BE_APPLIED
        :: faults > 0 -> faults--; AFTER_A_GAP
        fi;
        next++;
#ifdef SHARED_CONSUMER
        position = next
#endif
        }
    :: atomic { role == OWNER && dirty ->
        write(false);
        if
        :: wrote -> dirty = false
        :: else -> stand_down()
        fi }
    /* What is saved: outputs first, then acks. Create-only, so that it may be done again by whoever comes next. */
    :: atomic { role == OWNER && !dirty && state[0] > 0 && !published[0] -> published[0] = true }
    :: atomic { role == OWNER && !dirty && state[1] > 0 && !published[1] -> published[1] = true }
    :: atomic { role == OWNER && !dirty && published[0] && state[0] > 0 && MY_CONSUMER && !acked[0] -> acked[0] = true }
    :: atomic { role == OWNER && !dirty && published[1] && state[1] > 0 && MY_CONSUMER && !acked[1] -> acked[1] = true }
    /* Its consumer is gone, and it has nothing to save: it looks at the record, and stands down. */
    :: atomic { role == OWNER && !dirty && consumer != epoch -> stand_down() }
    :: atomic { role != FOLLOWER && faults > 0 -> faults--;
        lease = !EXPIRES && lease;
#ifdef EPOCH_OF_LEASE
        lease_number = 0;
#endif
        stand_down() }
    :: atomic { DONE && faults == 0 && role != SEALING -> break }
    od
}

active proctype judge() {
    do
    :: atomic { (S8_stale_write || S9_state_goes_back || S11_applied_twice || S11_lost_event || S11_out_of_order ||
                 S11_output_of_nothing) ->
        assert(!S8_stale_write);
        assert(!S9_state_goes_back);
        assert(!S11_applied_twice);
        assert(!S11_lost_event);
        assert(!S11_out_of_order);
        assert(!S11_output_of_nothing) }
    :: atomic { DONE && faults == 0 -> break }
    od
}

init { atomic { run owner(0); run owner(1) } }
