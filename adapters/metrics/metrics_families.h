/* The families. X(NAME, kind, unit, labels, help)
 *   NAME    in lower case it is the metric's name
 *   kind    COUNTER GAUGE HISTOGRAM
 *   unit    COUNT (as it is) or SECONDS (updated in ns)
 *   labels  "a,b" in the order in which values are given, "" for none */
#ifndef STEAD_ADAPTERS_METRICS_FAMILIES_H
#define STEAD_ADAPTERS_METRICS_FAMILIES_H

/* clang-format off */
#define METRICS_FAMILIES(X) \
    X(STEAD_FUNCTION_INVOCATIONS_TOTAL,      COUNTER,   COUNT,   "language,function,outcome",    "Finished invocations by outcome.") \
    X(STEAD_FUNCTION_ERRORS_TOTAL,           COUNTER,   COUNT,   "language,function,error_type", "Failed invocations by error class.") \
    X(STEAD_FUNCTION_CAUSES_TOTAL,           COUNTER,   COUNT,   "language,function,cause",      "Deliveries that did not end in success, by cause; attempts that are charged among them.") \
    X(STEAD_FUNCTION_QUARANTINED,            GAUGE,     COUNT,   "language,function",            "1 while the function is in quarantine on this instance.") \
    X(STEAD_FUNCTION_DURATION_SECONDS,       HISTOGRAM, SECONDS, "language,function",            "Time the plugin spent executing one event.") \
    X(STEAD_FUNCTION_INIT_DURATION_SECONDS,  HISTOGRAM, SECONDS, "language,function",            "Time from spawn to ready (cold start).") \
    X(STEAD_FUNCTION_IN_FLIGHT,              GAUGE,     COUNT,   "language,function",            "Requests in hand on this instance: waiting for a worker or running.") \
    X(STEAD_FUNCTION_RUNNING,                GAUGE,     COUNT,   "language,function",            "Executions of its live version that run on this instance.") \
    X(STEAD_FUNCTION_CONCURRENCY_LIMIT,      GAUGE,     COUNT,   "language,function",            "How many of them may run at once on this instance: as configured, or as it has adapted.") \
    X(STEAD_FUNCTION_QUEUED,                 GAUGE,     COUNT,   "language,function",            "Requests that have not ended, as the broker counts them.") \
    X(STEAD_FUNCTION_QUEUED_BYTES,           GAUGE,     COUNT,   "language,function",            "What the queued requests take, estimated by the average of those that this instance saw.") \
    X(STEAD_FUNCTION_QUEUE_AGE_SECONDS,      GAUGE,     SECONDS, "language,function",            "Age of the oldest queued request; 0 if there is none.") \
    X(STEAD_SWEEPER,                         GAUGE,     COUNT,   "",                             "1 on the instance that ends what no instance takes.") \
    X(STEAD_FUNCTIONS,                       GAUGE,     COUNT,   "language,kind,state",          "Registered functions by kind and state.") \
    X(STEAD_PLUGINS,                          GAUGE,     COUNT,   "language,state",              "Plugin processes, idle (a start included) and busy.") \
    X(STEAD_PLUGIN_RESTARTS_TOTAL,            COUNTER,   COUNT,   "language,function,reason",    "Plugin processes that ended by themselves and badly, by why; others take their place.") \
    X(STEAD_QUEUE_LENGTH,                    GAUGE,     COUNT,   "group",                        "Requests of the queue group that have not ended.") \
    X(STEAD_QUEUE_IN_FLIGHT,                 GAUGE,     COUNT,   "group",                        "Requests of the queue group in hand on this instance.") \
    X(STEAD_QUEUE_LIMIT,                     GAUGE,     COUNT,   "group",                        "Configured maxPending of the queue group.") \
    X(STEAD_QUEUE_REDELIVERIES_TOTAL,         COUNTER,   COUNT,   "group",                       "Deliveries after the first, as the broker counts them.") \
    X(STEAD_QUEUE_REJECTED_TOTAL,             COUNTER,   COUNT,   "group,reason",                "Requests refused at the door; of functions that nobody knows, the group is function.unknown.") \
    X(STEAD_QUEUE_DEAD_LETTERS_TOTAL,        COUNTER,   COUNT,   "group,reason",                 "Messages given up on.") \
    X(STEAD_QUEUE_WAIT_SECONDS,               HISTOGRAM, SECONDS, "group",                       "Time from publish to the start of the first execution.") \
    X(STEAD_QUEUE_LAST_PROCESSED_TIMESTAMP_SECONDS, GAUGE,     SECONDS, "group",                       "When a request of the queue group last ended here, as a Unix time; 0: never.") \
    X(STEAD_EVENTS_RECEIVED_TOTAL,            COUNTER,   COUNT,   "transport,mode,result",       "CloudEvents that came in, by form; again with each redelivery.") \
    X(STEAD_EVENTS_INVALID_TOTAL,            COUNTER,   COUNT,   "transport,reason",             "CloudEvents refused by validation.") \
    X(STEAD_REQUEST_DURATION_SECONDS,        HISTOGRAM, SECONDS, "transport",                    "Admission to result, as the service sees it.") \
    X(STEAD_GRPC_CALLS_TOTAL,                 COUNTER,   COUNT,   "",                            "gRPC calls that reached this instance, refused ones too.") \
    X(STEAD_GRPC_CALLS_IN_FLIGHT,             GAUGE,     COUNT,   "",                            "gRPC calls that are not answered yet.") \
    X(STEAD_GRPC_REFUSED_TOTAL,               COUNTER,   COUNT,   "reason",                      "gRPC calls refused before they were looked at as requests: load, invalid, unknown-method.") \
    X(STEAD_GRPC_CONNECTIONS_TOTAL,           COUNTER,   COUNT,   "",                            "gRPC connections accepted.") \
    X(STEAD_NATS_CONNECTED,                  GAUGE,     COUNT,   "",                             "1 while connected to NATS.") \
    X(STEAD_NATS_RECONNECTS_TOTAL,           COUNTER,   COUNT,   "",                             "Reconnections to NATS.") \
    X(STEAD_NATS_RENEWALS_TOTAL,             COUNTER,   COUNT,   "cause",                        "Connections that stood and were made anew, by why: silent, stalled, unanswered, untold.") \
    X(STEAD_NATS_CONSUMER_RENEWALS_TOTAL,    COUNTER,   COUNT,   "",                             "Consumers that were made anew since the broker forgot what they had delivered.") \
    X(STEAD_NATS_RTT_SECONDS,                 GAUGE,     SECONDS, "",                            "Time of the last exchange with the broker that stored something, as its clock is sampled.") \
    X(STEAD_NATS_PULL_CREDITS,                GAUGE,     COUNT,   "",                            "Messages that were asked for and not delivered yet.") \
    X(STEAD_NATS_MESSAGES_TOTAL,              COUNTER,   COUNT,   "direction",                   "NATS messages of the data connection.") \
    X(STEAD_NATS_BYTES_TOTAL,                 COUNTER,   COUNT,   "direction",                   "NATS bytes of the data connection.") \
    X(STEAD_NATS_PUBLISH_DURATION_SECONDS,   HISTOGRAM, SECONDS, "stream",                       "JetStream publish to PubAck.") \
    X(STEAD_NATS_ERRORS_TOTAL,                COUNTER,   COUNT,   "error_type",                  "What the broker complained about: pull-refused, no-responders, complaint.") \
    X(STEAD_INSTANCE_STATE,                  GAUGE,     COUNT,   "state",                        "1 for the current state of this instance.") \
    X(STEAD_INSTANCE_SLOTS,                  GAUGE,     COUNT,   "",                             "Invocations that this instance can run at once.") \
    X(STEAD_COMPONENT_HEALTHY,               GAUGE,     COUNT,   "component",                    "1 if the component passes its check.") \
    X(STEAD_BUFFER_BYTES,                    GAUGE,     COUNT,   "",                             "Bytes of payloads held for requests in progress.") \
    X(STEAD_BUFFER_REFUSED_TOTAL,            COUNTER,   COUNT,   "",                             "Payloads refused because the buffers were full.") \
    X(STEAD_LOG_MESSAGES_TOTAL,              COUNTER,   COUNT,   "level",                        "Log records written, by level.") \
    X(STEAD_LOG_DROPPED_TOTAL,               COUNTER,   COUNT,   "",                             "Log records dropped by rate limits.") \
    X(STEAD_METRICS_SERIES_DROPPED_TOTAL,    COUNTER,   COUNT,   "metric",                       "New label sets refused by the series limit.") \
    X(STEAD_CONFIG_LAST_RELOAD_SUCCESSFUL,  GAUGE,     COUNT,   "",                             "1 if the last reload of the configuration was taken over.") \
    X(STEAD_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS,GAUGE,     SECONDS, "",                             "When the configuration was last taken over, as a Unix time.") \
    X(STEAD_BUILD_INFO,                      GAUGE,     COUNT,   "version,compiler",    "Build metadata, always 1.") \
    X(PROCESS_CPU_SECONDS_TOTAL,             COUNTER,   SECONDS, "",                             "Total user and system CPU time spent in seconds.") \
    X(PROCESS_RESIDENT_MEMORY_BYTES,         GAUGE,     COUNT,   "",                             "Resident memory size in bytes.") \
    X(PROCESS_VIRTUAL_MEMORY_BYTES,          GAUGE,     COUNT,   "",                             "Virtual memory size in bytes.") \
    X(PROCESS_OPEN_FDS,                      GAUGE,     COUNT,   "",                             "Number of open file descriptors.") \
    X(PROCESS_MAX_FDS,                       GAUGE,     COUNT,   "",                             "Maximum number of open file descriptors.") \
    X(PROCESS_THREADS,                       GAUGE,     COUNT,   "",                             "Number of OS threads in the process.") \
    X(PROCESS_START_TIME_SECONDS,            GAUGE,     SECONDS, "",                             "Start time of the process since unix epoch in seconds.")
/* clang-format on */

#endif
