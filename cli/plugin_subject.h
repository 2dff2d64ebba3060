/* One process under check: started by the spawner, spoken to over its raw channel with deadlines on everything. The
 * functions that return bool leave what went wrong in `problem`. One thread. */
#ifndef STEAD_CLI_PLUGIN_SUBJECT_H
#define STEAD_CLI_PLUGIN_SUBJECT_H

#include "adapters/plugin/frame.h"
#include "adapters/spawner/spawner.h"

struct loop;

struct subject {
    struct loop *loop;
    struct spawner *spawner;
    const char *const *argv;
    uint32_t id;
    int channel_fd, stdout_fd, stderr_fd;
    int exit_status; /* EXIT_STATUS_PENDING while it runs, -1 after a signal */
    bool failed;
    struct {
        uint64_t frame_bytes_max, result_bytes_max; /* what CONFIG says; subject_start() sets the usual ones */
    } limits;
    uint32_t concurrency; /* what it said: HELLO, then READY */
    bool ahead;
    uint8_t *input;
    size_t used, length, capacity;
    char problem[256];
};

/* Starts a fresh process; subject_end() kills it if need be. */
bool subject_start(struct subject *subject);
void subject_end(struct subject *subject);
/* Takes HELLO. */
bool subject_greeted(struct subject *subject);
/* Goes through HELLO, CONFIG and READY. */
bool subject_ready(struct subject *subject);
/* True once it has exited, within 10 s; then `exit_status` holds. */
bool subject_await_exit(struct subject *subject);
bool subject_send_bytes(struct subject *subject, const uint8_t *bytes, size_t length);
bool subject_send(struct subject *subject, uint8_t type, uint8_t flags, uint16_t stream, struct bytes header,
                  struct bytes body);
/* The next frame other than LOG and optional ones, within 10 s; valid until the next call. */
bool subject_receive(struct subject *subject, struct frame *ret_frame);
/* The same, of that type. */
bool subject_expect(struct subject *subject, uint8_t type, struct frame *ret_frame);
const char *subject_problem(struct subject *subject, const char *what);
/* For spawner_attach(), with the subject as owner. */
void subject_on_spawner_event(void *owner, const struct spawner_event *event);

#endif
