#ifndef FERMATA_BENCH_H
#define FERMATA_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What is timed, in C on the raw libraries. Times are nanoseconds of CLOCK_MONOTONIC. Functions that give an int
 * give 0, or the error of the library that refused; bench_error() says which in words, on the same thread. */

uint64_t bench_now(void);
const char *bench_error(void);

/* --- Requests, one after the other: a REQ socket with one request in progress. ------------------------------- */

typedef struct bench_client bench_client;

/* `count` requests: request i is the bytes [offsets[i], offsets[i + 1]) of `bytes`. */
typedef struct {
    const unsigned char *bytes;
    const size_t *offsets;
    size_t count;
} bench_requests;

bench_client *bench_client_open(const char *url);
void bench_client_close(bench_client *client);

/* One request. The reply is the client's until the next call. */
int bench_call(bench_client *client, const void *request, size_t size, const unsigned char **reply, size_t *reply_size);

/* All requests in order; `times` gets how long each took. `refused` counts replies that are a frame of type Error. */
int bench_sequence(bench_client *client, bench_requests requests, uint64_t *times, size_t *refused);

/* All requests, from `clients` sockets at once, each taking the next when it has its reply. */
int bench_parallel(
    const char *url, size_t clients, bench_requests requests, uint64_t *times, uint64_t *elapsed, size_t *refused);

/* Answers every request with `reply_size` bytes until standard input ends. */
int bench_echo(const char *url, size_t reply_size, size_t contexts);

/* --- The rows that Fermata wrote, written again by SQLite alone. --------------------------------------------- */

typedef struct bench_replay bench_replay;

/* Copies a store, a running server's too, to a file. */
int bench_store_copy(const char *from, const char *to);

/* Takes the events from `first_event` on and the requests from `first_request` on out of a copied store, into memory,
 * opens the store as Fermata's writer does, and grows its log to what all of them need. */
bench_replay *bench_replay_open(const char *path, int64_t first_event, int64_t first_request);
void bench_replay_close(bench_replay *replay);
size_t bench_replay_events(const bench_replay *replay);
size_t bench_replay_requests(const bench_replay *replay);

/* The kind of the event at an index. */
int64_t bench_replay_kind(const bench_replay *replay, size_t index);
/* How many requests from this one on were accepted by the same commit: it stamped them with one time. */
size_t bench_replay_batch(const bench_replay *replay, size_t index);

/* Writes the next so many events and requests, and the row of each run among them, in one transaction. */
int bench_replay_commit(bench_replay *replay, size_t events, size_t requests, uint64_t *time);

/* Takes all of them out again, so that they can be written once more. Not timed. */
int bench_replay_rewind(bench_replay *replay);

/* Last event's offset and last request's number. */
int bench_store_ends(const char *path, int64_t *last_event, int64_t *last_request);

/* When the last events of a kind happened, µs since 1970, last one first; at most `*count`, which gets how many there
 * were. */
int bench_store_last_times(const char *path, int64_t kind, int64_t *times, size_t *count);

/* Copies all rows of the runs of a store `copies` times under new ids, so that the store holds that many runs more. */
int bench_store_multiply(const char *path, size_t copies);

/* --- A model's server that streams to many and sees at once who leaves. -------------------------------------- */

typedef struct bench_model bench_model;

/* `slots`: conversations; request bodies name theirs as `stream-N.`, N from 0. Each stream gets `text` every
 * `interval_ms`. */
bench_model *bench_model_start(size_t slots, unsigned interval_ms, const char *text);
void bench_model_stop(bench_model *model);
int bench_model_port(const bench_model *model);
/* Streams that are open and have got some text. */
size_t bench_model_streaming(const bench_model *model);
/* How many streams a conversation has had that got some text. */
uint64_t bench_model_begun(const bench_model *model, size_t slot);
/* When its last one was seen closed; 0 while it is open. */
uint64_t bench_model_closed(const bench_model *model, size_t slot);
/* Bytes of text sent to all. */
uint64_t bench_model_bytes(const bench_model *model);

/* --- Processes and the machine. ------------------------------------------------------------------------------- */

typedef struct {
    pid_t pid;
    int input;
    int output;
    uint64_t started;
} bench_process;

/* Starts a program that is killed when this process ends. */
int bench_spawn(
    const char *path, char *const arguments[], char *const environment[], const char *log, bench_process *process);
/* Waits for a line of its output; gives when it came. */
int bench_wait_line(bench_process *process, uint64_t *at);
/* SIGTERM, and waits for the end. */
int bench_end(bench_process *process);

/* fdatasync of `bytes` bytes written over the beginning of a file of that size. */
int bench_sync_times(const char *path, size_t bytes, size_t count, uint64_t *times);
/* The file system's name, such as ext4; a number if it is not known here. */
void bench_file_system(const char *path, char *name, size_t size);
const char *bench_sqlite_version(void);
const char *bench_nng_version(void);
const char *bench_curl_version(void);

#endif
