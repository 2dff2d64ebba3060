/* Planted bugs, one of which a build with STEAD_MUTANTS can switch on in a run: what the simulator must find, by the
 * invariant that names it. Numbers are never reused.
 *
 * Those from 100 on that an invariant names are not in the core but in the simulator's stand-ins for adapters, since
 * what they break is the contract with the broker. */
#ifndef STEAD_CORE_MUTANTS_H
#define STEAD_CORE_MUTANTS_H

/* X(number, NAME, invariant, what it does) */
#define MUTANTS(X)                                                                                                     \
    X(1, ACK_FIRST, "S5", "acks before the result is stored")                                                          \
    X(2, OVERWRITES, "S2", "stores results over each other")                                                           \
    X(3, BUSY_HANDS_BACK, "S5", "hands a message back when no worker is free")                                         \
    X(4, REMOVES_FIRST, "S5", "removes a cancelled message before its result is stored")                               \
    X(5, OWN_SHARES, "S16", "divides requests by the seed of its own core")                                            \
    X(6, ALIAS_IGNORED, "S16", "runs every request by the alias live")                                                 \
    X(7, CHARGES_TWICE, "S4", "charges again when the answer to a charge was lost")                                    \
    X(8, ONE_RETRY_MORE, "S4", "allows one attempt more than was promised")                                            \
    X(9, BACKOFF_UNBOUNDED, "S4", "doubles the backoff beyond its maximum")                                            \
    X(10, HANDS_BACK_LATE, "S5", "hands back by the token of a passed connection")                                     \
    X(11, EXTENDS_LATE, "S5", "extends by the token of a passed connection")                                           \
    X(12, DRAIN_PULLS, "S13", "pulls while it drains")                                                                 \
    X(13, DRAIN_CUTS_OFF, "S13", "ends a drain while calls run")                                                       \
    X(14, DRAIN_ENDLESS, "L5", "forgets the grace of a drain, and that it is over")                                    \
    X(15, CREDIT_UNBOUNDED, "S6", "gives credit without looking at what others were given")                            \
    X(16, ANSWERS_TWICE, "S7", "answers those who wait for a result twice")                                            \
    X(17, DROPS_SILENTLY, "S7", "forgets a caller whose publish was refused")                                          \
    X(18, UNKNOWN_IS_REFUSED, "S7", "tells a caller that a publish without an answer was refused")                     \
    X(19, CONFLICT_IGNORED, "S2", "answers a caller with the result of another input")                                 \
    X(20, QUARANTINE_IDLE, "S23", "quarantine stops nothing")                                                          \
    X(21, ATTEMPTS_UNCOUNTED, "S4", "nobody counts attempts")                                                          \
    X(22, NEIGHBOURS_CHARGED, "S4", "charges calls that had not started when their process went")                      \
    X(23, CANCELS_ANYTHING, "S22", "tells a canceller that it won when another result is stored")                      \
    X(24, UNKNOWN_IS_ABSENT, "S22", "tells a canceller that there is no request when nobody knows")                    \
    X(25, NO_ANSWER_IS_NONE, "S22", "tells a reader that there is no result when nobody knows")                        \
    X(26, ACCEPTS_UNKNOWN, "S1", "tells a caller that a request is accepted when nobody knows")                        \
    X(27, DEAD_LETTER_FORGOTTEN, "S1", "acks a dead-lettered request without storing its dead letter")                 \
    X(28, OWN_RESULT_TOLD, "S2", "tells what it would have stored instead of what is stored")                          \
    X(29, BLOB_KEPT, "A0", "keeps the bytes of a message that comes again")                                            \
    X(30, BLOB_DROPPED_TWICE, "B1", "drops the bytes of a confirmed request twice")                                    \
    X(31, WORKER_OVERFILLED, "E1", "gives a worker one call more than it takes")                                       \
    X(32, STREAM_REUSED, "E1", "uses one stream of a worker for all calls")                                            \
    X(33, STOPPED_WORKER_USED, "E1", "gives calls to a worker that was told to stop")                                  \
    X(34, WORKERS_UNBOUNDED, "E1", "starts more processes of a function than it may")                                  \
    X(35, ANSWERS_EARLY, "S5", "answers callers before the result is stored")                                          \
    X(36, RESULT_OF_ANOTHER, "S3", "takes a result for the call that was sent first")                                  \
    X(37, ADDRESS_HASHED, "S20", "hashes an address")                                                                  \
    X(38, TIME_OUT_NEVER, "L1", "sets no time-out for what runs")                                                      \
    X(39, LETTER_FORGOTTEN, "L7", "stores a dead letter no more if the link went meanwhile")                           \
    X(40, LOST_PULL_FORGOTTEN, "L7", "waits for the end of a pull that was lost, and no one watches")                  \
    X(41, ACKS_LATE, "S5", "acks by the token of a passed connection")                                                 \
    X(43, WALL_JITTER, "S15", "draws the jitter of a backoff by the wall clock")                                       \
    X(44, BUDGET_HALVED, "S15", "gives callers half of their time")                                                    \
    X(45, BUSY_TIMER, "L10", "wakes itself without end")                                                               \
    X(46, BUILD_FORGOTTEN, "L8", "builds a version no more that once failed")                                          \
    X(47, SLOT_MISCOUNTED, "S6", "counts one message too few in hand")                                                 \
    X(48, ELSEWHERE_SERVED, "S17", "pulls for functions whose language it does not serve")                             \
    X(50, HANDLE_UNCHECKED, "S19", "believes a handle whose row has another owner")                                    \
    X(52, LEASE_IGNORED, "S24", "sweeps without a lease")                                                              \
    X(53, PAUSE_IGNORED, "S26", "goes on with a paused function")                                                      \
    X(54, CONNECTS_ONCE, "L4", "gives up to connect after a few attempts")                                             \
    X(55, STALL_ENDURED, "L7", "waits for ever for mail that a forgetful broker does not give it")                     \
    X(56, WAITS_FOR_EVER, "L1", "gives those who await a result no deadline")                                          \
    X(57, SWEEPS_NOTHING, "L7", "has the sweeper's lease and looks at no queue")                                       \
    X(58, WALKS_NEVER, "L7", "never looks for what no consumer gives anybody")                                         \
    X(59, WALK_REMOVES, "S5", "removes what it finds in the queue though no result is stored")                         \
    X(60, SILENCE_ENDURED, "L7", "waits for ever on a connection that gives no answers any more")                      \
    X(70, CLOCK_BELIEVED, "S19", "believes a clock that is before or after all time")                                  \
    X(71, RETRIES_AT_ONCE, "S4", "waits for nothing before a retry")                                                   \
    X(72, ERROR_OF_ANOTHER, "S21", "buries a request with the error of another")                                       \
    X(73, LENGTH_DECIDES, "S21", "holds longer messages for longer")                                                   \
    X(74, RETURNS_ALL, "S18", "hands everything back in one step")                                                     \
    X(75, TIMES_OUT_LATE, "L1", "lets what runs have a hundred times its time-out")                                    \
    X(76, LOOKS_OFTEN, "L10", "looks for a result a thousand times a second")                                          \
    X(80, LIMIT_IGNORED, "S27", "runs more of a function than its limit allows")                                       \
    X(81, LIMIT_SINKS, "S27", "lets the limit of a function sink below its least")                                     \
    X(82, AGE_IGNORED, "S7", "lets calls in however long the first in the queue has waited")                           \
    X(83, SIZE_IGNORED, "S7", "lets calls in however many bytes are queued")                                           \
    X(84, DEAFNESS_UNSEEN, "L12", "never doubts that what must come unasked does")                                     \
    X(85, SUSPECTS_TOGETHER, "S28", "runs requests that were lost with instances beside each other")                   \
    X(86, RUNS_FORGOTTEN, "S1", "gives up what runs when its connection is lost, and leaves it to the queue")          \
    X(88, ROOM_IGNORED, "S1", "lets calls in until the broker has no room for what comes back when it is killed")      \
    X(89, END_UNMARKED, "S1", "stores the result of a dead letter before the ledger says that it has ended")           \
    X(90, MARK_IGNORED, "S1", "takes up again what has ended by its ledger, once that result is gone")                 \
    X(91, HEEDS_NOTHING, "S4", "after a sleep, takes for over what ended in time and waits to be heard")               \
    X(92, DOOR_KNOWS_ALL, "S25", "says that there is no such function while it has no connection")                     \
    X(51, TICKS_IDLY, "L11", "wakes two hundred times a second though nothing is due")                                 \
    X(100, ADAPTER_STORES_NOTHING, "S5", "the adapter says that a result is stored before it is")                      \
    X(101, ADAPTER_OVERWRITES, "S2", "the adapter leaves create-only out")                                             \
    X(102, ADAPTER_GARBLES, "S3", "the adapter hands on other bytes than the function returned")                       \
    X(103, ADAPTER_ACK_LOST, "L7", "the adapter sends no acks and removes nothing")                                    \
    X(104, HINTS_ALONE, "L8", "the adapter learns of functions by hints alone")                                        \
    X(105, ANY_REPLICA, "S22", "the adapter reads results from any replica")                                           \
    X(111, LEASE_KEPT, "L9", "the adapter lets an instance that is stopped or cut off keep the lease")                 \
    X(113, QUEUE_DROPS_EARLY, "S1", "the adapter lets the broker drop requests that may still wait")                   \
    X(110, EXTENDS_BY_ACK, "S1", "the adapter acks what it is to extend, and the result comes later")

