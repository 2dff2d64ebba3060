/* How one request is settled, with everything that a broker, a network and processes were seen to do to it.
 *
 * One message, INSTANCES instances that follow core/delivery.c and core/settle.c state by state, one caller who may
 * cancel (core/cancel.c; -D CANCELS), and a sweeper. The message may be delivered to anyone at any time, as a fault also
 * while another holds it. Each question to the broker is done and answered, done with its answer lost, or lost; an instance may die between
 * any two of its actions, or leave for good; kill -9 of the broker brings an acknowledged message back and forgets how
 * often it was delivered. The broker does
 * not fence acks: any token ever given would remove the message. Faults are bounded by FAULTS,
 * so that liveness means "once they end".
 *
 * tests/models/check runs it and reads from it:
 *
 *   GO(FROM, TO)     an edge of the core's machine `delivery`, CALL(FROM, TO) one of `call`. Each edge of core/states.h
 *                    must be here and be reached, or be in a line "not modelled:" with the reason.
 *   variant:         a way to build it wrong (-D NAME), and the property that must then fail.
 *   property:        what must hold: an assertion, or a formula.
 *   scenario:        verified as well, with -D NAME.
 *
 * scenario: CANCELS  a caller cancels; no attempt is repeated
 *
 * property: S2_two_results              a stored result is replaced by another
 * property: S5_gone_without_result      the message is gone, and no result is stored
 * property: S1_gone_without_dead_letter the message is gone, its result is dead-lettered, and there is no dead letter
 * property: S1_dead_letter_of_another   there is a dead letter, and the stored result is something else
 * property: S1_end_unmarked             the stored result is dead-lettered, and the ledger does not say so
 * property: S1_mark_taken_back          the ledger said that the request has ended, and does no more
 * property: S4_charged_too_often        more attempts are charged than are allowed
 * property: S4_ledger_goes_back         a charge or a claim of another is written over
 * property: S4_starts_unclaimed         two deliveries began to run without a claim in the ledger
 * property: S22_cancelled_is_not_so     a canceller was told `cancelled`, and another end is stored
 * property: L1_settled                  in the end the message is gone and its result is there, for ever
 *
 * variant: ACK_FIRST          S5_gone_without_result       the ack goes out before the result is stored
 * variant: OVERWRITE          S2_two_results               results are not stored create-only
 * variant: ACK_UNBURIED       S1_gone_without_dead_letter  the ack does not wait for the dead letter
 * variant: BURY_FIRST         S1_dead_letter_of_another    the dead letter does not wait for the result
 * variant: STORE_UNMARKED     S1_end_unmarked              a dead-lettered result does not wait for its mark in the ledger
 * variant: IGNORE_MARK        S1_mark_taken_back           who reads the ledger decides by its numbers alone
 * variant: CHARGE_BLIND       S4_ledger_goes_back          charges are written without compare-and-set
 * variant: UNLIMITED          S4_charged_too_often         one more failure is charged than is allowed
 * variant: FRESH_BY_COUNT     S4_starts_unclaimed          a first delivery by the broker's count is taken for fresh
 * variant: REMOVE_FIRST       S5_gone_without_result       a cancel removes the message before its result is stored
 * variant: EXISTS_IS_OURS     S22_cancelled_is_not_so      a canceller takes "there is one already" for its own
 * variant: MAX_DELIVER        L1_settled                   the broker stops delivering after two deliveries
 * variant: NO_SWEEPER         L1_settled                   nobody looks after what no instance serves
 *
 * not modelled: DELIVERY FETCHING -> STORING: a result that is there stays; retention is longer than any request lives
 * not modelled: CALL FREE -> PUBLISHING: the message is in the stream from the beginning
 * not modelled: CALL PUBLISHING -> WAITING: as above
 * not modelled: CALL FREE -> WAITING: a caller who only reads changes nothing
 */

