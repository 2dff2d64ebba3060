/* The watch only says that something happened. Then, after QUIET_MS without more, all folders are looked at anew and
 * compared with how they were when they were deployed last: nothing depends on which events came, in which order, or
 * whether some were lost. Without inotify the same look is taken every POLL_MS.
 *
 * Editors and `git checkout` replace files by removing them first, so a folder that holds no function any more is given
 * GONE_MS before it counts as removed. */
#include "cli/dev_reload.h"

#include "cli/dev_banner.h"
#include "cli/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUIET_MS = 80,
    BUSY_MS = 1000,
    POLL_MS = 1000,
    GONE_MS = 1500,
    WAIT_MS_MAX = 1000,
    SLOW_MS = 3000,
    LABEL_BYTES = 104
};

static uint64_t in_ms(uint64_t ms)
{
    return loop_now_ns() + ms * 1000000;
}

/* The folder's name with a slash behind it, as people know it. */
static void label_of(const struct dev_function *function, char ret_label[LABEL_BYTES])
{
    char *real = realpath(function->directory, NULL); /* "." has a name too */
    const char *directory = real == NULL ? function->directory : real;
    const char *slash = strrchr(directory, '/');
    snprintf(ret_label, LABEL_BYTES, "%.100s/", slash == NULL ? directory : slash + 1);
    free(real);
}

/* The thread begins with what is marked; who waits hears of it if one function takes long. */
static bool work_begin(struct dev_reload *reload)
{
    reload->shown = 0;
    reload->slow_ns = in_ms(SLOW_MS);
    return dev_functions_run(reload->functions);
}

/* -- looking ------------------------------------------------------------------------------------------------------- */

static void changed(void *owner)
{
    struct dev_reload *reload = owner;
    uint64_t quiet = in_ms(QUIET_MS);
    reload->first_ns = reload->first_ns == 0 ? loop_now_ns() : reload->first_ns;
    uint64_t latest = reload->first_ns + (uint64_t)BUSY_MS * 1000000;
    reload->due_ns = quiet < latest ? quiet : latest;
}

static void due_at_the_latest(struct dev_reload *reload, uint64_t at_ns)
{
    reload->due_ns = at_ns < reload->due_ns ? at_ns : reload->due_ns;
}

static void folder_seen(void *owner, const char *directory)
{
    struct dev_reload *reload = owner;
    if (reload->settled) {
        dev_watch_add(&reload->watch, directory);
    }
}

/* Compares it with what was deployed; marks a deploy if something is different. */
static void function_compare(struct dev_reload *reload, struct dev_function *function)
{
    struct dev_tree now = { 0 };
    const char *first;
    char label[LABEL_BYTES];
    dev_tree_read(&now, function->directory, folder_seen, reload);
    size_t count = dev_tree_difference(&function->tree, &now, &first);
    if (count > 0 && function->work == DEV_WORK_NONE) {
        label_of(function, label);
        function->work = DEV_WORK_DEPLOY;
        if (count > 1) {
            snprintf(function->change, sizeof function->change, "changed %s%.150s and %zu more", label, first,
                     count - 1);
        } else {
            snprintf(function->change, sizeof function->change, "changed %s%.150s", label, first);
        }
    }
    dev_tree_free(&function->tree);
    function->tree = now;
}

static void found(void *owner, const char *directory)
{
    struct dev_reload *reload = owner;
    size_t before = reload->functions->count;
    struct dev_function *function = dev_functions_add(reload->functions, directory);
    if (function == NULL) {
        say_error("%s: only %d functions are followed here; deploy it by stead deploy", directory, DEV_FUNCTIONS_MAX);
        return;
    }
    function->seen = true;
    function->gone_ns = 0;
    if (reload->functions->count > before) {
        char label[LABEL_BYTES];
        label_of(function, label);
        snprintf(function->change, sizeof function->change, "new %s", label);
    }
    function_compare(reload, function);
}

static void gone_check(struct dev_reload *reload, struct dev_function *function)
{
    char label[LABEL_BYTES];
    if (function->gone_ns == 0) {
        function->gone_ns = in_ms(GONE_MS);
    }
    if (loop_now_ns() < function->gone_ns) {
        due_at_the_latest(reload, function->gone_ns);
        return;
    }
    label_of(function, label);
    if (function->serving && function->added) {
        snprintf(function->change, sizeof function->change, "removed %s", label);
        function->work = DEV_WORK_REMOVE;
        return;
    }
    if (function->serving) {
        say("removed %s → %s stays in service, it was there before: stead function rm %s", label, function->name,
            function->name);
    } else {
        say("removed %s", label);
    }
    dev_functions_drop(reload->functions, function);
}

