/* Bounds the memory of messages that are not complete yet. gRPC buffers a message of any length before it says that
 * it is too large, and when its memory quota runs out it ends calls at random, those of innocent callers too. So the
 * quota must not run out: whoever holds the most is ended before.
 *
 * gRPC doesn't tell what it buffers, but the kernel tells how many bytes have come over a connection, and what is
 * not in a message that was delivered is held. Only connections with a call whose message has been awaited for a
 * while are looked at, every few milliseconds, so that ordinary calls cost nothing. Unix sockets can't be asked, and
 * need not be: who may open them is trusted.
 *
 * Too much on one connection: as many of its calls end as bring it to half of what it may hold. Too much on all: the
 * connections that hold the most lose all that they await. */
#include <assert.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <grpc/support/alloc.h>

#include "adapters/grpc/rpc_inside.h"

enum {
    FD_UNKNOWN = 0, /* gRPC never gets descriptor 0 */
    FD_NONE = -1,
    BYTES_BESIDE_MESSAGE = 64, /* headers and frames of a call that was delivered */
};

/* By descriptor, from the time when one of its messages is found late to the time when none is. */
struct intake {
    uint64_t turn; /* when it was last looked at */
    uint64_t base; /* received before */
    uint64_t delivered;
    uint64_t held;
    uint32_t calls;
    uint32_t ends; /* how many of them are to be ended */
};

static const char too_much[] = "too many bytes of messages that are not complete; send fewer at once";

static bool bytes_received(int fd, uint64_t *ret_bytes)
{
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
        return false;
    if (length < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
        return false;
    *ret_bytes = info.tcpi_bytes_received;
    return true;
}

/* The acceptor gave gRPC the descriptor, and gRPC names the peer after it. */
static int call_fd(struct rpc_call *call)
{
    if (call->fd != FD_UNKNOWN)
        return call->fd;
    char *peer = grpc_call_get_peer(call->grpc);
    call->fd = FD_NONE;
    if (strncmp(peer, "fd:", 3) == 0) {
        long fd = strtol(peer + 3, NULL, 10);
        call->fd = fd > 0 && fd < RPC_FD_MAX ? (int)fd : FD_NONE;
    }
    gpr_free(peer);
    return call->fd;
}

/* The record of a call's connection, brought up to date once a turn; NULL if it can't be looked at. */
static struct intake *intake_look(struct rpc_server *server, struct rpc_call *call)
{
    int fd = call_fd(call);
    if (fd == FD_NONE)
        return NULL;
    struct intake *intake = &server->intakes[fd];
    if (intake->turn == server->intake_turn)
        return intake;
    uint64_t received;
    if (!bytes_received(fd, &received)) {
        call->fd = FD_NONE;
        return NULL;
    }
    bool fresh = intake->turn + 1 != server->intake_turn || received < intake->base;
    if (fresh)
        *intake = (struct intake){ .base = received };
    uint64_t since = received - intake->base;
    intake->held = since > intake->delivered ? since - intake->delivered : 0;
    intake->turn = server->intake_turn;
    intake->calls = intake->ends = 0;
    server->intake_held += intake->held;
    return intake;
}

static struct intake *intake_of(struct rpc_server *server, const struct rpc_call *call)
{
    if (call->fd <= 0 || server->intakes[call->fd].turn != server->intake_turn)
        return NULL;
    return &server->intakes[call->fd];
}

static void connections_judge(struct rpc_server *server)
{
    uint64_t max = 2 * (uint64_t)server->options.deploy_bytes_max;
    for (struct rpc_call *call = server->bodies; call; call = call->next) {
        struct intake *intake = intake_of(server, call);
        if (!intake || intake->ends > 0 || intake->held <= max)
            continue;
        uint64_t excess = intake->held - max / 2;
        intake->ends = (uint32_t)((intake->calls * excess + intake->held - 1) / intake->held);
        server->intake_held -= excess;
    }
}

/* One turn of this ends one connection's calls; there are never more turns than connections. */
static void total_judge(struct rpc_server *server)
{
    while (server->intake_held > server->options.quota_bytes / 2) {
        struct intake *most = NULL;
        for (struct rpc_call *call = server->bodies; call; call = call->next) {
            struct intake *intake = intake_of(server, call);
            if (intake && intake->ends == 0 && intake->held > 0 && (!most || intake->held > most->held))
                most = intake;
        }
        if (!most)
            return;
        most->ends = most->calls;
        server->intake_held -= most->held;
    }
}

/* Ends the youngest calls of a connection first: the others are more likely to be complete soon. */
static void judgement_carry_out(struct rpc_server *server)
{
    struct rpc_call *next;
    for (struct rpc_call *call = server->bodies; call; call = next) {
        next = call->next;
        struct intake *intake = intake_of(server, call);
        if (!intake || intake->ends == 0)
            continue;
        assert(intake->calls >= intake->ends);
        uint64_t freed = intake->held / intake->calls;
        intake->ends--;
        intake->calls--;
        intake->held -= freed;
        intake->delivered += freed;
        rpc_call_body_give_up(call, RPC_STATUS_RESOURCE_EXHAUSTED, "OVERLOADED", RPC_OVERLOAD_RETRY_MS, too_much);
        /* frees the buffers at once, even if the client doesn't read what we say */
        grpc_call_cancel_with_status(call->grpc, GRPC_STATUS_RESOURCE_EXHAUSTED, too_much, NULL);
    }
}

void rpc_intake_check(struct rpc_server *server, int64_t now_ns)
{
    bool found = false;
    server->intake_turn++;
    server->intake_held = 0;
    for (struct rpc_call *call = server->bodies; call; call = call->next) {
        if (now_ns - call->awaited_ns < RPC_INTAKE_NS)
            continue;
        struct intake *intake = intake_look(server, call);
        if (!intake)
            continue;
        intake->calls++;
        found = true;
    }
    server->intake_watched = found;
    if (!found)
        return;
    connections_judge(server);
    total_judge(server);
    judgement_carry_out(server);
}

void rpc_intake_delivered(struct rpc_call *call, size_t length)
{
    struct rpc_server *server = call->door->server;
    if (!server->intake_watched || call_fd(call) == FD_NONE)
        return;
    struct intake *intake = intake_of(server, call);
    if (intake)
        intake->delivered += length + BYTES_BESIDE_MESSAGE;
}

bool rpc_intake_init(struct rpc_server *server)
{
    server->intakes = calloc(RPC_FD_MAX, sizeof *server->intakes); /* untouched pages cost nothing */
    server->intake_turn = 1;
    return server->intakes != NULL;
}