/* Others break what is promised only as a rule, or in rare constellations: no invariant of a fleet names them, and a
 * scenario of tests/sim/scenarios does. X(number, NAME, what it does) */
#define MUTANTS_OF_SCENARIOS(X)                                                                                        \
    X(108, RECORDS_BY_NUMBER, "the adapter takes a revision for known that was given out again")                       \
    X(112, REPLY_TO_BELIEVED, "the adapter sends answers wherever a message says")                                     \
    X(114, EXPIRES_FIRST, "ends by its age what was dead-lettered, once that result is gone")                          \
    X(115, PLACES_KEPT, "lets a function that is always busy have all places for processes")                           \
    X(116, WALKS_LATE, "walks the queue ever more rarely, whatever time what it left alone still has")                 \
    X(117, REVISIONS_BELIEVED, "takes the ledger for as it was by its revision, which was given out again")            \
    X(118, KILLED_ARE_LATE, "charges for a timeout what was in a process that it had killed for another")              \
    X(119, WRITES_UNSEEN, "writes over a record of the ledger by the revision that it had on an earlier connection")   \
    X(120, MARKS_KEPT, "ends for want of a function what it knew to be nobody's on an earlier connection")

enum mutant {
    MUTANT_NONE,
#define X(number, name, invariant, what) MUTANT_##name = (number),
    MUTANTS(X)
#undef X
#define X(number, name, what) MUTANT_##name = (number),
        MUTANTS_OF_SCENARIOS(X)
#undef X
};

#endif
