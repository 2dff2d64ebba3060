/* Options that several commands share, as rows of their tables (commands.c); NO_OPTION ends a table. */
#ifndef STEAD_CLI_OPTIONS_H
#define STEAD_CLI_OPTIONS_H

#define NO_OPTION                                                                                                      \
    {                                                                                                                  \
        NULL, 0, NULL, NULL                                                                                            \
    }
#define OPTION_JSON                                                                                                    \
    {                                                                                                                  \
        "json", 0, NULL, "print JSON on stdout"                                                                        \
    }
#define OPTION_ADDR                                                                                                    \
    {                                                                                                                  \
        "addr", 'a', "ADDR", "where Stead is; STEAD_ADDR, else 127.0.0.1:7600"                                         \
    }
#define OPTION_CONFIG                                                                                                  \
    {                                                                                                                  \
        "config", 'c', "FILE", "configuration file; STEAD_CONFIG otherwise"                                            \
    }
#define OPTION_GRPC                                                                                                    \
    {                                                                                                                  \
        "grpc", 0, "ADDR", "address of the gRPC service; port 0 picks a free one"                                      \
    }
#define OPTION_HTTP                                                                                                    \
    {                                                                                                                  \
        "http", 0, "ADDR", "address of /metrics, /livez and /readyz; port 0 picks a free one"                          \
    }
#define OPTION_PORTS                                                                                                   \
    {                                                                                                                  \
        "ports-file", 0, "FILE", "write {\"grpc\", \"http\", \"nats\"} there once everything is ready"                 \
    }
#define OPTION_SET                                                                                                     \
    {                                                                                                                  \
        "set", 's', "KEY=VALUE", "any key of the configuration; may be repeated"                                       \
    }
#define OPTION_WAIT                                                                                                    \
    {                                                                                                                  \
        "wait", 'w', NULL, "until every instance has it ready and runs nothing older"                                  \
    }
#define OPTION_TIMEOUT(otherwise)                                                                                      \
    {                                                                                                                  \
        "timeout", 0, "TIME", "how long to wait, such as 500ms or 5s; " otherwise " otherwise"                         \
    }

#define OPTIONS_EVENT                                                                                                  \
    { "data", 'd', "DATA", "the event's data: text, @FILE, or - for stdin" },                                          \
        { "content-type", 0, "TYPE", "of the data; JSON, text or bytes by content otherwise" },                        \
        { "type", 't', "TYPE", "the event's type; stead.invoke.v1 otherwise" },                                        \
        { "source", 0, "SOURCE", "the event's source; stead:cli otherwise" },                                          \
    {                                                                                                                  \
        "id", 0, "ID", "the event's id; the same id and source again get the first result"                             \
    }
#define LANGUAGES "bin|c|go|js|python"

#endif