#ifndef INSTANCES
#define INSTANCES 2
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#ifdef CANCELS
#define RETRIES    0
#else
#define RETRIES    1 /* after the first attempt */
#endif
#define STARTS_MAX 1 /* claims beside charged attempts; more is poison */

mtype:stage = { FREE, CHECKING, READING, CLAIMING, QUEUED, RUNNING, CHARGING, RECHECKING, MARKING, STORING, FETCHING,
                BURYING, FINDING, WAITING, REMOVING };
mtype:ending = { NOTHING, SUCCEEDED, DEAD_LETTERED, EXPIRED, CANCELLED };

/* -- the broker -- */
bool present = true;       /* the message is in the stream */
byte delivered;            /* as the broker counts it, up to 2 */
mtype:ending result = NOTHING;
bool dead_letter;
byte revision, nonce, attempts, starts; /* the ledger's record; revision 0: there is none */
bool marked;                            /* in it: dead-lettered */

/* -- the rest of the world -- */
byte faults = FAULTS;
byte holders;              /* instances that have it in hand */
byte leavers;              /* how many will leave for good */
byte serving = INSTANCES;  /* instances that have not left for good */
bool token[INSTANCES];     /* what it has in hand came by the connection of now */
bool reconnected;          /* the canceller's connection is another one than that on which it found the message */
bool covered[INSTANCES];   /* the message is older than this connection's look at the stream */

hidden byte mine, ok;      /* answers; they mean nothing between two actions */

/* -- what a judge has seen -- */
byte unclaimed;            /* deliveries that ran without a claim */
bool lost, overwritten, written_over, taken_back, told_cancelled;

#define S2_two_results              (overwritten)
#define S5_gone_without_result      (lost)
#define S1_gone_without_dead_letter (!present && result == DEAD_LETTERED && !dead_letter)
#define S1_dead_letter_of_another   (dead_letter && result != DEAD_LETTERED)
#define S1_end_unmarked             (result == DEAD_LETTERED && !marked)
#define S1_mark_taken_back          (taken_back)
#define S4_charged_too_often        (attempts > 1 + RETRIES)
#define S4_ledger_goes_back         (written_over)
#define S4_starts_unclaimed         (unclaimed > 1)
#define S22_cancelled_is_not_so     (told_cancelled && result != CANCELLED)
#define SETTLED                     (!present && result != NOTHING)

ltl L1_settled { <>[] SETTLED }

#ifdef UNLIMITED
#define EXHAUSTED (known_attempts > RETRIES + 1)
#else
#define EXHAUSTED (known_attempts > RETRIES)
#endif

#ifdef MAX_DELIVER
#define DELIVERABLE (delivered < 2)
#else
#define DELIVERABLE true
#endif

#define GO(from, to)   assert(state == from); state = to
#define CALL(from, to) assert(state == from); state = to

/* Asks the broker for `action`: done and answered, or, at the cost of a fault, one or both not. */
#define ASK(action, answered) \
    if \
    :: action; answered = true \
    :: faults > 0 -> faults--; action; answered = false \
    :: faults > 0 -> faults--; answered = false \
    fi

/* Any instance's or the sweeper's: `mine` says if this one is stored now, or was already there from another. */
inline store(what, mine) {
    if
    :: result == NOTHING -> result = what; mine = true
    :: else ->
#ifdef OVERWRITE
        overwritten = overwritten || result != what; result = what; mine = true
#else
        mine = false
#endif
    fi
}

#ifdef UNLIMITED
#define LAST(charge, start) (!(start) && (!(charge) || known_attempts + 1 > RETRIES + 1))
#else
#define LAST(charge, start) (!(start) && (!(charge) || known_attempts + 1 > RETRIES))
#endif

