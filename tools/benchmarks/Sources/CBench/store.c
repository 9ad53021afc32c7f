#include "internal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(sqlite3 *database, int code) {
    return bench_fail(code, "sqlite", database == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(database));
}

static int run(sqlite3 *database, const char *sql) {
    int result = sqlite3_exec(database, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? 0 : refuse(database, result);
}

static int open_file(const char *path, int flags, sqlite3 **database) {
    int result = sqlite3_open_v2(path, database, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (result != SQLITE_OK) {
        refuse(*database, result);
        sqlite3_close_v2(*database);
        *database = NULL;
        return result;
    }
    sqlite3_busy_timeout(*database, 5000);
    return 0;
}

static int prepare(sqlite3 *database, const char *sql, sqlite3_stmt **statement) {
    int result = sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
    return result == SQLITE_OK ? 0 : refuse(database, result);
}

int bench_store_copy(const char *from, const char *to) {
    sqlite3 *source = NULL, *target = NULL;
    int result = open_file(from, SQLITE_OPEN_READONLY, &source);
    if (result == 0) result = open_file(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &target);
    if (result == 0) {
        sqlite3_backup *backup = sqlite3_backup_init(target, "main", source, "main");
        sqlite3_backup_step(backup, -1);
        result = sqlite3_backup_finish(backup);
        if (result != SQLITE_OK) refuse(target, result);
    }
    sqlite3_close_v2(target);
    sqlite3_close_v2(source);
    return result;
}

int bench_store_ends(const char *path, int64_t *last_event, int64_t *last_request) {
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    int result = open_file(path, SQLITE_OPEN_READONLY, &database);
    if (result == 0)
        result = prepare(
            database,
            "SELECT ifnull((SELECT max(offset) FROM events), 0), ifnull((SELECT max(number) FROM requests), 0)",
            &statement);
    if (result == 0) {
        result = sqlite3_step(statement) == SQLITE_ROW ? 0 : refuse(database, sqlite3_errcode(database));
        *last_event = sqlite3_column_int64(statement, 0);
        *last_request = sqlite3_column_int64(statement, 1);
    }
    sqlite3_finalize(statement);
    sqlite3_close_v2(database);
    return result;
}

/* --- Rows in memory. -------------------------------------------------------------------------------------------- */

struct blob {
    void *bytes;
    int size;
};

static struct blob column(sqlite3_stmt *statement, int index) {
    struct blob blob = {.size = sqlite3_column_bytes(statement, index)};
    blob.bytes = malloc(blob.size + 1);
    if (blob.size > 0) memcpy(blob.bytes, sqlite3_column_blob(statement, index), blob.size);
    return blob;
}

static void bind(sqlite3_stmt *statement, int index, struct blob blob) {
    sqlite3_bind_blob(statement, index, blob.bytes, blob.size, SQLITE_STATIC);
}

struct event {
    int64_t offset, seq, at, kind, sum, chain;
    struct blob run, body;
    size_t row;
};

struct request {
    int64_t number, at;
    struct blob id, digest, reply;
};

struct row {
    struct blob run, summary;
    int64_t updated_at;
    /* The commit that wrote it last, counted from 1: a run's row is written once in each. */
    uint64_t commit;
};

struct bench_replay {
    sqlite3 *database;
    sqlite3_stmt *insert_event, *insert_request, *update_run, *begin, *commit;
    struct event *events;
    struct request *requests;
    struct row *rows;
    size_t event_count, request_count, row_count;
    size_t next_event, next_request;
    uint64_t commits;
    int64_t first_event, first_request;
};

static size_t count_rows(sqlite3 *database, const char *sql, int64_t first) {
    sqlite3_stmt *statement = NULL;
    if (prepare(database, sql, &statement) != 0) return 0;
    sqlite3_bind_int64(statement, 1, first);
    size_t count = sqlite3_step(statement) == SQLITE_ROW ? (size_t)sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return count;
}

static size_t row_of(bench_replay *replay, struct blob run) {
    /* From the last: events of a run stand close together. */
    for (size_t i = replay->row_count; i-- > 0;)
        if (memcmp(replay->rows[i].run.bytes, run.bytes, 16) == 0) return i;
    sqlite3_stmt *statement = NULL;
    replay->rows = realloc(replay->rows, (replay->row_count + 1) * sizeof *replay->rows);
    struct row *row = &replay->rows[replay->row_count];
    memset(row, 0, sizeof *row);
    if (prepare(replay->database, "SELECT run, summary, updated_at FROM runs WHERE run = ?1", &statement) == 0) {
        bind(statement, 1, run);
        if (sqlite3_step(statement) == SQLITE_ROW) {
            row->run = column(statement, 0);
            row->summary = column(statement, 1);
            row->updated_at = sqlite3_column_int64(statement, 2);
        }
    }
    sqlite3_finalize(statement);
    return replay->row_count++;
}

static int load(bench_replay *replay) {
    sqlite3 *database = replay->database;
    sqlite3_stmt *statement = NULL;
    replay->events = calloc(
        count_rows(database, "SELECT count(*) FROM events WHERE offset >= ?1", replay->first_event) + 1,
        sizeof *replay->events);
    replay->requests = calloc(
        count_rows(database, "SELECT count(*) FROM requests WHERE number >= ?1", replay->first_request) + 1,
        sizeof *replay->requests);
    int result = prepare(
        database, "SELECT offset, run, seq, at, kind, body, sum, chain FROM events WHERE offset >= ?1 ORDER BY offset", &statement);
    if (result != 0) return result;
    sqlite3_bind_int64(statement, 1, replay->first_event);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        struct event *event = &replay->events[replay->event_count++];
        event->offset = sqlite3_column_int64(statement, 0);
        event->run = column(statement, 1);
        event->seq = sqlite3_column_int64(statement, 2);
        event->at = sqlite3_column_int64(statement, 3);
        event->kind = sqlite3_column_int64(statement, 4);
        event->body = column(statement, 5);
        event->sum = sqlite3_column_int64(statement, 6);
        event->chain = sqlite3_column_int64(statement, 7);
        event->row = row_of(replay, event->run);
    }
    sqlite3_finalize(statement);
    result = prepare(
        database, "SELECT number, id, digest, reply, at FROM requests WHERE number >= ?1 ORDER BY number", &statement);
    if (result != 0) return result;
    sqlite3_bind_int64(statement, 1, replay->first_request);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        struct request *request = &replay->requests[replay->request_count++];
        request->number = sqlite3_column_int64(statement, 0);
        request->id = column(statement, 1);
        request->digest = column(statement, 2);
        request->reply = column(statement, 3);
        request->at = sqlite3_column_int64(statement, 4);
    }
    sqlite3_finalize(statement);
    return 0;
}

