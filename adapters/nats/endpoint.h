/* Where the broker is and who we are: what both connections (bus.h, broker.h) need to reach it.
 *
 * All strings are borrowed for the call that takes the endpoint and copied there. NULL or "" means "not set". */
#ifndef STEAD_ADAPTERS_NATS_ENDPOINT_H
#define STEAD_ADAPTERS_NATS_ENDPOINT_H

struct endpoint {
    const char *urls;         /* one or more, comma-separated: "nats://127.0.0.1:4222" */
    const char *name;         /* shown by the broker's connection list */
    const char *inbox_prefix; /* "_INBOX.stead.<instance>", without a trailing dot; NULL: the library's */
    const char *user;
    const char *password;
    const char *token;
    const char *credentials_file; /* a .creds file: user JWT and seed */
    const char *tls_ca_file;
    const char *tls_certificate_file; /* with tls_key_file, for client certificates */
    const char *tls_key_file;
};

#endif
