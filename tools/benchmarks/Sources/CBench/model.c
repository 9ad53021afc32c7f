#define _GNU_SOURCE
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* One thread, epoll. Streams get their text by turns, in so many parts of an interval: never all at once. */
enum { parts = 50, largest_descriptor = 65536 };

struct slot {
    atomic_uint_least64_t begun, closed;
};

struct connection {
    char *request;
    size_t size, capacity;
    long slot;
    int is_streaming, has_text;
    int next_of_part, previous_of_part;
};

struct bench_model {
    int listener, poll, timer, end, port;
    pthread_t thread;
    char *chunk;
    size_t chunk_size, text_size, slot_count;
    struct slot *slots;
    struct connection **connections;
    int first_of_part[parts];
    unsigned part;
    atomic_size_t streaming;
    atomic_uint_least64_t bytes;
};

static void watch(bench_model *model, int descriptor, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = descriptor};
    epoll_ctl(model->poll, EPOLL_CTL_ADD, descriptor, &event);
}

static void drop(bench_model *model, int descriptor) {
    struct connection *connection = model->connections[descriptor];
    if (connection->is_streaming) {
        if (connection->has_text) atomic_fetch_sub(&model->streaming, 1);
        if (connection->previous_of_part >= 0)
            model->connections[connection->previous_of_part]->next_of_part = connection->next_of_part;
        else
            model->first_of_part[descriptor % parts] = connection->next_of_part;
        if (connection->next_of_part >= 0)
            model->connections[connection->next_of_part]->previous_of_part = connection->previous_of_part;
        atomic_store(&model->slots[connection->slot].closed, bench_now());
    }
    model->connections[descriptor] = NULL;
    free(connection->request);
    free(connection);
    close(descriptor);
}

/* Whether the whole request is there: its header, and as much body as that says. */
static int is_whole(const struct connection *connection) {
    const char *end = memmem(connection->request, connection->size, "\r\n\r\n", 4);
    if (end == NULL) return 0;
    size_t length = 0;
    for (const char *line = connection->request; line < end; line++)
        if (strncasecmp(line, "\ncontent-length:", 16) == 0) length = strtoul(line + 16, NULL, 10);
    return connection->size >= (size_t)(end + 4 - connection->request) + length;
}

static void begin(bench_model *model, int descriptor) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    struct connection *connection = model->connections[descriptor];
    const char *name = memmem(connection->request, connection->size, "stream-", 7);
    long slot = name == NULL ? -1 : strtol(name + 7, NULL, 10);
    if (slot < 0 || (size_t)slot >= model->slot_count || send(descriptor, head, sizeof head - 1, MSG_NOSIGNAL) < 0) {
        drop(model, descriptor);
        return;
    }
    connection->slot = slot;
    connection->is_streaming = 1;
    connection->previous_of_part = -1;
    connection->next_of_part = model->first_of_part[descriptor % parts];
    if (connection->next_of_part >= 0) model->connections[connection->next_of_part]->previous_of_part = descriptor;
    model->first_of_part[descriptor % parts] = descriptor;
    free(connection->request);
    connection->request = NULL;
}

static void read_from(bench_model *model, int descriptor) {
    struct connection *connection = model->connections[descriptor];
    if (connection == NULL) return;
    char buffer[65536];
    for (;;) {
        ssize_t count = recv(descriptor, buffer, sizeof buffer, 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            drop(model, descriptor);
            return;
        }
        if (connection->is_streaming) continue;
        if (connection->size + (size_t)count + 1 > connection->capacity) {
            connection->capacity = 2 * (connection->size + (size_t)count + 1);
            connection->request = realloc(connection->request, connection->capacity);
        }
        memcpy(connection->request + connection->size, buffer, (size_t)count);
        connection->size += (size_t)count;
        connection->request[connection->size] = 0;
        if (is_whole(connection)) {
            begin(model, descriptor);
            return;
        }
    }
}

static void accept_all(bench_model *model) {
    for (;;) {
        int descriptor = accept4(model->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) return;
        if (descriptor >= largest_descriptor) {
            close(descriptor);
            continue;
        }
        int on = 1;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        model->connections[descriptor] = calloc(1, sizeof(struct connection));
        watch(model, descriptor, EPOLLIN | EPOLLRDHUP);
    }
}