int bench_replay_rewind(bench_replay *replay) {
    char sql[200];
    snprintf(
        sql, sizeof sql,
        "BEGIN; DELETE FROM events WHERE offset >= %lld; DELETE FROM requests WHERE number >= %lld; COMMIT",
        (long long)replay->first_event, (long long)replay->first_request);
    replay->next_event = replay->next_request = 0;
    /* Unsynced, so that a disk that counts its operations does not make the commits pay for this one. */
    int result = run(replay->database, "PRAGMA synchronous = OFF");
    if (result == 0) result = run(replay->database, sql);
    /* The log begins anew in the file that it has. */
    if (result == 0) result = run(replay->database, "PRAGMA wal_checkpoint(PASSIVE)");
    return result != 0 ? result : run(replay->database, "PRAGMA synchronous = FULL");
}

bench_replay *bench_replay_open(const char *path, int64_t first_event, int64_t first_request) {
    bench_replay *replay = calloc(1, sizeof *replay);
    replay->first_event = first_event;
    replay->first_request = first_request;
    int result = open_file(path, SQLITE_OPEN_READWRITE, &replay->database);
    /* As Sources/JournalSQLite/StoreConnection.swift sets its writer. */
    if (result == 0)
        result = run(
            replay->database,
            "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -4096;"
            "PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 0");
    if (result == 0)
        result = prepare(
            replay->database,
            "INSERT INTO events(offset, run, seq, at, kind, body, sum, chain) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &replay->insert_event);
    if (result == 0)
        result = prepare(
            replay->database, "INSERT INTO requests(number, id, digest, reply, at) VALUES(?1, ?2, ?3, ?4, ?5)",
            &replay->insert_request);
    if (result == 0)
        result = prepare(
            replay->database, "UPDATE runs SET summary = ?2, updated_at = ?3, last_seq = ?4 WHERE run = ?1",
            &replay->update_run);
    if (result == 0) result = prepare(replay->database, "BEGIN IMMEDIATE", &replay->begin);
    if (result == 0) result = prepare(replay->database, "COMMIT", &replay->commit);
    if (result == 0) result = load(replay);
    if (result == 0) result = bench_replay_rewind(replay);
    /* The log grows once, unsynced: Fermata's is written over as well, most of the time. */
    if (result == 0) result = run(replay->database, "PRAGMA synchronous = OFF");
    uint64_t time;
    for (size_t i = 0; result == 0 && (i < replay->event_count || i < replay->request_count); i++)
        result = bench_replay_commit(replay, 1, 1, &time);
    if (result == 0) result = bench_replay_rewind(replay);
    if (result == 0) return replay;
    bench_replay_close(replay);
    return NULL;
}

size_t bench_replay_events(const bench_replay *replay) { return replay->event_count; }
size_t bench_replay_requests(const bench_replay *replay) { return replay->request_count; }

static int step(bench_replay *replay, sqlite3_stmt *statement) {
    int result = sqlite3_step(statement);
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? 0 : refuse(replay->database, result);
}

int bench_replay_commit(bench_replay *replay, size_t events, size_t requests, uint64_t *time) {
    uint64_t begun = bench_now();
    int result = step(replay, replay->begin);
    size_t end = replay->next_event + events;
    if (end > replay->event_count) end = replay->event_count;
    size_t first = replay->next_event;
    replay->commits++;
    for (; result == 0 && replay->next_event < end; replay->next_event++) {
        struct event *event = &replay->events[replay->next_event];
        sqlite3_bind_int64(replay->insert_event, 1, event->offset);
        bind(replay->insert_event, 2, event->run);
        sqlite3_bind_int64(replay->insert_event, 3, event->seq);
        sqlite3_bind_int64(replay->insert_event, 4, event->at);
        sqlite3_bind_int64(replay->insert_event, 5, event->kind);
        bind(replay->insert_event, 6, event->body);
        sqlite3_bind_int64(replay->insert_event, 7, event->sum);
        sqlite3_bind_int64(replay->insert_event, 8, event->chain);
        result = step(replay, replay->insert_event);
    }
    /* Each run's row once, as of its last event. */
    for (size_t i = end; result == 0 && i-- > first;) {
        struct row *row = &replay->rows[replay->events[i].row];
        if (row->commit == replay->commits) continue;
        row->commit = replay->commits;
        bind(replay->update_run, 1, row->run);
        bind(replay->update_run, 2, row->summary);
        sqlite3_bind_int64(replay->update_run, 3, row->updated_at);
        sqlite3_bind_int64(replay->update_run, 4, replay->events[i].seq);
        result = step(replay, replay->update_run);
    }
    for (; result == 0 && requests > 0 && replay->next_request < replay->request_count; requests--) {
        struct request *request = &replay->requests[replay->next_request++];
        sqlite3_bind_int64(replay->insert_request, 1, request->number);
        bind(replay->insert_request, 2, request->id);
        bind(replay->insert_request, 3, request->digest);
        bind(replay->insert_request, 4, request->reply);
        sqlite3_bind_int64(replay->insert_request, 5, request->at);
        result = step(replay, replay->insert_request);
    }
    if (result == 0) result = step(replay, replay->commit);
    *time = bench_now() - begun;
    return result;
}

void bench_replay_close(bench_replay *replay) {
    if (replay == NULL) return;
    sqlite3_finalize(replay->insert_event);
    sqlite3_finalize(replay->insert_request);
    sqlite3_finalize(replay->update_run);
    sqlite3_finalize(replay->begin);
    sqlite3_finalize(replay->commit);
    sqlite3_close_v2(replay->database);
    for (size_t i = 0; i < replay->event_count; i++) {
        free(replay->events[i].run.bytes);
        free(replay->events[i].body.bytes);
    }
    for (size_t i = 0; i < replay->request_count; i++) {
        free(replay->requests[i].id.bytes);
        free(replay->requests[i].digest.bytes);
        free(replay->requests[i].reply.bytes);
    }
    for (size_t i = 0; i < replay->row_count; i++) {
        free(replay->rows[i].run.bytes);
        free(replay->rows[i].summary.bytes);
    }
    free(replay->events);
    free(replay->requests);
    free(replay->rows);
    free(replay);
}

const char *bench_sqlite_version(void) { return sqlite3_libversion(); }

int64_t bench_replay_kind(const bench_replay *replay, size_t index) { return replay->events[index].kind; }

size_t bench_replay_batch(const bench_replay *replay, size_t index) {
    size_t end = index;
    while (end < replay->request_count && replay->requests[end].at == replay->requests[index].at) end++;
    return end - index;
}

int bench_store_last_times(const char *path, int64_t kind, int64_t *times, size_t *count) {
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    int result = open_file(path, SQLITE_OPEN_READONLY, &database);
    if (result == 0)
        result = prepare(database, "SELECT at FROM events WHERE kind = ?1 ORDER BY offset DESC", &statement);
    size_t found = 0;
    if (result == 0) {
        sqlite3_bind_int64(statement, 1, kind);
        while (found < *count && sqlite3_step(statement) == SQLITE_ROW)
            times[found++] = sqlite3_column_int64(statement, 0);
    }
    *count = found;
    sqlite3_finalize(statement);
    sqlite3_close_v2(database);
    return result;
}
