/* The tables of keys.
 *
 * X(kind, path, member, default, min, max, choices, reload, doc)
 *   kind     STRING BOOL INTEGER DURATION SIZE CPU LIST WORDS ADDRESS ADDRESSES CHOICE PAIRS
 *   default  as a user would write it; min and max the same, "" for none
 *   choices  "a|b|c" for CHOICE and LIST, "" otherwise; the value of a CHOICE is its index
 *   reload   LIVE or RESTART
 * Environment: STEAD_ and the path in upper snake case: grpc.maxInFlight is STEAD_GRPC_MAX_IN_FLIGHT. */
#ifndef STEAD_ADAPTERS_CONFIG_KEYS_H
#define STEAD_ADAPTERS_CONFIG_KEYS_H

/* clang-format off */
#define CONFIG_KEYS(X) \
    X(STRING,    "nats.url",                              nats_url,                       "nats://127.0.0.1:4222", "",      "",          "",               RESTART, "Servers of the broker, comma-separated. NATS_URL is honoured when STEAD_NATS_URL is not set.") \
    X(STRING,    "nats.credentials",                      nats_credentials,               "",               "",      "",          "",               RESTART, "File with NATS user credentials (.creds). NATS_CREDS is honoured when STEAD_NATS_CREDENTIALS is not set.") \
    X(STRING,    "nats.name",                             nats_name,                      "stead",          "",      "",          "",               RESTART, "Name of the connections as the broker shows it.") \
    X(STRING,    "nats.tls.ca",                           nats_tls_ca,                    "",               "",      "",          "",               RESTART, "File with the certificates that the broker's certificate must lead to.") \
    X(STRING,    "nats.tls.cert",                         nats_tls_certificate,           "",               "",      "",          "",               RESTART, "File with our certificate, for brokers that ask for one; with nats.tls.key.") \
    X(STRING,    "nats.tls.key",                          nats_tls_key,                   "",               "",      "",          "",               RESTART, "File with the key of nats.tls.cert.") \
    X(INTEGER,   "nats.queue.maxDeliver",                 nats_queue_deliveries_max,      "-1",             "-1",    "101",       "",               LIVE,    "Attempts in all, the first included; functions.maxRetries is one less. -1: as functions.maxRetries says.") \
    X(STRING,    "service.name",                          service_name,                   "",               "",      "",          "",               RESTART, "Id of this instance: a-z, 0-9 and '-', at most 40 characters. Generated when empty.") \
    X(INTEGER,   "service.slots",                         service_slots,                  "64",             "1",     "4096",      "",               RESTART, "Invocations that this instance runs at once.") \
    X(LIST,      "service.languages",                     service_languages,              "[bin, c, go, js, python]", "",      "",          "bin|c|go|js|python", RESTART, "Languages that this instance serves. One whose toolchain is missing is reported and not served.") \
    X(DURATION,  "service.shutdownGrace",                 service_shutdown_grace_ns,      "25s",            "0",     "1h",        "",               LIVE,    "How long a stopping instance waits for running invocations.") \
    X(INTEGER,   "service.instances.min",                 service_instances_min,          "1",              "0",     "1000",      "",               RESTART, "Instances of the service at least; start as many.") \
    X(INTEGER,   "service.instances.max",                 service_instances_max,          "10",             "1",     "1000",      "",               RESTART, "Instances of the service at most.") \
    X(CHOICE,    "service.routing.strategy",              service_routing_strategy,       "round-robin",    "",      "",          "round-robin|random|least-loaded|least-connections", RESTART, "How requests spread over instances. Instances pull what they have room for, so all of these mean the same: those that are free share the work.") \
    X(BOOL,      "service.routing.languageBased",         service_routing_language_based, "true",           "",      "",          "",               RESTART, "Requests go only to instances that serve their language.") \
    X(ADDRESSES, "grpc.listen",                           grpc_listen,                    "127.0.0.1:7600", "",      "",          "",               RESTART, "Addresses of the gRPC service: host:port or unix:/path. Port 0 picks a free one.") \
    X(BOOL,      "grpc.allowPlaintext",                   grpc_allow_plaintext,           "false",          "",      "",          "",               RESTART, "Allow gRPC without TLS on addresses other than loopback.") \
    X(INTEGER,   "grpc.maxInFlight",                      grpc_in_flight_max,             "4096",           "1",     "65536",     "",               RESTART, "Calls in progress; more are refused with RESOURCE_EXHAUSTED.") \
    X(INTEGER,   "grpc.maxConnections",                   grpc_connections_max,           "1024",           "1",     "65536",     "",               RESTART, "Open client connections.") \
    X(DURATION,  "grpc.maxDeadline",                      grpc_deadline_ns_max,           "90s",            "1s",    "1h",        "",               LIVE,    "Longest deadline of a call; longer ones and none at all count as this. At most results.retention.") \
    X(BOOL,      "grpc.reflection",                       grpc_reflection,                "true",           "",      "",          "",               RESTART, "Tell clients which services there are.") \
    X(INTEGER,   "grpc.maxCallsPerConnection",            grpc_calls_per_connection_max,  "128",            "1",     "4096",      "",               RESTART, "Calls at once on one connection; more wait in the client.") \
    X(DURATION,  "grpc.keepaliveTime",                    grpc_keepalive_ns,              "2m",             "1s",    "24h",       "",               RESTART, "Silence after which a client is asked whether it is still there.") \
    X(DURATION,  "grpc.keepaliveTimeout",                 grpc_keepalive_timeout_ns,      "20s",            "1s",    "1h",        "",               RESTART, "How long it may take to answer; then the connection is closed.") \
    X(DURATION,  "grpc.minPingInterval",                  grpc_ping_interval_ns_min,      "10s",            "0",     "1h",        "",               RESTART, "Clients that ping more often are disconnected.") \
    X(DURATION,  "grpc.maxConnectionAge",                 grpc_connection_age_ns_max,     "0",              "0",     "168h",      "",               RESTART, "Age at which a connection is closed gently, so that clients spread anew; 0 is never.") \
    X(DURATION,  "grpc.bodyTimeout",                      grpc_body_timeout_ns,           "30s",            "100ms", "1h",        "",               RESTART, "How long a client may take to send its message.") \
    X(ADDRESS,   "http.listen",                           http_listen,                    "127.0.0.1:7601", "",      "",          "",               RESTART, "Address of /livez, /readyz and /metrics. Port 0 picks a free one.") \
    X(BOOL,      "http.allowRemote",                      http_allow_remote,              "false",          "",      "",          "",               RESTART, "Allow http.listen on addresses other than loopback.") \
    X(SIZE,      "limits.eventSize",                      limits_event_bytes,             "960Ki",          "64Ki",  "64Mi",      "",               RESTART, "Largest event, attributes and data together. Must lie below the broker's max_payload less 64 KiB for headers.") \
    X(SIZE,      "limits.resultSize",                     limits_result_bytes,            "960Ki",          "64Ki",  "64Mi",      "",               RESTART, "Largest result, attributes and data together.") \
    X(SIZE,      "limits.bufferSize",                     limits_buffer_bytes,            "64Mi",          "16Mi",  "64Gi",      "",               RESTART, "Memory for the payloads of all requests in progress.") \
    X(DURATION,  "functions.timeout",                     functions_timeout_ns,           "30s",            "1ms",   "1h",        "",               LIVE,    "Longest execution of one attempt.") \
    X(INTEGER,   "functions.maxRetries",                  functions_retries_max,          "3",              "0",     "100",       "",               LIVE,    "Attempts after the first that failed.") \
    X(DURATION,  "functions.retry.base",                  functions_retry_base_ns,        "100ms",          "1ms",   "1h",        "",               LIVE,    "Wait before the first retry; it doubles with each.") \
    X(DURATION,  "functions.retry.max",                   functions_retry_max_ns,         "30s",            "1ms",   "24h",       "",               LIVE,    "Longest wait before a retry.") \
    X(CHOICE,    "functions.retry.jitter",                functions_retry_jitter,         "full",           "",      "",          "full|none|equal|decorrelated", LIVE,    "How the wait is spread, so that retries do not come in waves.") \
    X(INTEGER,   "functions.retries.error",                     functions_retries_error,        "100",            "0",     "100",      "",               LIVE,    "Of functions.maxRetries, so many after an error that may pass.") \
    X(INTEGER,   "functions.retries.throttled",                 functions_retries_throttled,    "100",            "0",     "100",      "",               LIVE,    "Of functions.maxRetries, so many after the function asked for patience.") \
    X(INTEGER,   "functions.retries.timeout",                   functions_retries_timeout,      "100",            "0",     "100",      "",               LIVE,    "Of functions.maxRetries, so many after a time-out.") \
    X(INTEGER,   "functions.retries.crash",                     functions_retries_crash,        "100",            "0",     "100",      "",               LIVE,    "Of functions.maxRetries, so many after a crash of its process.") \
    X(INTEGER,   "functions.retries.outOfMemory",               functions_retries_out_of_memory, "1",              "0",     "100",      "",               LIVE,    "Of functions.maxRetries, so many after its process ran out of memory.") \
    X(INTEGER,   "functions.retries.invalidOutput",             functions_retries_invalid_output, "100",            "0",     "100",      "",               LIVE,    "Of functions.maxRetries, so many after its process broke the plugin protocol.") \
    X(INTEGER,   "functions.retries.notStarted",                functions_retries_not_started,  "100",            "0",     "100",      "",               LIVE,    "Of functions.maxRetries, so many after no process of it came up.") \
    X(INTEGER,   "functions.quarantine.crashes",                functions_quarantine_crashes,   "10",             "0",     "10000",    "",               LIVE,    "Crashes in a row, of more than one request, that put a function into quarantine: for a while it is not run and what is queued becomes dead letters. 0: never.") \
    X(DURATION,  "functions.quarantine.window",                 functions_quarantine_window_ns, "1m",             "1s",    "24h",      "",               LIVE,    "Time within which they count together.") \
    X(DURATION,  "functions.quarantine.base",                   functions_quarantine_base_ns,   "10s",            "100ms", "24h",      "",               LIVE,    "How long the first quarantine lasts; it doubles with each that follows without an answer in between.") \
    X(DURATION,  "functions.quarantine.max",                    functions_quarantine_max_ns,    "10m",            "100ms", "168h",     "",               LIVE,    "How long one lasts at most.") \
    X(INTEGER,   "functions.maxWorkers",                  functions_workers_max,          "8",              "1",     "1024",      "",               LIVE,    "Worker processes of one function on one instance.") \
    X(INTEGER,   "functions.concurrency",                 functions_concurrency,          "1",              "1",     "1024",      "",               LIVE,    "Invocations that one worker runs at once.") \
    X(BOOL,      "functions.adaptiveConcurrency",         functions_concurrency_adapts,   "false",          "",      "",          "",               LIVE,    "Let an instance run less of a function at once, down to functions.minConcurrency, while that is better for it: its executions take longer the more of them run, or are throttled, time out or run out of memory.") \
    X(INTEGER,   "functions.minConcurrency",              functions_concurrency_min,      "1",              "1",     "1024",      "",               LIVE,    "Executions of a function that an instance runs at once however overloaded it is, with functions.adaptiveConcurrency.") \
    X(DURATION,  "functions.keepAlive",                   functions_keep_alive_ns,        "10m",            "0",     "168h",      "",               LIVE,    "How long an idle worker stays warm.") \
    X(DURATION,  "functions.startTimeout",                functions_start_timeout_ns,     "10s",            "100ms", "10m",       "",               LIVE,    "Longest time from spawning a worker until it is ready.") \
    X(DURATION,  "functions.stopTimeout",                 functions_stop_timeout_ns,      "2s",             "100ms", "5m",        "",               LIVE,    "Time that a worker gets to stop by itself before it is killed.") \
    X(DURATION,  "functions.holdMax",                     functions_hold_ns_max,          "5s",             "0",     "5m",        "",               LIVE,    "How long a delivered request may wait here for a free worker before it is handed back.") \
    X(SIZE,      "functions.memory",                      functions_memory_bytes,         "512Mi",          "0",     "1Ti",       "",               LIVE,    "Memory limit of one worker; 0 is none.") \
    X(CPU,       "functions.cpu",                         functions_cpu_milli,            "0",              "0",     "1024",      "",               LIVE,    "CPUs that one worker is meant to use, such as 0.5 or 500m; 0 says nothing. Nothing enforces it: see docs/adr/0011-configuration.md.") \
    X(INTEGER,   "functions.versionsKept",                functions_versions_kept,        "10",             "1",     "64",        "",               LIVE,    "Versions of a function that are kept for a rollback.") \
    X(INTEGER,   "queue.maxPending",                      queue_pending_max,              "10000",          "1",     "10000000",  "",               RESTART, "Requests waiting at the broker; more are refused.") \
    X(DURATION,  "queue.maxAge",                          queue_age_ns_max,               "1h",             "1m",    "720h",      "",               RESTART, "How long the broker keeps a request that nobody takes.") \
    X(DURATION,  "queue.ackWait",                         queue_ack_wait_ns,              "10s",            "1s",    "10m",       "",               RESTART, "Silence after which the broker gives a request to another instance.") \
    X(DURATION,  "queue.timeout",                         queue_timeout_ns,               "50m",            "100ms", "24h",       "",               RESTART, "Longest wait of a request that brought no deadline of its own; then it ends as expired. Below queue.maxAge.") \
    X(DURATION,  "queue.sweepInterval",                   queue_sweep_ns,                 "10s",            "1s",    "10m",       "",               LIVE,    "How often the sweeper looks at a queue that no instance takes from, to end what is over.") \
    X(DURATION,  "results.retention",                     results_retention_ns,           "2m",             "10s",   "168h",      "",               RESTART, "How long a result is kept; within this time an id has at most one.") \
    X(INTEGER,   "results.maxCount",                      results_count_max,              "1000000",        "1000",  "100000000", "",               RESTART, "Results kept at once; at least the request rate times results.retention.") \
    X(INTEGER,   "storage.replicas",                      storage_replicas,               "1",              "1",     "5",         "",               RESTART, "Copies that the broker keeps of streams and buckets; needs as many servers.") \
    X(CHOICE,    "storage.type",                          storage_type,                   "file",           "",      "",          "file|memory",    RESTART, "Where the broker keeps them.") \
    X(STRING,    "store.directory",                       store_directory,                "/var/lib/stead", "",      "",          "",               RESTART, "Folder for built functions and what else this instance keeps.") \
    X(BOOL,      "journal.enabled",                       journal_enabled,                "true",           "",      "",          "",               RESTART, "Record what the service decides by, without payloads, in store.directory/journal, for `stead replay`.") \
    X(SIZE,      "journal.size",                          journal_bytes,                  "128Mi",          "64Mi",  "64Gi",      "",               RESTART, "Disk space of the journal, taken at the start; the oldest part is written over.") \
    X(INTEGER,   "journal.files",                         journal_files,                  "4",              "2",     "16",        "",               RESTART, "Files that make up the journal.") \
    X(CHOICE,    "log.level",                             log_level,                      "info",           "",      "",          "debug|info|warn|error", LIVE,    "Least important record that is written.") \
    X(CHOICE,    "log.format",                            log_format,                     "auto",           "",      "",          "auto|logfmt|json", RESTART, "Form of a record; auto is logfmt on a terminal and JSON otherwise.") \
    X(DURATION,  "build.timeout",                         build_timeout_ns,               "2m",             "1s",    "1h",        "",               LIVE,    "Longest build of one function.") \
    X(SIZE,      "build.memory",                          build_memory_bytes,             "1Gi",            "64Mi",  "1Ti",       "",               LIVE,    "Memory limit of a build.") \
    X(BOOL,      "build.allowNetwork",                    build_allow_network,            "false",          "",      "",          "",               LIVE,    "Let builds of functions that declare packages or modules fetch them.") \
    X(BOOL,      "function.languages.bin.enabled",        language_enabled_bin,           "true",           "",      "",          "",               RESTART, "false takes bin out of service.languages.") \
    X(STRING,    "function.languages.bin.version",        language_version_bin,           "",               "",      "",          "",               RESTART, "Version of the toolchain that functions expect, such as 1.2; a warning tells when it is another.") \
    X(BOOL,      "function.languages.c.enabled",          language_enabled_c,             "true",           "",      "",          "",               RESTART, "false takes c out of service.languages.") \
    X(STRING,    "function.languages.c.version",          language_version_c,             "",               "",      "",          "",               RESTART, "Version of the toolchain that functions expect, such as 1.2; a warning tells when it is another.") \
    X(BOOL,      "function.languages.go.enabled",         language_enabled_go,            "true",           "",      "",          "",               RESTART, "false takes go out of service.languages.") \
    X(STRING,    "function.languages.go.version",         language_version_go,            "",               "",      "",          "",               RESTART, "Version of the toolchain that functions expect, such as 1.2; a warning tells when it is another.") \
    X(BOOL,      "function.languages.js.enabled",         language_enabled_js,            "true",           "",      "",          "",               RESTART, "false takes js out of service.languages.") \
    X(STRING,    "function.languages.js.version",         language_version_js,            "",               "",      "",          "",               RESTART, "Version of the toolchain that functions expect, such as 1.2; a warning tells when it is another.") \
    X(BOOL,      "function.languages.python.enabled",     language_enabled_python,        "true",           "",      "",          "",               RESTART, "false takes python out of service.languages.") \
    X(STRING,    "function.languages.python.version",     language_version_python,        "",               "",      "",          "",               RESTART, "Version of the toolchain that functions expect, such as 1.2; a warning tells when it is another.") \
    X(BOOL,      "runtime.longLived.enabled",             long_lived_enabled,             "false",          "",      "",          "",               RESTART, "Run long-lived functions. This version does not: true changes nothing.") \
    X(DURATION,  "runtime.longLived.stateSyncInterval",   long_lived_state_sync_ns,       "30s",            "100ms", "24h",       "",               RESTART, "Time between two saves of the state of a long-lived function.") \
    X(DURATION,  "runtime.longLived.recoveryTimeout",     long_lived_recovery_timeout_ns, "5m",             "1s",    "24h",       "",               RESTART, "Time within which maxRetries recoveries count together.") \
    X(INTEGER,   "runtime.longLived.maxRetries",          long_lived_retries_max,         "3",              "0",     "100",       "",               RESTART, "Recoveries before a long-lived function counts as failed.") \
    X(DURATION,  "runtime.longLived.healthCheckInterval", long_lived_health_interval_ns,  "10s",            "1s",    "1h",        "",               RESTART, "Time between two checks that a long-lived function is alive.") \
    X(INTEGER,   "runtime.longLived.maxInstances",        long_lived_instances_max,       "64",             "1",     "1024",      "",               RESTART, "Long-lived functions that this instance runs at once.")

