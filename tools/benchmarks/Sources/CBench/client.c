#include "internal.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Thread_local char error_text[256];

uint64_t bench_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

const char *bench_error(void) { return error_text; }

int bench_fail(int code, const char *what, const char *why) {
    snprintf(error_text, sizeof error_text, "%s: %s", what, why);
    return code == 0 ? -1 : code;
}

static int fail(int code, const char *what) { return bench_fail(code, what, nng_strerror(code)); }

struct bench_client {
    nng_socket socket;
    nng_msg *reply;
};

static int open_socket(nng_socket *socket, const char *url) {
    int result = nng_req0_open(socket);
    if (result != 0) return fail(result, "req");
    nng_socket_set_ms(*socket, NNG_OPT_RECVTIMEO, 30000);
    nng_socket_set_ms(*socket, NNG_OPT_SENDTIMEO, 30000);
    result = nng_dial(*socket, url, NULL, 0);
    if (result == 0) return 0;
    nng_close(*socket);
    return fail(result, url);
}

bench_client *bench_client_open(const char *url) {
    bench_client *client = calloc(1, sizeof *client);
    if (open_socket(&client->socket, url) == 0) return client;
    free(client);
    return NULL;
}

void bench_client_close(bench_client *client) {
    if (client == NULL) return;
    if (client->reply != NULL) nng_msg_free(client->reply);
    nng_close(client->socket);
    free(client);
}

static int is_error(nng_msg *message) {
    const unsigned char *bytes = nng_msg_body(message);
    return nng_msg_len(message) >= 8 && bytes[4] == 0x80 && bytes[5] == 0;
}

static nng_msg *make(const void *bytes, size_t size) {
    nng_msg *message = NULL;
    if (nng_msg_alloc(&message, size) != 0) abort();
    memcpy(nng_msg_body(message), bytes, size);
    return message;
}

static int round_trip(nng_socket socket, const void *bytes, size_t size, nng_msg **reply) {
    nng_msg *message = make(bytes, size);
    int result = nng_sendmsg(socket, message, 0);
    if (result != 0) {
        nng_msg_free(message);
        return fail(result, "send");
    }
    result = nng_recvmsg(socket, reply, 0);
    return result == 0 ? 0 : fail(result, "receive");
}

int bench_call(
    bench_client *client, const void *request, size_t size, const unsigned char **reply, size_t *reply_size) {
    if (client->reply != NULL) nng_msg_free(client->reply);
    client->reply = NULL;
    int result = round_trip(client->socket, request, size, &client->reply);
    if (result != 0) return result;
    *reply = nng_msg_body(client->reply);
    *reply_size = nng_msg_len(client->reply);
    return 0;
}

int bench_sequence(bench_client *client, bench_requests requests, uint64_t *times, size_t *refused) {
    for (size_t i = 0; i < requests.count; i++) {
        size_t size = requests.offsets[i + 1] - requests.offsets[i];
        nng_msg *reply = NULL;
        uint64_t begun = bench_now();
        int result = round_trip(client->socket, requests.bytes + requests.offsets[i], size, &reply);
        times[i] = bench_now() - begun;
        if (result != 0) return result;
        *refused += is_error(reply);
        nng_msg_free(reply);
    }
    return 0;
}

/* --- Many clients: each goes on in the callback of its last operation. ---------------------------------------- */

struct crowd {
    bench_requests requests;
    uint64_t *times;
    atomic_size_t next;
    atomic_size_t refused;
    atomic_int result;
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    size_t active;
};

struct member {
    struct crowd *crowd;
    nng_socket socket;
    nng_aio *aio;
    size_t request;
    uint64_t begun;
    int is_receiving;
};

static void leave(struct crowd *crowd) {
    pthread_mutex_lock(&crowd->mutex);
    if (--crowd->active == 0) pthread_cond_signal(&crowd->condition);
    pthread_mutex_unlock(&crowd->mutex);
}

static void send_next(struct member *member) {
    struct crowd *crowd = member->crowd;
    size_t index = atomic_fetch_add(&crowd->next, 1);
    if (index >= crowd->requests.count || atomic_load(&crowd->result) != 0) {
        leave(crowd);
        return;
    }
    const size_t *offsets = crowd->requests.offsets;
    member->request = index;
    member->is_receiving = 0;
    nng_aio_set_msg(member->aio, make(crowd->requests.bytes + offsets[index], offsets[index + 1] - offsets[index]));
    member->begun = bench_now();
    nng_send_aio(member->socket, member->aio);
}