/* A charge, a start, or an end: what is charged as the last says so itself. */
inline put(charge, start) {
    if
#ifdef CHARGE_BLIND
    :: charge || revision == known_revision ->
#else
    :: revision == known_revision ->
#endif
        written_over = written_over || known_attempts < attempts || known_starts < starts;
        taken_back = taken_back || (marked && !LAST(charge, start));
        revision++;
        nonce = (charge -> 1 + me : 0); /* with the revision as good as one that is drawn for each charge */
        attempts = known_attempts + (charge -> 1 : 0);
        starts = known_starts + (start -> 1 : 0);
        marked = LAST(charge, start);
        mine = true
    :: else -> mine = false
    fi
}

#define CHARGE_IS_MINE (nonce == 1 + me && revision == known_revision + 1)

inline get() {
    known_revision = revision; known_attempts = attempts; known_starts = starts;
#ifdef IGNORE_MARK
    over = false
#else
    over = marked
#endif
}

inline forget() {
    holders--; token[me] = false;
    state = FREE; end = NOTHING; needs_claim = false; ran = false; over = false;
    known_revision = 0; known_attempts = 0; known_starts = 0
}

inline remove() { lost = lost || result == NOTHING; present = false }
/* A token dies with its connection (docs/adr/0016): then nothing is sent, and the message comes again. */
inline ack() {
    if
    :: token[me] -> remove()
    :: else
    fi;
    forget()
}

/* What runs ends as it will; nobody is charged for a worker that was lost for no fault of the function. */
inline execute() {
    if
    :: end = SUCCEEDED; GO(RUNNING, STORING)
    :: GO(RUNNING, CHARGING)
    :: faults > 0 -> faults--; GO(RUNNING, QUEUED)
    :: result == CANCELLED -> GO(RUNNING, FETCHING) /* it heard of the cancel, and looked */
    fi
}

/* Or fewer retries are wanted since it was charged: then the charge did not say that it was the last. */
inline charged() {
    if
    :: EXHAUSTED -> end = DEAD_LETTERED; over = true
    :: !EXHAUSTED && faults > 0 -> faults--; end = DEAD_LETTERED
    :: !EXHAUSTED -> forget() /* handed back: it is delivered again after the backoff */
    fi
}