static void stream_part(bench_model *model) {
    model->part = (model->part + 1) % parts;
    for (int next, descriptor = model->first_of_part[model->part]; descriptor >= 0; descriptor = next) {
        struct connection *connection = model->connections[descriptor];
        next = connection->next_of_part;
        if (send(descriptor, model->chunk, model->chunk_size, MSG_NOSIGNAL) != (ssize_t)model->chunk_size) continue;
        atomic_fetch_add(&model->bytes, model->text_size);
        if (connection->has_text) continue;
        connection->has_text = 1;
        atomic_fetch_add(&model->streaming, 1);
        struct slot *slot = &model->slots[connection->slot];
        atomic_store(&slot->closed, 0);
        atomic_fetch_add(&slot->begun, 1);
    }
}

static void *serve(void *argument) {
    bench_model *model = argument;
    struct epoll_event events[64];
    for (;;) {
        int count = epoll_wait(model->poll, events, 64, -1);
        int is_time = 0;
        for (int i = 0; i < count; i++) {
            int descriptor = events[i].data.fd;
            if (descriptor == model->end) return NULL;
            if (descriptor == model->listener) {
                accept_all(model);
            } else if (descriptor == model->timer) {
                is_time = 1;
            } else {
                read_from(model, descriptor);
            }
        }
        if (is_time) {
            uint64_t times;
            if (read(model->timer, &times, sizeof times) > 0) stream_part(model);
        }
    }
}

bench_model *bench_model_start(size_t slots, unsigned interval_ms, const char *text) {
    bench_model *model = calloc(1, sizeof *model);
    model->slots = calloc(slots, sizeof *model->slots);
    model->slot_count = slots;
    model->connections = calloc(largest_descriptor, sizeof *model->connections);
    for (int i = 0; i < parts; i++) model->first_of_part[i] = -1;
    model->text_size = strlen(text);
    int size = asprintf(&model->chunk, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"}}]}\n\n", text);
    model->chunk_size = (size_t)size;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    model->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(model->listener, (struct sockaddr *)&address, length) || listen(model->listener, 4096)
        || getsockname(model->listener, (struct sockaddr *)&address, &length)) {
        bench_fail(errno, "model", strerror(errno));
        return NULL;
    }
    model->port = ntohs(address.sin_port);
    model->poll = epoll_create1(EPOLL_CLOEXEC);
    model->end = eventfd(0, EFD_CLOEXEC);
    model->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    long period = (long)interval_ms * 1000000 / parts;
    struct itimerspec times = {
        .it_interval = {.tv_sec = period / 1000000000, .tv_nsec = period % 1000000000},
        .it_value = {.tv_nsec = 1},
    };
    timerfd_settime(model->timer, 0, &times, NULL);
    watch(model, model->listener, EPOLLIN);
    watch(model, model->timer, EPOLLIN);
    watch(model, model->end, EPOLLIN);
    pthread_create(&model->thread, NULL, serve, model);
    return model;
}

void bench_model_stop(bench_model *model) {
    uint64_t one = 1;
    if (write(model->end, &one, sizeof one) < 0) abort();
    pthread_join(model->thread, NULL);
    for (int i = 0; i < largest_descriptor; i++)
        if (model->connections[i] != NULL) drop(model, i);
    close(model->listener);
    close(model->poll);
    close(model->timer);
    close(model->end);
    free(model->connections);
    free(model->slots);
    free(model->chunk);
    free(model);
}

int bench_model_port(const bench_model *model) { return model->port; }
size_t bench_model_streaming(const bench_model *model) { return atomic_load(&model->streaming); }
uint64_t bench_model_begun(const bench_model *model, size_t slot) { return atomic_load(&model->slots[slot].begun); }
uint64_t bench_model_closed(const bench_model *model, size_t slot) { return atomic_load(&model->slots[slot].closed); }
uint64_t bench_model_bytes(const bench_model *model) { return atomic_load(&model->bytes); }
