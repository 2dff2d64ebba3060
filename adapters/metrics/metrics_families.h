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
    X(STEAD_FUNCTION_DURATION_SECONDS,       HISTOGRAM, SECONDS, "language,function",            "Time the plugin spent executing one event.") \
    X(STEAD_FUNCTION_INIT_DURATION_SECONDS,  HISTOGRAM, SECONDS, "language,function",            "Time from spawn to ready (cold start).") \
    X(STEAD_FUNCTION_COLDSTARTS_TOTAL,       COUNTER,   COUNT,   "language,function",            "Invocations that had to wait for a plugin start.") \
    X(STEAD_FUNCTION_IN_FLIGHT,              GAUGE,     COUNT,   "language,function",            "Invocations executing now.") \
    X(STEAD_FUNCTIONS,                       GAUGE,     COUNT,   "language,kind,state",          "Registered functions by kind and state.") \
    X(STEAD_PLUGINS,                         GAUGE,     COUNT,   "language,state",               "Plugin processes by state.") \
    X(STEAD_PLUGIN_RESTARTS_TOTAL,           COUNTER,   COUNT,   "language,function,reason",     "Plugin process restarts.") \
    X(STEAD_QUEUE_LENGTH,                    GAUGE,     COUNT,   "group",                        "Messages waiting in the queue group.") \
    X(STEAD_QUEUE_IN_FLIGHT,                 GAUGE,     COUNT,   "group",                        "Messages delivered and not yet settled.") \
    X(STEAD_QUEUE_LIMIT,                     GAUGE,     COUNT,   "group",                        "Configured maxPending of the queue group.") \
    X(STEAD_QUEUE_REDELIVERIES_TOTAL,        COUNTER,   COUNT,   "group",                        "Deliveries after the first.") \
    X(STEAD_QUEUE_REJECTED_TOTAL,            COUNTER,   COUNT,   "group,reason",                 "Requests refused at admission.") \
    X(STEAD_QUEUE_DEAD_LETTERS_TOTAL,        COUNTER,   COUNT,   "group,reason",                 "Messages given up on.") \
    X(STEAD_QUEUE_WAIT_SECONDS,              HISTOGRAM, SECONDS, "group",                        "Time from publish to start of execution.") \
    X(STEAD_EVENTS_RECEIVED_TOTAL,           COUNTER,   COUNT,   "transport,mode,result",        "CloudEvents received.") \
    X(STEAD_EVENTS_INVALID_TOTAL,            COUNTER,   COUNT,   "transport,reason",             "CloudEvents refused by validation.") \
    X(STEAD_REQUEST_DURATION_SECONDS,        HISTOGRAM, SECONDS, "transport",                    "Admission to result, as the service sees it.") \
    X(GRPC_SERVER_CALL_STARTED_TOTAL,        COUNTER,   COUNT,   "grpc_method",                  "RPCs started.") \
    X(GRPC_SERVER_CALL_DURATION_SECONDS,     HISTOGRAM, SECONDS, "grpc_method,grpc_status",      "RPC duration at the server.") \
    X(STEAD_CACHE_REQUESTS_TOTAL,            COUNTER,   COUNT,   "cache,result",                 "Cache look-ups by result, hit or miss.") \
    X(STEAD_NATS_CONNECTED,                  GAUGE,     COUNT,   "",                             "1 while connected to NATS.") \
    X(STEAD_NATS_RECONNECTS_TOTAL,           COUNTER,   COUNT,   "",                             "Reconnections to NATS.") \
    X(STEAD_NATS_MESSAGES_TOTAL,             COUNTER,   COUNT,   "direction",                    "NATS messages sent or received.") \
    X(STEAD_NATS_BYTES_TOTAL,                COUNTER,   COUNT,   "direction",                    "NATS payload and header bytes.") \
    X(STEAD_NATS_PUBLISH_DURATION_SECONDS,   HISTOGRAM, SECONDS, "stream",                       "JetStream publish to PubAck.") \
    X(STEAD_NATS_ERRORS_TOTAL,               COUNTER,   COUNT,   "error_type",                   "NATS errors by class.") \
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
    X(STEAD_BUILD_INFO,                      GAUGE,     COUNT,   "version,revision,compiler",    "Build metadata, always 1.") \
    X(PROCESS_CPU_SECONDS_TOTAL,             COUNTER,   SECONDS, "",                             "Total user and system CPU time spent in seconds.") \
    X(PROCESS_RESIDENT_MEMORY_BYTES,         GAUGE,     COUNT,   "",                             "Resident memory size in bytes.") \
    X(PROCESS_VIRTUAL_MEMORY_BYTES,          GAUGE,     COUNT,   "",                             "Virtual memory size in bytes.") \
    X(PROCESS_OPEN_FDS,                      GAUGE,     COUNT,   "",                             "Number of open file descriptors.") \
    X(PROCESS_MAX_FDS,                       GAUGE,     COUNT,   "",                             "Maximum number of open file descriptors.") \
    X(PROCESS_THREADS,                       GAUGE,     COUNT,   "",                             "Number of OS threads in the process.") \
    X(PROCESS_START_TIME_SECONDS,            GAUGE,     SECONDS, "",                             "Start time of the process since unix epoch in seconds.")
/* clang-format on */

#endif
