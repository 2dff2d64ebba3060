/* Endpoints: copied for as long as a connection may be made again, and turned into options of nats.c. The library's own
 * reconnect is off: both connections decide themselves when to try again, and nothing may wait in its reconnect
 * buffer (a publish delivered after an outage would carry a stale budget). */
#include "adapters/nats/endpoint_options.h"

#include <stdlib.h>
#include <string.h>

static const char **endpoint_field(struct endpoint *endpoint, size_t index)
{
    const char **fields[] = { &endpoint->urls,
                              &endpoint->name,
                              &endpoint->inbox_prefix,
                              &endpoint->user,
                              &endpoint->password,
                              &endpoint->token,
                              &endpoint->credentials_file,
                              &endpoint->tls_ca_file,
                              &endpoint->tls_certificate_file,
                              &endpoint->tls_key_file };
    return index < sizeof fields / sizeof fields[0] ? fields[index] : NULL;
}

void endpoint_free(struct endpoint *copy)
{
    for (size_t i = 0; endpoint_field(copy, i) != NULL; i++) {
        free((void *)(uintptr_t)*endpoint_field(copy, i));
        *endpoint_field(copy, i) = NULL;
    }
}

bool endpoint_copy(const struct endpoint *endpoint, struct endpoint *ret_copy)
{
    struct endpoint from = *endpoint;
    struct endpoint copy = { 0 };
    for (size_t i = 0; endpoint_field(&from, i) != NULL; i++) {
        const char *text = *endpoint_field(&from, i);
        if (text == NULL || *text == '\0') {
            continue;
        }
        char *duplicate = strdup(text);
        if (duplicate == NULL) {
            endpoint_free(&copy);
            return false;
        }
        *endpoint_field(&copy, i) = duplicate;
    }
    *ret_copy = copy;
    return true;
}

/* Splits at commas in place; the order is kept, since the first server is the one the operator means. */
static natsStatus set_servers(natsOptions *options, const char *urls)
{
    const char *list[ENDPOINT_URLS_MAX];
    int count = 0;
    char *rest = NULL;
    char *copy = strdup(urls != NULL ? urls : "nats://127.0.0.1:4222");
    if (copy == NULL) {
        return NATS_NO_MEMORY;
    }
    for (char *url = strtok_r(copy, ", ", &rest); url != NULL; url = strtok_r(NULL, ", ", &rest)) {
        if (count == ENDPOINT_URLS_MAX) {
            free(copy);
            return NATS_INVALID_ARG;
        }
        list[count++] = url;
    }
    natsStatus status = count > 0 ? natsOptions_SetServers(options, list, count) : NATS_INVALID_ARG;
    free(copy);
    return status;
}

static natsStatus set_secrets(natsOptions *options, const struct endpoint *endpoint)
{
    natsStatus status = NATS_OK;
    if (endpoint->user != NULL) {
        status = natsOptions_SetUserInfo(options, endpoint->user, endpoint->password != NULL ? endpoint->password : "");
    }
    if (status == NATS_OK && endpoint->token != NULL) {
        status = natsOptions_SetToken(options, endpoint->token);
    }
    if (status == NATS_OK && endpoint->credentials_file != NULL) {
        status = natsOptions_SetUserCredentialsFromFiles(options, endpoint->credentials_file, NULL);
    }
    return status;
}

static natsStatus set_tls(natsOptions *options, const struct endpoint *endpoint)
{
    natsStatus status = NATS_OK;
    if (endpoint->tls_ca_file != NULL) {
        status = natsOptions_SetSecure(options, true);
        if (status == NATS_OK) {
            status = natsOptions_LoadCATrustedCertificates(options, endpoint->tls_ca_file);
        }
    }
    if (status == NATS_OK && endpoint->tls_certificate_file != NULL && endpoint->tls_key_file != NULL) {
        status = natsOptions_LoadCertificatesChain(options, endpoint->tls_certificate_file, endpoint->tls_key_file);
    }
    return status;
}

natsStatus endpoint_options(const struct endpoint *endpoint, natsOptions **ret_options)
{
    natsOptions *options = NULL;
    natsStatus status = natsOptions_Create(&options);
    if (status == NATS_OK) {
        status = set_servers(options, endpoint->urls);
    }
    if (status == NATS_OK && endpoint->name != NULL) {
        status = natsOptions_SetName(options, endpoint->name);
    }
    if (status == NATS_OK && endpoint->inbox_prefix != NULL) {
        status = natsOptions_SetCustomInboxPrefix(options, endpoint->inbox_prefix);
    }
    if (status == NATS_OK) {
        status = set_secrets(options, endpoint);
    }
    if (status == NATS_OK) {
        status = set_tls(options, endpoint);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetAllowReconnect(options, false);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetSendAsap(options, true);
    }
    if (status != NATS_OK) {
        natsOptions_Destroy(options);
        return status;
    }
    *ret_options = options;
    return NATS_OK;
}