proctype instance(byte me) {
    mtype:stage state = FREE;
    mtype:ending end = NOTHING;
    byte known_revision, known_attempts, known_starts;
    bool needs_claim, ran;
    bool over; /* the ledger says that it was dead-lettered */
    do
    :: atomic { state == FREE && present && (holders == 0 || faults > 0) && DELIVERABLE ->
        faults = faults - (holders > 0 -> 1 : 0);
        holders++; token[me] = true;
        delivered = (delivered < 2 -> delivered + 1 : 2);
        if
        :: faults > 0 -> faults--; forget() /* the delivery is lost with its connection */
        :: end = EXPIRED; GO(FREE, STORING) /* not acceptable, or too old already */
#ifdef FRESH_BY_COUNT
        :: delivered == 1 -> GO(FREE, QUEUED)
        :: delivered > 1 -> GO(FREE, CHECKING)
#else
        :: delivered == 1 && !covered[me] -> GO(FREE, QUEUED)
        :: delivered > 1 || covered[me] -> GO(FREE, CHECKING)
#endif
        fi }
    :: atomic { state == CHECKING ->
        ASK(mine = (result != NOTHING), ok);
        if
        :: ok && mine && result == DEAD_LETTERED -> end = DEAD_LETTERED; GO(CHECKING, BURYING)
        :: ok && mine && result != DEAD_LETTERED -> ack()
        :: ok && !mine -> GO(CHECKING, READING)
        :: !ok /* asked again */
        fi }
    :: atomic { state == READING ->
        ASK(get(), ok);
        if
        :: ok && over -> end = DEAD_LETTERED; GO(READING, STORING)
        :: ok && !over && (EXHAUSTED || known_starts >= STARTS_MAX + RETRIES) -> end = DEAD_LETTERED; GO(READING, MARKING)
        :: ok && !over && !EXHAUSTED && known_starts < STARTS_MAX + RETRIES -> needs_claim = true; GO(READING, QUEUED)
        :: result == CANCELLED -> GO(READING, CHECKING) /* it hears of the cancel */
        :: !ok
        fi }
    :: atomic { state == QUEUED ->
        if
        :: !needs_claim -> unclaimed = unclaimed + (known_revision == 0 && !ran -> 1 : 0); ran = true; GO(QUEUED, RUNNING)
        :: needs_claim -> GO(QUEUED, CLAIMING)
        :: end = EXPIRED; GO(QUEUED, STORING)
        :: faults > 0 -> faults--; end = DEAD_LETTERED; GO(QUEUED, MARKING) /* its function is put into quarantine */
        :: result == CANCELLED -> GO(QUEUED, CHECKING)
        :: faults > 0 -> faults--; GO(QUEUED, CHARGING) /* the worker that it waits for does not start */
        :: faults > 0 -> faults--; forget() /* held too long: handed back */
        fi }
    :: atomic { state == CLAIMING ->
        ASK(put(false, true), ok);
        if
        :: ok && mine -> known_revision = revision; known_starts++; needs_claim = false; GO(CLAIMING, QUEUED)
        :: !ok || !mine -> GO(CLAIMING, READING)
        :: !ok && result == CANCELLED -> GO(CLAIMING, CHECKING)
        fi }
    :: atomic { state == RUNNING -> execute() }
    :: atomic { state == CHARGING ->
#ifdef ACK_FIRST
        remove();
#endif
        ASK(put(true, false), ok);
        if
        :: ok && mine -> known_revision = revision; known_attempts++; charged();
            if
            :: end == DEAD_LETTERED && over -> GO(CHARGING, STORING)
            :: end == DEAD_LETTERED && !over -> GO(CHARGING, MARKING)
            :: else
            fi
        :: !ok || !mine -> GO(CHARGING, RECHECKING) /* as if lost: what it goes by is of an earlier connection */
        fi }
    :: atomic { state == RECHECKING ->
        ASK(skip, ok);
        if
        :: ok && CHARGE_IS_MINE -> known_revision = revision; known_attempts++; charged();
            if
            :: end == DEAD_LETTERED && over -> GO(RECHECKING, STORING)
            :: end == DEAD_LETTERED && !over -> GO(RECHECKING, MARKING)
            :: else
            fi
        :: ok && revision == known_revision -> GO(RECHECKING, CHARGING)
        :: ok && !CHARGE_IS_MINE && revision != known_revision -> forget() /* theirs to charge */
        :: !ok
        fi }
    :: atomic { state == MARKING ->
#ifdef STORE_UNMARKED
        GO(MARKING, STORING)
#else
        ASK(put(false, false), ok);
        if
        :: ok && mine -> known_revision = revision; GO(MARKING, STORING)
        :: !ok || !mine -> end = NOTHING; GO(MARKING, READING) /* and decides anew by what it reads */
        fi
#endif
        }
    :: atomic { state == STORING ->
#ifdef ACK_FIRST
        remove();
#endif
#ifdef BURY_FIRST
        dead_letter = dead_letter || end == DEAD_LETTERED;
#endif
        ASK(store(end, mine), ok);
        if
        :: ok && !mine -> GO(STORING, FETCHING)
#ifdef ACK_UNBURIED
        :: ok && mine -> ack()
#else
        :: ok && mine && end == DEAD_LETTERED -> GO(STORING, BURYING)
        :: ok && mine && end != DEAD_LETTERED -> ack()
#endif
        :: !ok
        fi }
    :: atomic { state == FETCHING ->
        ASK(end = result, ok);
        if
        :: ok && end == DEAD_LETTERED -> GO(FETCHING, BURYING)
        :: ok && end != DEAD_LETTERED -> ack()
        :: !ok
        fi }
    :: atomic { state == BURYING ->
        ASK(dead_letter = true, ok);
        if
        :: ok -> ack()
        :: !ok
        fi }
    :: atomic { faults > 0 && state != FREE -> faults--; covered[me] = true; forget() } /* it dies and starts anew */
    :: atomic { leavers > 0 -> leavers--; serving--; holders = holders - (state != FREE -> 1 : 0); break } /* it leaves for good, with what it holds */
    :: atomic { SETTLED && state == FREE && faults == 0 -> break }
    od
}