static void member_done(void *argument) {
    struct member *member = argument;
    struct crowd *crowd = member->crowd;
    int result = nng_aio_result(member->aio);
    if (result != 0) {
        if (!member->is_receiving) nng_msg_free(nng_aio_get_msg(member->aio));
        atomic_store(&crowd->result, result);
        leave(crowd);
        return;
    }
    if (!member->is_receiving) {
        member->is_receiving = 1;
        nng_recv_aio(member->socket, member->aio);
        return;
    }
    crowd->times[member->request] = bench_now() - member->begun;
    nng_msg *reply = nng_aio_get_msg(member->aio);
    if (is_error(reply)) atomic_fetch_add(&crowd->refused, 1);
    nng_msg_free(reply);
    send_next(member);
}

int bench_parallel(
    const char *url, size_t clients, bench_requests requests, uint64_t *times, uint64_t *elapsed, size_t *refused) {
    struct crowd crowd = {
        .requests = requests,
        .times = times,
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .condition = PTHREAD_COND_INITIALIZER,
    };
    struct member *members = calloc(clients, sizeof *members);
    int result = 0;
    size_t opened = 0;
    for (; opened < clients && result == 0; opened++) {
        members[opened].crowd = &crowd;
        result = open_socket(&members[opened].socket, url);
        if (result != 0) break;
        if (nng_aio_alloc(&members[opened].aio, member_done, &members[opened]) != 0) abort();
        nng_aio_set_timeout(members[opened].aio, 30000);
    }
    if (result == 0) {
        crowd.active = clients;
        uint64_t begun = bench_now();
        for (size_t i = 0; i < clients; i++) send_next(&members[i]);
        pthread_mutex_lock(&crowd.mutex);
        while (crowd.active > 0) pthread_cond_wait(&crowd.condition, &crowd.mutex);
        pthread_mutex_unlock(&crowd.mutex);
        *elapsed = bench_now() - begun;
        *refused += atomic_load(&crowd.refused);
        result = atomic_load(&crowd.result);
        if (result != 0) fail(result, "one of many clients");
    }
    for (size_t i = 0; i < opened; i++) {
        nng_aio_free(members[i].aio);
        nng_close(members[i].socket);
    }
    free(members);
    return result;
}

/* --- The raw echo. --------------------------------------------------------------------------------------------- */

struct echo_context {
    nng_ctx context;
    nng_aio *aio;
    size_t reply_size;
    int is_sending;
};

static void echo_done(void *argument) {
    struct echo_context *echo = argument;
    if (nng_aio_result(echo->aio) != 0) {
        if (echo->is_sending) nng_msg_free(nng_aio_get_msg(echo->aio));
        echo->is_sending = 0;
        nng_ctx_recv(echo->context, echo->aio);
        return;
    }
    if (echo->is_sending) {
        echo->is_sending = 0;
        nng_ctx_recv(echo->context, echo->aio);
        return;
    }
    nng_msg_free(nng_aio_get_msg(echo->aio));
    nng_msg *reply = NULL;
    if (nng_msg_alloc(&reply, echo->reply_size) != 0) abort();
    memset(nng_msg_body(reply), 0, echo->reply_size);
    nng_aio_set_msg(echo->aio, reply);
    echo->is_sending = 1;
    nng_ctx_send(echo->context, echo->aio);
}

int bench_echo(const char *url, size_t reply_size, size_t contexts) {
    nng_socket socket;
    int result = nng_rep0_open(&socket);
    if (result != 0) return fail(result, "rep");
    struct echo_context *all = calloc(contexts, sizeof *all);
    for (size_t i = 0; i < contexts; i++) {
        all[i].reply_size = reply_size;
        result = nng_ctx_open(&all[i].context, socket);
        if (result == 0) result = nng_aio_alloc(&all[i].aio, echo_done, &all[i]);
        if (result != 0) return fail(result, "context");
        nng_ctx_recv(all[i].context, all[i].aio);
    }
    result = nng_listen(socket, url, NULL, 0);
    if (result != 0) return fail(result, url);
    if (write(1, "ready\n", 6) != 6) return -1;
    char byte;
    while (read(0, &byte, 1) > 0) {}
    _exit(0);
}

const char *bench_nng_version(void) { return nng_version(); }