static void look(struct dev_reload *reload)
{
    struct dev_functions *functions = reload->functions;
    reload->first_ns = 0;
    reload->due_ns = UINT64_MAX;
    for (size_t i = 0; i < functions->count; i++) {
        functions->list[i]->seen = false;
    }
    for (size_t i = 0; i < reload->root_count; i++) {
        if (!dev_functions_look(reload->roots[i], found, folder_seen, reload)) {
            due_at_the_latest(reload, in_ms(POLL_MS)); /* No watch tells when a folder that is gone comes back. */
        }
    }
    for (size_t i = functions->count; i > 0; i--) {
        if (!functions->list[i - 1]->seen) {
            gone_check(reload, functions->list[i - 1]);
        }
    }
    if (reload->watch.polling) {
        due_at_the_latest(reload, in_ms(POLL_MS));
    }
    work_begin(reload);
}

/* -- showing ------------------------------------------------------------------------------------------------------- */

static void finished_show(struct dev_reload *reload, struct dev_function *function)
{
    const char *message = function->message == NULL ? "out of memory" : function->message;
    enum dev_work work = function->work;
    function->work = DEV_WORK_NONE;
    if (!reload->settled) {
        dev_banner_function(function);
    } else if (work == DEV_WORK_DEPLOY) {
        dev_banner_change(function->change, function->ready, function->serving, function->ms, message);
    } else if (function->removed) {
        say("%s → %s is out of service", function->change, function->name);
    } else {
        dev_banner_change(function->change, false, true, function->ms, message);
    }
}

static void slow_show(struct dev_reload *reload)
{
    char label[LABEL_BYTES];
    if (loop_now_ns() < reload->slow_ns) {
        return;
    }
    label_of(reload->functions->list[reload->functions->todo[reload->shown]], label);
    say("%s is being built; the first build in a language may take a minute", label);
    reload->slow_ns = UINT64_MAX;
}

static void batch_end(struct dev_reload *reload)
{
    struct dev_functions *functions = reload->functions;
    dev_functions_join(functions);
    for (size_t i = functions->count; i > 0; i--) {
        if (functions->list[i - 1]->removed) {
            dev_functions_drop(functions, functions->list[i - 1]);
        }
    }
    if (!reload->settled) {
        reload->settled = true;
        due_at_the_latest(reload, loop_now_ns()); /* The first look lays the watches. */
    }
}

void dev_reload_turn(struct dev_reload *reload)
{
    struct dev_functions *functions = reload->functions;
    if (functions->running) {
        size_t finished = atomic_load_explicit(&functions->finished, memory_order_acquire);
        for (; reload->shown < finished; reload->shown++) {
            finished_show(reload, functions->list[functions->todo[reload->shown]]);
            reload->slow_ns = in_ms(SLOW_MS);
        }
        if (finished == functions->todo_count) {
            batch_end(reload);
        } else {
            slow_show(reload);
        }
    } else if (loop_now_ns() >= reload->due_ns) {
        look(reload);
    }
}

uint32_t dev_reload_wait_ms(const struct dev_reload *reload)
{
    uint64_t now_ns = loop_now_ns();
    if (reload->functions->running || reload->due_ns == UINT64_MAX) {
        return WAIT_MS_MAX; /* The working thread wakes the loop, and so does the watch. */
    }
    uint64_t left_ms = reload->due_ns <= now_ns ? 0 : (reload->due_ns - now_ns + 999999) / 1000000;
    return left_ms < WAIT_MS_MAX ? (uint32_t)left_ms : WAIT_MS_MAX;
}

/* -- life ---------------------------------------------------------------------------------------------------------- */

bool dev_reload_find(struct dev_reload *reload, struct dev_functions *functions, const char *const *roots,
                     size_t root_count)
{
    *reload = (struct dev_reload){
        .functions = functions, .roots = roots, .root_count = root_count, .due_ns = UINT64_MAX, .watch.fd = -1
    };
    for (size_t i = 0; i < root_count; i++) {
        size_t before = functions->count;
        if (!dev_functions_look(roots[i], found, folder_seen, reload)) {
            say_error("%s: %s", roots[i], strerror(errno));
            return false;
        }
        if (functions->count == before) {
            say("stead dev: no function in %s yet (a folder with main.py, main.go, main.js, a *.c file or stead.yaml)",
                roots[i]);
        }
    }
    return true;
}

bool dev_reload_begin(struct dev_reload *reload, struct loop *loop)
{
    dev_watch_start(&reload->watch, loop, changed, reload);
    if (reload->functions->count > 0) {
        return work_begin(reload);
    }
    reload->settled = true;
    reload->due_ns = loop_now_ns();
    return true;
}

void dev_reload_stop(struct dev_reload *reload)
{
    dev_watch_stop(&reload->watch);
}