/* A caller who ends the request: find it, store `cancelled`, then remove it. */
proctype canceller() {
    mtype:stage state = FREE;
    bool in_doubt;
    atomic { CALL(FREE, FINDING) }
    do
    :: atomic { state == FINDING ->
        if
        :: present -> reconnected = false; CALL(FINDING, STORING)
        :: !present -> CALL(FINDING, WAITING)
        :: faults > 0 -> faults-- /* the walk through the queue failed */
        fi }
    :: atomic { state == WAITING -> break } /* a result tells how it ended */
    :: atomic { state == STORING ->
#ifdef REMOVE_FIRST
        remove();
#endif
        ASK(store(CANCELLED, mine), ok);
        if
#ifdef EXISTS_IS_OURS
        :: ok -> CALL(STORING, REMOVING)
#else
        :: ok && mine -> CALL(STORING, REMOVING)
        :: ok && !mine && !in_doubt -> break          /* it has ended already */
        :: ok && !mine && in_doubt && result == CANCELLED -> CALL(STORING, REMOVING)
        :: ok && !mine && in_doubt && result != CANCELLED -> break
#endif
        :: !ok -> in_doubt = true
        fi }
    :: atomic { state == REMOVING ->
        ASK(remove(), ok);
        if
        :: ok -> told_cancelled = true; break
        :: !ok
        fi }
    :: atomic { state == REMOVING && reconnected -> told_cancelled = true; break } /* whoever gets it meets the result */
    :: break /* it has gone away */
    od
}

/* Where no instance serves the function, a sweeper takes what waits, as an instance would, and ends it. */
proctype sweeper() {
    do
    :: atomic { present && serving == 0 && result == NOTHING -> store(EXPIRED, mine) }
    :: atomic { present && serving == 0 && result == DEAD_LETTERED && !dead_letter -> dead_letter = true }
    :: atomic { present && serving == 0 && result != NOTHING && (result != DEAD_LETTERED || dead_letter) -> remove() }
    :: atomic { SETTLED && faults == 0 -> break }
    od
}

/* kill -9 and restart: what was acknowledged may come back, deliveries are forgotten, all connections are new. */
proctype broker() {
    do
    :: atomic { faults > 0 -> faults--;
        if
        :: true -> present = true
        :: true -> skip
        fi;
        delivered = 0;
        covered[0] = true; token[0] = false;
        covered[1] = true; token[1] = false;
        reconnected = true }
    :: break
    od
}

active proctype judge() {
    do
    :: atomic { (S2_two_results || S5_gone_without_result || S1_gone_without_dead_letter || S1_dead_letter_of_another ||
                 S1_end_unmarked || S1_mark_taken_back ||
                 S4_charged_too_often || S4_ledger_goes_back || S4_starts_unclaimed || S22_cancelled_is_not_so) ->
        assert(!S2_two_results);
        assert(!S5_gone_without_result);
        assert(!S1_gone_without_dead_letter);
        assert(!S1_dead_letter_of_another);
        assert(!S1_end_unmarked);
        assert(!S1_mark_taken_back);
        assert(!S4_charged_too_often);
        assert(!S4_ledger_goes_back);
        assert(!S4_starts_unclaimed);
        assert(!S22_cancelled_is_not_so) }
    :: atomic { SETTLED && faults == 0 -> break }
    od
}

init {
    atomic {
        byte i = 0;
        if
        :: leavers = 0
#ifndef CANCELS
        :: leavers = INSTANCES
#endif
        fi;
        do
        :: i < INSTANCES -> run instance(i); i++
        :: else -> break
        od;
#ifdef CANCELS
        run canceller();
#endif
        run broker();
#ifndef NO_SWEEPER
        run sweeper()
#endif
    }
}
