/* Other spellings: keys by which files written for the original configuration say what a key of ours says.
 *
 * X(how, path, target, why)
 *   how     what happens when two spellings of one key are given with different values at once
 *             SAME     an error: keep one
 *             LEAST    the smaller value holds (of storage types: file), and `stead config check` says so
 *             MOST     the larger value holds
 *           or what else the path is
 *             JOIN     like SAME; a list becomes one comma-separated text
 *             FIXED    may only be the text in `target`; `why` is the reason
 *             REFUSED  is not taken; `why` is the reason and the way out
 *             GROUPS   the list of queue groups (CONFIG_GROUP_KEYS)
 *   target  the key of config_keys.h that it sets
 *   why     completes "<one> and <other>: ", for LEAST and MOST */
#ifndef STEAD_ADAPTERS_CONFIG_SPELLINGS_H
#define STEAD_ADAPTERS_CONFIG_SPELLINGS_H

#define CONFIG_WHY_NAMES "all instances, the command line and other NATS clients find things by this name"

/* clang-format off */
#define CONFIG_SPELLINGS(X) \
    X(SAME,    "function.execution.timeout",     "functions.timeout",      "") \
    X(SAME,    "function.execution.memory",      "functions.memory",       "") \
    X(SAME,    "function.execution.cpu",         "functions.cpu",          "") \
    X(SAME,    "function.execution.maxRetries",  "functions.maxRetries",   "") \
    X(SAME,    "function.execution.concurrency", "functions.concurrency",  "") \
    X(SAME,    "function.languages",             "service.languages",      "") \
    X(SAME,    "function.languages.javascript.enabled", "function.languages.js.enabled", "") \
    X(SAME,    "function.languages.javascript.version", "function.languages.js.version", "") \
    X(SAME,    "runtime.plugin.startTimeout",    "functions.startTimeout", "") \
    X(SAME,    "runtime.plugin.stopTimeout",     "functions.stopTimeout",  "") \
    X(JOIN,    "nats.urls",                      "nats.url",               "") \
    X(REFUSED, "nats.user",                      "", "passwords do not belong into this file: name a .creds file in nats.credentials") \
    X(REFUSED, "nats.password",                  "", "passwords do not belong into this file: name a .creds file in nats.credentials") \
    X(REFUSED, "nats.token",                     "", "passwords do not belong into this file: name a .creds file in nats.credentials") \
    X(FIXED,   "nats.stream.name",               "functions",              CONFIG_WHY_NAMES) \
    X(FIXED,   "nats.stream.retention",          "workqueue",              "a request leaves the queue when its result is stored") \
    X(LEAST,   "nats.stream.maxAge",             "queue.maxAge",           "both are when the broker drops what nobody took") \
    X(LEAST,   "nats.stream.storage",            "storage.type",           "what was accepted must outlive a restart of the broker") \
    X(MOST,    "nats.stream.replicas",           "storage.replicas",       "both are the copies that the broker keeps") \
    X(LEAST,   "nats.queue.maxAge",              "queue.timeout",          "both are how long a request may wait") \
    X(LEAST,   "nats.queue.maxSize",             "queue.maxPending",       "both bound the one queue at the broker") \
    X(LEAST,   "nats.queue.ackWait",             "queue.ackWait",          "one value holds for all functions") \
    X(LEAST,   "nats.queue.storage",             "storage.type",           "what was accepted must outlive a restart of the broker") \
    X(MOST,    "nats.queue.replicas",            "storage.replicas",       "both are the copies that the broker keeps") \
    X(FIXED,   "nats.objectStore.bucket",        "function-code",          CONFIG_WHY_NAMES) \
    X(FIXED,   "nats.objectStore.name",          "function-code",          CONFIG_WHY_NAMES) \
    X(FIXED,   "nats.kv.bucket",                 "function-config",        CONFIG_WHY_NAMES) \
    X(FIXED,   "nats.kv.config",                 "function-config",        CONFIG_WHY_NAMES) \
    X(FIXED,   "nats.kv.state",                  "function-state",         CONFIG_WHY_NAMES) \
    X(SAME,    "service.queue.maxSize",          "grpc.maxInFlight",       "") \
    X(SAME,    "service.queue.timeout",          "grpc.maxDeadline",       "") \
    X(GROUPS,  "queue.groups",                   "",                       "") \
    X(LEAST,   "queue.settings.maxSize",         "queue.maxPending",       "both bound the one queue at the broker") \
    X(LEAST,   "queue.settings.maxAge",          "queue.maxAge",           "both are when the broker drops what nobody took") \
    X(LEAST,   "queue.settings.ackWait",         "queue.ackWait",          "one value holds for all functions") \
    X(LEAST,   "queue.settings.maxDeliver",      "nats.queue.maxDeliver",  "both count attempts") \
    X(LEAST,   "queue.settings.storage",         "storage.type",           "what was accepted must outlive a restart of the broker") \
    X(MOST,    "queue.settings.replicas",        "storage.replicas",       "both are the copies that the broker keeps") \
    X(FIXED,   "queue.settings.discard",         "new",                    "discarding old requests would drop what was accepted")

/* One entry of queue.groups: defaults for all functions of a language. X as in config_keys.h. */
#define CONFIG_GROUP_KEYS(X) \
    X(STRING,   "name",        name,           "",      "",      "",         "", LIVE,    "function.<language>: function.go, function.python, …") \
    X(DURATION, "timeout",     timeout_ns,     "30s",   "1ms",   "1h",       "", LIVE,    "Longest execution of one attempt.") \
    X(INTEGER,  "maxRetries",  retries_max,    "3",     "0",     "100",      "", LIVE,    "Attempts after the first that failed.") \
    X(INTEGER,  "maxDeliver",  deliveries_max, "-1",    "-1",    "101",      "", LIVE,    "Attempts in all, where no maxRetries is given.") \
    X(INTEGER,  "concurrency", concurrency,    "1",     "1",     "1024",     "", LIVE,    "Invocations that one worker runs at once.") \
    X(INTEGER,  "maxWorkers",  workers_max,    "8",     "1",     "1024",     "", LIVE,    "Worker processes of one function on one instance.") \
    X(DURATION, "keepAlive",   keep_alive_ns,  "10m",   "0",     "168h",     "", LIVE,    "How long an idle worker stays warm.") \
    X(SIZE,     "memory",      memory_bytes,   "512Mi", "0",     "1Ti",      "", LIVE,    "Memory limit of one worker; 0 is none.") \
    X(DURATION, "maxAge",      age_ns_max,     "50m",   "100ms", "24h",      "", RESTART, "One for all: the smallest that is given becomes queue.timeout.") \
    X(INTEGER,  "maxPending",  pending_max,    "1000",  "1",     "10000000", "", RESTART, "One for all: the sum becomes queue.maxPending, if that is not given.") \
    X(DURATION, "ackWait",     ack_wait_ns,    "10s",   "1s",    "10m",      "", RESTART, "One for all: the smallest that is given becomes queue.ackWait.")
/* clang-format on */

#endif