#define MANIFEST_KEYS(X) \
    X(CHOICE,   "apiVersion",                       api_version,              "stead/v1", "",      "",     "stead/v1", LIVE, "Version of this form.") \
    X(CHOICE,   "kind",                             kind,                     "Function", "",      "",     "Function", LIVE, "What the file describes.") \
    X(STRING,   "metadata.name",                    name,                     "",         "",      "",     "",         LIVE, "The function's name, ^[a-z][a-z0-9_-]{0,62}$; the folder's name when absent.") \
    X(PAIRS,    "metadata.labels",                  labels,                   "",         "",      "",     "",         LIVE, "Marks of your own, such as team: search. They are checked and steer nothing.") \
    X(STRING,   "spec.language",                    language,                 "",         "",      "",     "",         LIVE, "bin, c, go, js or python; found by content when absent.") \
    X(WORDS,    "spec.command",                     command,                  "",         "",      "",     "",         LIVE, "Program and arguments of a prebuilt executable (language bin), relative to the folder.") \
    X(DURATION, "spec.timeout",                     timeout_ns,               "30s",      "1ms",   "1h",   "",         LIVE, "Longest execution of one attempt.") \
    X(INTEGER,  "spec.maxRetries",                  retries_max,              "3",        "0",     "100",  "",         LIVE, "Attempts after the first that failed.") \
    X(INTEGER,  "spec.concurrency",                 concurrency,              "1",        "1",     "1024", "",         LIVE, "Invocations that one worker runs at once.") \
    X(INTEGER,  "spec.maxWorkers",                  workers_max,              "8",        "1",     "1024", "",         LIVE, "Worker processes on one instance.") \
    X(INTEGER,  "spec.maxPending",                  pending_max,              "0",        "0",     "10000000", "",     LIVE, "Requests of the function that may be queued, over all instances; more are refused. 0: only queue.maxPending bounds them.") \
    X(DURATION, "spec.maxAge",                      age_ns_max,               "0",        "0",     "24h",  "",         LIVE, "Calls are refused while the first request that nobody took yet has waited for longer; 0: no bound. What is queued stays so.") \
    X(SIZE,     "spec.maxSize",                     bytes_max,                "0",        "0",     "1Ti",  "",         LIVE, "Calls are refused while the queued requests take as much, estimated by the average of those seen; 0: no bound.") \
    X(BOOL,     "spec.adaptiveConcurrency",         concurrency_adapts,       "false",    "",      "",     "",         LIVE, "Run less of it at once, down to spec.minConcurrency, while its executions take longer the more of them run, or are throttled, time out or run out of memory.") \
    X(INTEGER,  "spec.minConcurrency",              concurrency_min,          "1",        "1",     "1024", "",         LIVE, "Executions that an instance runs at once however overloaded it is, with spec.adaptiveConcurrency.") \
    X(DURATION, "spec.keepAlive",                   keep_alive_ns,            "10m",      "0",     "168h", "",         LIVE, "How long an idle worker stays warm.") \
    X(SIZE,     "spec.memory",                      memory_bytes,             "512Mi",    "0",     "1Ti",  "",         LIVE, "Memory limit of one worker; 0 is none.") \
    X(DURATION, "spec.retry.base",                  retry_base_ns,            "0",        "0",     "1h",    "",         LIVE, "Wait before the first retry; 0: what the instance says (functions.retry.base).") \
    X(DURATION, "spec.retry.max",                   retry_max_ns,             "0",        "0",     "24h",   "",         LIVE, "Longest wait before a retry; 0: functions.retry.max.") \
    X(CHOICE,   "spec.retry.jitter",                retry_jitter,             "inherit",  "",      "",      "inherit|full|none|equal|decorrelated", LIVE, "How the wait is spread; inherit: functions.retry.jitter.") \
    X(INTEGER,  "spec.retries.error",               retries_error,            "100",      "0",     "100",   "",         LIVE, "Of spec.maxRetries, so many after an error that may pass.") \
    X(INTEGER,  "spec.retries.throttled",           retries_throttled,        "100",      "0",     "100",   "",         LIVE, "Of spec.maxRetries, so many after the function asked for patience.") \
    X(INTEGER,  "spec.retries.timeout",             retries_timeout,          "100",      "0",     "100",   "",         LIVE, "Of spec.maxRetries, so many after a time-out.") \
    X(INTEGER,  "spec.retries.crash",               retries_crash,            "100",      "0",     "100",   "",         LIVE, "Of spec.maxRetries, so many after a crash of its process.") \
    X(INTEGER,  "spec.retries.outOfMemory",         retries_out_of_memory,    "1",        "0",     "100",   "",         LIVE, "Of spec.maxRetries, so many after its process ran out of memory.") \
    X(INTEGER,  "spec.retries.invalidOutput",       retries_invalid_output,   "100",      "0",     "100",   "",         LIVE, "Of spec.maxRetries, so many after its process broke the plugin protocol.") \
    X(INTEGER,  "spec.retries.notStarted",          retries_not_started,      "100",      "0",     "100",   "",         LIVE, "Of spec.maxRetries, so many after no process of it came up.") \
    X(BOOL,     "spec.longLived.enabled",           long_lived,               "true",     "",      "",     "",         LIVE, "Keep state between events. This version refuses such functions.") \
    X(DURATION, "spec.longLived.stateSyncInterval", long_lived_state_sync_ns, "30s",      "100ms", "24h",  "",         LIVE, "Time between two saves of the state.") \
    X(DURATION, "spec.longLived.recoveryTimeout",   long_lived_recovery_ns,   "5m",       "1s",    "24h",  "",         LIVE, "Time within which its maxRetries recoveries count together.") \
    X(INTEGER,  "spec.longLived.maxRetries",        long_lived_retries_max,   "3",        "0",     "100",  "",         LIVE, "Recoveries before it counts as failed.") \
    X(PAIRS,    "spec.env",                         env,                      "",         "",      "",     "",         LIVE, "Environment variables of the worker.")
/* clang-format on */

#endif
