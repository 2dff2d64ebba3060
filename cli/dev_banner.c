/* Lines with a label of one width, so that addresses and functions stand below each other. What the user can type next
 * is made from what is there: an address other than the default is exported first. */
#include "cli/dev_banner.h"

#include "cli/say.h"

#include <stdarg.h>
#include <string.h>

static void banner_line(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void banner_line(const char *label, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s%-8s%s ", say_colour(stderr, COLOUR_BOLD), label, say_colour(stderr, COLOUR_NONE));
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void dev_banner_place(const struct dev_place *place)
{
    banner_line("grpc", "%s", place->grpc);
    banner_line("http", "http://%s/metrics  /livez  /readyz", place->http);
    banner_line("nats", "%s  (%s)", place->nats, place->own_nats ? "own child, stops with this" : "not ours, stays");
    banner_line("store", "%s  (kept for the next time%s)", place->store,
                place->own_nats ? "" : ", as is what that broker has");
}

void dev_banner_function(const struct dev_function *function)
{
    if (function->ready) {
        fprintf(stderr, "%s%-8s%s %s, ready in ", say_colour(stderr, COLOUR_GREEN), function->name,
                say_colour(stderr, COLOUR_NONE), function->language);
        say_ms(stderr, function->ms);
        fprintf(stderr, "   nats: function.%s.%s\n", function->language, function->name);
        return;
    }
    fprintf(stderr, "%s%-8s%s %s%snot ready: ", say_colour(stderr, COLOUR_RED), function->name,
            say_colour(stderr, COLOUR_NONE), function->language, function->language[0] == '\0' ? "" : ", ");
    say_text(stderr, say_trimmed(bytes_of(function->message == NULL ? "out of memory" : function->message)));
    fputc('\n', stderr);
}

void dev_banner_change(const char *change, bool ready, bool serving, double ms, const char *message)
{
    say_text(stderr, bytes_of(change));
    if (ready) {
        fprintf(stderr, " → %sready%s in ", say_colour(stderr, COLOUR_GREEN), say_colour(stderr, COLOUR_NONE));
        say_ms(stderr, ms);
        fputc('\n', stderr);
        return;
    }
    fprintf(stderr, " → %snot ready%s%s:\n", say_colour(stderr, COLOUR_RED), say_colour(stderr, COLOUR_NONE),
            serving ? ", the version before goes on" : "");
    say_text(stderr, say_trimmed(bytes_of(message)));
    fputc('\n', stderr);
}

void dev_banner_next(const char *grpc, const struct dev_functions *functions)
{
    const struct dev_function *first = NULL;
    const char *standard = strcmp(grpc, "127.0.0.1:7600") == 0 ? "" : grpc;
    for (size_t i = 0; first == NULL && i < functions->count; i++) {
        first = functions->list[i]->ready ? functions->list[i] : NULL;
    }
    if (standard[0] != '\0') {
        say_next("export STEAD_ADDR=%s", standard);
    }
    if (first != NULL) {
        say_next("stead invoke %s -d %s", first->name, first->example);
        say_next("stead function ls");
    } else {
        say_next("stead new hello --language python   (what comes into a folder here is deployed)");
    }
    say("%sCtrl-C stops everything%s", say_colour(stderr, COLOUR_DIM), say_colour(stderr, COLOUR_NONE));
}
