#include "internal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <store_seals.h>
#include <string.h>

/* Copies of runs under new ids. An event's body names neither its run nor its number, and a summary begins with its
 * run's id (field 1, 36 bytes), so that the copies are what Fermata would have written: `fermata check` passes. */

static int refuse(sqlite3 *database) {
    return bench_fail(sqlite3_errcode(database), "sqlite", sqlite3_errmsg(database));
}

static void next_id(unsigned char id[16], const unsigned char *original, uint64_t number) {
    memcpy(id, original, 16);
    /* The last 62 bits of a UUID of version 7 are random. */
    for (int i = 0; i < 6; i++) id[15 - i] = (unsigned char)(number >> (8 * i));
}

static uint64_t half(const unsigned char *bytes) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | bytes[i];
    return value;
}

static int last_chain(sqlite3 *database, uint64_t *chain) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(
            database, "SELECT chain FROM events ORDER BY offset DESC LIMIT 1", -1, &statement, NULL))
        return refuse(database);
    int result = sqlite3_step(statement) == SQLITE_ROW ? 0 : refuse(database);
    *chain = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return result;
}

static void id_text(char text[37], const unsigned char id[16]) {
    snprintf(
        text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id[0], id[1], id[2], id[3],
        id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15]);
}

struct event {
    int64_t seq, at, kind;
    unsigned char *body;
    int size;
};

static int copy_run(
    sqlite3 *database, sqlite3_stmt *insert_run, sqlite3_stmt *insert_event, sqlite3_stmt *source, size_t copies,
    int64_t *offset, uint64_t *chain, uint64_t *number) {
    unsigned char run[16], id[16];
    memcpy(run, sqlite3_column_blob(source, 0), 16);
    int summary_size = sqlite3_column_bytes(source, 9);
    unsigned char *summary = malloc(summary_size + 1);
    memcpy(summary, sqlite3_column_blob(source, 9), summary_size);
    if (summary_size < 38 || summary[0] != 0x0a || summary[1] != 36) {
        free(summary);
        return bench_fail(-1, "multiply", "a summary does not begin with its run's id");
    }
    sqlite3_stmt *select = NULL;
    struct event *events = NULL;
    size_t count = 0;
    if (sqlite3_prepare_v2(
            database, "SELECT seq, at, kind, body FROM events WHERE run = ?1 ORDER BY seq", -1, &select, NULL))
        return refuse(database);
    sqlite3_bind_blob(select, 1, run, 16, SQLITE_STATIC);
    while (sqlite3_step(select) == SQLITE_ROW) {
        events = realloc(events, (count + 1) * sizeof *events);
        struct event *event = &events[count++];
        event->seq = sqlite3_column_int64(select, 0);
        event->at = sqlite3_column_int64(select, 1);
        event->kind = sqlite3_column_int64(select, 2);
        event->size = sqlite3_column_bytes(select, 3);
        event->body = malloc(event->size + 1);
        if (event->size > 0) memcpy(event->body, sqlite3_column_blob(select, 3), event->size);
    }
    sqlite3_finalize(select);
    int result = 0;
    for (size_t copy = 0; copy < copies && result == 0; copy++) {
        char text[37];
        next_id(id, run, ++*number);
        id_text(text, id);
        memcpy(summary + 2, text, 36);
        sqlite3_bind_blob(insert_run, 1, id, 16, SQLITE_STATIC);
        for (int i = 1; i <= 8; i++) sqlite3_bind_value(insert_run, i + 1, sqlite3_column_value(source, i));
        sqlite3_bind_blob(insert_run, 10, summary, summary_size, SQLITE_STATIC);
        if (sqlite3_step(insert_run) != SQLITE_DONE) result = refuse(database);
        sqlite3_reset(insert_run);
        for (size_t i = 0; i < count && result == 0; i++) {
            sqlite3_bind_int64(insert_event, 1, ++*offset);
            sqlite3_bind_blob(insert_event, 2, id, 16, SQLITE_STATIC);
            sqlite3_bind_int64(insert_event, 3, events[i].seq);
            sqlite3_bind_int64(insert_event, 4, events[i].at);
            sqlite3_bind_int64(insert_event, 5, events[i].kind);
            sqlite3_bind_blob(insert_event, 6, events[i].body, events[i].size, SQLITE_STATIC);
            uint64_t sum = store_seal_event(
                (uint64_t)*offset, half(id), half(id + 8), (uint64_t)events[i].seq, events[i].at, events[i].kind,
                events[i].body, (size_t)events[i].size);
            *chain = store_seal_chain(*chain, sum);
            sqlite3_bind_int64(insert_event, 7, (int64_t)sum);
            sqlite3_bind_int64(insert_event, 8, (int64_t)*chain);
            if (sqlite3_step(insert_event) != SQLITE_DONE) result = refuse(database);
            sqlite3_reset(insert_event);
        }
    }
    for (size_t i = 0; i < count; i++) free(events[i].body);
    free(events);
    free(summary);
    return result;
}

int bench_store_multiply(const char *path, size_t copies) {
    sqlite3 *database = NULL;
    sqlite3_stmt *insert_run = NULL, *insert_event = NULL, *source = NULL;
    int64_t offset = 0, request = 0;
    uint64_t number = 0, chain = 0;
    int result = bench_store_ends(path, &offset, &request);
    if (result == 0) result = store_seals_register();
    if (result != 0) return result;
    if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, STORE_SEALS_VFS) != SQLITE_OK) result = refuse(database);
    if (result == 0) result = last_chain(database, &chain);
    if (result == 0
        && sqlite3_exec(
               database,
               "PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN;"
               "CREATE TEMP TABLE originals AS SELECT run, last_seq, status, active, due, parent, agent, created_at,"
               " updated_at, summary FROM runs",
               NULL, NULL, NULL))
        result = refuse(database);
    if (result == 0
        && (sqlite3_prepare_v2(
                database,
                "INSERT INTO runs(run, last_seq, status, active, due, parent, agent, created_at, updated_at, summary)"
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                -1, &insert_run, NULL)
            || sqlite3_prepare_v2(
                database,
                "INSERT INTO events(offset, run, seq, at, kind, body, sum, chain)"
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                -1, &insert_event, NULL)
            || sqlite3_prepare_v2(database, "SELECT * FROM originals", -1, &source, NULL)))
        result = refuse(database);
    while (result == 0 && sqlite3_step(source) == SQLITE_ROW)
        result = copy_run(database, insert_run, insert_event, source, copies, &offset, &chain, &number);
    sqlite3_finalize(insert_run);
    sqlite3_finalize(insert_event);
    sqlite3_finalize(source);
    if (result == 0 && sqlite3_exec(database, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL))
        result = refuse(database);
    sqlite3_close_v2(database);
    return result;
}
