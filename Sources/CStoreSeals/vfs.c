#include "store_seals.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* The page size of every store, and of a log's header and the header of each frame. */
enum { page_size = 4096, sealed_size = page_size - STORE_SEALS_RESERVED, log_header = 32, frame_header = 24 };
enum { frame_size = frame_header + page_size };

/* Of a database's header: where it tells how many bytes of a page are reserved, the number of the store's schema, and
 * whose it is. From schema 4 on all stores are sealed. */
enum { reserved_at = 20, version_at = 60, application_at = 68 };
static const unsigned char magic[16] = "SQLite format 3";
static const unsigned char application[4] = {0x46, 0x72, 0x6D, 0x74};

typedef struct sealed_file {
    sqlite3_file base;
    enum store_seals_file kind;
    /* Of a database. */
    int is_sealed;
    /* Of a log: a frame was written a second time. The checksums after it hold again when its transaction commits; until
     * then this connection, and no other, can read such a frame, so it does not judge the log before that begins anew. */
    int is_rewritten;
    /* Of a log: where the header of the frame that is being written was put. */
    sqlite3_int64 header_written_at;
    /* Of a database: its connection's log, and the first page of the log's index; of a log: its database. */
    struct sealed_file *other;
    const volatile unsigned char *index;
    /* Of a database: what this process knows of the store. */
    struct store *store;
    /* The system's file; its memory follows. */
    sqlite3_file *real;
} sealed_file;

/* Of the log's index: two copies of its header. See "the WAL-index file format", <https://sqlite.org/walformat.html>. */
enum { index_copy = 48, index_header = 2 * index_copy, initialized_at = 12, last_frame_at = 16, sums_at = 24, salts_at = 32 };
/* The lock without which nobody writes to the log, nor changes the index's header. */
enum { write_lock = 0 };
enum { known_pages = 256 };

/* A store that this process has open, by its file: what it has left there, and nobody else has a reason to change.
 *
 * Whoever writes an older state of the store into the files of a running one makes SQLite go on from that state: what
 * was acknowledged since is lost, and what comes is acknowledged and written over it. */
struct store {
    uint64_t device, inode;
    /* Connections that have the file open, and those that have the index mapped. */
    int users, mapped;
    pthread_mutex_t mutex;
    /* The connection that wrote last. */
    sealed_file *writer;
    int is_writing;
    /* The index's header as the last writer left it, if it is known. */
    int is_known;
    unsigned char header[index_header];
    /* Pages of the file that were written last, with their seals; by number. 0: none. */
    struct { sqlite3_int64 number; uint64_t seal; } pages[known_pages];
    struct store *next;
};

static struct store *stores;
static pthread_mutex_t stores_mutex = PTHREAD_MUTEX_INITIALIZER;

static struct store *find_store(const char *path, int is_new) {
    struct store_file file;
    if (!path || store_file_look(path, &file) != 0) return NULL;
    pthread_mutex_lock(&stores_mutex);
    struct store *store = stores;
    while (store && (store->device != file.device || store->inode != file.inode)) store = store->next;
    if (!store && is_new && (store = calloc(1, sizeof *store))) {
        store->device = file.device;
        store->inode = file.inode;
        pthread_mutex_init(&store->mutex, NULL);
        store->next = stores;
        stores = store;
    }
    if (store) store->users++;
    pthread_mutex_unlock(&stores_mutex);
    return store;
}

static void leave_store(struct store *store) {
    pthread_mutex_lock(&stores_mutex);
    if (--store->users == 0) {
        struct store **place = &stores;
        while (*place != store) place = &(*place)->next;
        *place = store->next;
        pthread_mutex_destroy(&store->mutex);
        free(store);
    }
    pthread_mutex_unlock(&stores_mutex);
}

static _Thread_local enum store_seals_file last_kind;
static _Thread_local uint64_t last_number;

enum store_seals_file store_seals_last_damage(uint64_t *number) {
    *number = last_number;
    return last_kind;
}

static int changed(enum store_seals_file kind) {
    last_kind = kind;
    sqlite3_log(SQLITE_IOERR_DATA, "the files of a store were changed from outside");
    return SQLITE_IOERR_DATA;
}

static int damaged(enum store_seals_file kind, sqlite3_int64 number) {
    last_kind = kind;
    last_number = (uint64_t)number;
    sqlite3_log(SQLITE_IOERR_DATA, "%s %lld does not have its checksum",
                kind == STORE_SEALS_LOG ? "frame" : "page", (long long)number);
    return SQLITE_IOERR_DATA;
}

static uint32_t big32(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint64_t seal(const unsigned char *page, sqlite3_int64 number) {
    return store_seal_hash(page, sealed_size, (uint64_t)number);
}

static uint64_t seal_of(const unsigned char *page) {
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) value = value << 8 | page[sealed_size + i];
    return value;
}

/* Whether a header says that it is of a store which has to be sealed. */
static int must_be_sealed(const unsigned char *header) {
    return memcmp(header, magic, sizeof magic) == 0 && memcmp(header + application_at, application, 4) == 0
        && big32(header + version_at) >= 4;
}

/* The checksum of the log's format over a multiple of eight bytes. */
static void log_sum(int is_swapped, const unsigned char *bytes, int count, uint32_t sums[2]) {
    uint32_t first = sums[0], second = sums[1];
    for (int i = 0; i < count; i += 8) {
        uint32_t words[2];
        memcpy(words, bytes + i, 8);
        if (is_swapped) {
            words[0] = __builtin_bswap32(words[0]);
            words[1] = __builtin_bswap32(words[1]);
        }
        first += words[0] + second;
        second += words[1] + first;
    }
    sums[0] = first;
    sums[1] = second;
}

/* Whether a page that was read from a log has the checksum of its frame, which goes on from that of the one before. */
static int log_page_holds(sealed_file *file, const unsigned char *page, sqlite3_int64 at) {
    unsigned char header[frame_header], before[8];
    sqlite3_int64 frame = at - frame_header;
    sqlite3_int64 before_at = frame == log_header ? log_header - 8 : frame - frame_size + frame_header - 8;
    if (file->real->pMethods->xRead(file->real, header, sizeof header, frame) != SQLITE_OK) return 0;
    if (file->real->pMethods->xRead(file->real, before, sizeof before, before_at) != SQLITE_OK) return 0;
    /* The log says in which order of bytes it sums; one of them it is. */
    for (int is_swapped = 0; is_swapped < 2; is_swapped++) {
        uint32_t sums[2] = {big32(before), big32(before + 4)};
        log_sum(is_swapped, header, 8, sums);
        log_sum(is_swapped, page, page_size, sums);
        if (sums[0] == big32(header + 16) && sums[1] == big32(header + 20)) return 1;
    }
    return 0;
}

static uint32_t native32(const volatile unsigned char *bytes) {
    uint32_t value;
    memcpy(&value, (const void *)bytes, 4);
    return value;
}

/* Whether the last frame that the index knows of is in the log, and is that one. */
static int log_end_holds(sealed_file *database) {
    sealed_file *log = database->other;
    const volatile unsigned char *index = database->index;
    uint32_t frame = native32(index + last_frame_at);
    if (!log || frame == 0) return 1;
    unsigned char header[frame_header];
    sqlite3_int64 at = log_header + (sqlite3_int64)(frame - 1) * frame_size;
    return log->real->pMethods->xRead(log->real, header, sizeof header, at) == SQLITE_OK
        && memcmp(header + 8, (const void *)(index + salts_at), 8) == 0
        && big32(header + 16) == native32(index + sums_at) && big32(header + 20) == native32(index + sums_at + 4);
}

/* Whether the index's header is as it was left; nobody is writing. */
static int index_holds(struct store *store, sealed_file *database) {
    return !store->is_known || !database->index
        || memcmp((const void *)database->index, store->header, index_header) == 0;
}

enum store_seals_file store_seals_look(const char *path) {
    enum store_seals_file found = STORE_SEALS_NONE;
    struct store *store = find_store(path, 0);
    if (!store) return found;
    pthread_mutex_lock(&store->mutex);
    sealed_file *database = store->writer;
    if (database && !store->is_writing) {
        if (!index_holds(store, database)) found = STORE_SEALS_INDEX;
        else if (store->is_known && database->index && !log_end_holds(database)) found = STORE_SEALS_LOG_END;
    }
    for (int i = 0; i < known_pages && database && found == STORE_SEALS_NONE; i++) {
        if (store->pages[i].number == 0) continue;
        unsigned char seal[STORE_SEALS_RESERVED];
        sqlite3_int64 end = store->pages[i].number * page_size;
        uint64_t value = 0;
        if (database->real->pMethods->xRead(database->real, seal, sizeof seal, end - STORE_SEALS_RESERVED) == SQLITE_OK)
            for (int byte = 7; byte >= 0; byte--) value = value << 8 | seal[byte];
        if (value != store->pages[i].seal) found = STORE_SEALS_OLDER_PAGE;
    }
    pthread_mutex_unlock(&store->mutex);
    leave_store(store);
    return found;
}

static int close_file(sqlite3_file *base) {
    sealed_file *file = (sealed_file *)base;
    if (file->kind == STORE_SEALS_LOG && file->other) {
        struct store *store = file->other->store;
        if (store) pthread_mutex_lock(&store->mutex);
        file->other->other = NULL;
        if (store) pthread_mutex_unlock(&store->mutex);
    }
    if (file->store) {
        pthread_mutex_lock(&file->store->mutex);
        if (file->store->writer == file) file->store->writer = NULL;
        pthread_mutex_unlock(&file->store->mutex);
        leave_store(file->store);
        file->store = NULL;
    }
    return file->real->pMethods ? file->real->pMethods->xClose(file->real) : SQLITE_OK;
}

static int read_file(sqlite3_file *base, void *buffer, int count, sqlite3_int64 at) {
    sealed_file *file = (sealed_file *)base;
    int result = file->real->pMethods->xRead(file->real, buffer, count, at);
    if (count != page_size) return result;
    if (file->kind == STORE_SEALS_DATABASE && at % page_size == 0) {
        sqlite3_int64 number = at / page_size + 1;
        /* SQLite takes what a file does not have for zeros. */
        if (result == SQLITE_IOERR_SHORT_READ && file->is_sealed) return damaged(file->kind, number);
        if (result != SQLITE_OK) return result;
        if (file->is_sealed ? seal(buffer, number) != seal_of(buffer) : number == 1 && must_be_sealed(buffer))
            return damaged(file->kind, number);
    } else if (file->kind == STORE_SEALS_LOG && at >= log_header + frame_header && !file->is_rewritten) {
        sqlite3_int64 frame = at - log_header - frame_header;
        if (frame % frame_size != 0) return result;
        if (result == SQLITE_IOERR_SHORT_READ) return damaged(file->kind, frame / frame_size + 1);
        if (result == SQLITE_OK && !log_page_holds(file, buffer, at)) return damaged(file->kind, frame / frame_size + 1);
    }
    return result;
}

static int write_file(sqlite3_file *base, const void *bytes, int count, sqlite3_int64 at) {
    sealed_file *file = (sealed_file *)base;
    if (file->kind == STORE_SEALS_LOG) {
        if (at == 0) file->is_rewritten = 0;
        if (count == frame_header) file->header_written_at = at;
        if (count == page_size && file->header_written_at != at - frame_header) file->is_rewritten = 1;
    } else if (file->kind == STORE_SEALS_DATABASE && file->is_sealed && count == page_size && at % page_size == 0) {
        unsigned char page[page_size];
        memcpy(page, bytes, sealed_size);
        /* A database that does not reserve the bytes has its own there. */
        if (at == 0 && page[reserved_at] != STORE_SEALS_RESERVED) return SQLITE_IOERR_WRITE;
        uint64_t value = seal(page, at / page_size + 1);
        for (int i = 0; i < 8; i++) page[sealed_size + i] = (unsigned char)(value >> (8 * i));
        struct store *store = file->store;
        if (!store) return file->real->pMethods->xWrite(file->real, page, count, at);
        sqlite3_int64 number = at / page_size + 1;
        pthread_mutex_lock(&store->mutex);
        int result = file->real->pMethods->xWrite(file->real, page, count, at);
        int place = (int)(number % known_pages);
        if (result == SQLITE_OK) {
            store->pages[place].number = number;
            store->pages[place].seal = value;
        } else if (store->pages[place].number == number) {
            store->pages[place].number = 0;
        }
        pthread_mutex_unlock(&store->mutex);
        return result;
    }
    return file->real->pMethods->xWrite(file->real, bytes, count, at);
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size) {
    sealed_file *file = (sealed_file *)base;
    struct store *store = file->store;
    if (!store) return file->real->pMethods->xTruncate(file->real, size);
    pthread_mutex_lock(&store->mutex);
    /* Each checkpoint cuts the file to what it has. */
    for (int i = 0; i < known_pages; i++)
        if (store->pages[i].number * page_size > size) store->pages[i].number = 0;
    int result = file->real->pMethods->xTruncate(file->real, size);
    pthread_mutex_unlock(&store->mutex);
    return result;
}

static int sync_file(sqlite3_file *base, int flags) {
    sealed_file *file = (sealed_file *)base;
    return file->real->pMethods->xSync(file->real, flags);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
    sealed_file *file = (sealed_file *)base;
    return file->real->pMethods->xFileSize(file->real, size);
}

static int lock_file(sqlite3_file *base, int level) {
    sealed_file *file = (sealed_file *)base;
    return file->real->pMethods->xLock(file->real, level);
}

static int unlock_file(sqlite3_file *base, int level) {
    sealed_file *file = (sealed_file *)base;
    return file->real->pMethods->xUnlock(file->real, level);
}

static int check_reserved_lock(sqlite3_file *base, int *result) {
    sealed_file *file = (sealed_file *)base;
    return file->real->pMethods->xCheckReservedLock(file->real, result);
}

static int control_file(sqlite3_file *base, int operation, void *argument) {
    sealed_file *file = (sealed_file *)base;
    return file->real->pMethods->xFileControl(file->real, operation, argument);
}

static int sector_size(sqlite3_file *base) {
    sealed_file *file = (sealed_file *)base;
    return file->real->pMethods->xSectorSize(file->real);
}

static int device_characteristics(sqlite3_file *base) {
    sealed_file *file = (sealed_file *)base;
    return file->real->pMethods->xDeviceCharacteristics(file->real);
}

static int map_shared(sqlite3_file *base, int page, int size, int is_extending, void volatile **pages) {
    sealed_file *file = (sealed_file *)base;
    int result = file->real->pMethods->xShmMap(file->real, page, size, is_extending, pages);
    if (result == SQLITE_OK && page == 0 && *pages && file->store && !file->index) {
        pthread_mutex_lock(&file->store->mutex);
        file->index = *pages;
        file->store->mapped++;
        pthread_mutex_unlock(&file->store->mutex);
    }
    return result;
}

static int lock_shared(sqlite3_file *base, int offset, int count, int flags) {
    sealed_file *file = (sealed_file *)base;
    struct store *store = file->store;
    if (!store || offset != write_lock || !(flags & SQLITE_SHM_EXCLUSIVE))
        return file->real->pMethods->xShmLock(file->real, offset, count, flags);
    if (flags & SQLITE_SHM_LOCK) {
        int result = file->real->pMethods->xShmLock(file->real, offset, count, flags);
        if (result != SQLITE_OK) return result;
        pthread_mutex_lock(&store->mutex);
        /* Not the log itself: each read of a file that has changed sets its time of access, which a sync has to write. */
        store->is_writing = index_holds(store, file);
        store->writer = file;
        int is_refused = !store->is_writing;
        pthread_mutex_unlock(&store->mutex);
        if (!is_refused) return SQLITE_OK;
        file->real->pMethods->xShmLock(file->real, offset, count, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
        return changed(STORE_SEALS_INDEX);
    }
    pthread_mutex_lock(&store->mutex);
    if (store->is_writing && store->writer == file) {
        store->is_writing = 0;
        /* A writer that came upon an error may have left a header that says nothing. */
        store->is_known = file->index && file->index[initialized_at] != 0
            && memcmp((const void *)file->index, (const void *)(file->index + index_copy), index_copy) == 0;
        if (store->is_known) memcpy(store->header, (const void *)file->index, index_header);
    }
    pthread_mutex_unlock(&store->mutex);
    return file->real->pMethods->xShmLock(file->real, offset, count, flags);
}

static void barrier_shared(sqlite3_file *base) {
    sealed_file *file = (sealed_file *)base;
    file->real->pMethods->xShmBarrier(file->real);
}

static int unmap_shared(sqlite3_file *base, int is_deleting) {
    sealed_file *file = (sealed_file *)base;
    struct store *store = file->store;
    if (store) {
        pthread_mutex_lock(&store->mutex);
        if (file->index) store->mapped--;
        file->index = NULL;
        if (store->writer == file) store->writer = NULL;
        /* The next one to map it begins it anew. */
        if (is_deleting || store->mapped == 0) store->is_known = 0;
        pthread_mutex_unlock(&store->mutex);
    }
    return file->real->pMethods->xShmUnmap(file->real, is_deleting);
}

/* Version 2: with the shared memory that a log needs, without memory mapping, which would go past the seals. */
static const sqlite3_io_methods methods = {
    .iVersion = 2, .xClose = close_file, .xRead = read_file, .xWrite = write_file, .xTruncate = truncate_file,
    .xSync = sync_file, .xFileSize = file_size, .xLock = lock_file, .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved_lock, .xFileControl = control_file, .xSectorSize = sector_size,
    .xDeviceCharacteristics = device_characteristics, .xShmMap = map_shared, .xShmLock = lock_shared,
    .xShmBarrier = barrier_shared, .xShmUnmap = unmap_shared,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *flags_out) {
    sqlite3_vfs *system = vfs->pAppData;
    sealed_file *file = (sealed_file *)base;
    memset(file, 0, sizeof *file);
    file->real = (sqlite3_file *)(file + 1);
    file->header_written_at = -1;
    int result = system->xOpen(system, name, file->real, flags, flags_out);
    /* SQLite closes the file if it has methods, also after an error. */
    if (file->real->pMethods) file->base.pMethods = &methods;
    if (result != SQLITE_OK) return result;
    if (flags & SQLITE_OPEN_WAL) {
        file->kind = STORE_SEALS_LOG;
        sealed_file *database = (sealed_file *)sqlite3_database_file_object(name);
        if (database && database->base.pMethods == &methods) {
            file->other = database;
            if (database->store) pthread_mutex_lock(&database->store->mutex);
            database->other = file;
            if (database->store) pthread_mutex_unlock(&database->store->mutex);
        }
    }
    if (flags & SQLITE_OPEN_MAIN_DB) {
        file->kind = STORE_SEALS_DATABASE;
        unsigned char header[100];
        sqlite3_int64 size = 0;
        result = file->real->pMethods->xFileSize(file->real, &size);
        if (result != SQLITE_OK) return result;
        if (size == 0) {
            file->is_sealed = 1;
        } else if (file->real->pMethods->xRead(file->real, header, sizeof header, 0) == SQLITE_OK) {
            file->is_sealed = memcmp(header, magic, sizeof magic) == 0
                && (header[reserved_at] == STORE_SEALS_RESERVED || must_be_sealed(header));
        }
        if (file->is_sealed) file->store = find_store(name, 1);
    }
    return SQLITE_OK;
}

int store_seals_register(void) {
    static sqlite3_vfs vfs;
    int result = sqlite3_initialize();
    if (result != SQLITE_OK) return result;
    if (sqlite3_vfs_find(STORE_SEALS_VFS)) return SQLITE_OK;
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    if (!system) return SQLITE_ERROR;
    /* Everything but opening a file is the system's, whose functions ask nothing of the VFS that they are called with
     * but its own data. */
    vfs = *system;
    vfs.pNext = NULL;
    vfs.zName = STORE_SEALS_VFS;
    vfs.szOsFile = (int)sizeof(sealed_file) + system->szOsFile;
    vfs.xOpen = open_file;
    vfs.pAppData = system;
    return sqlite3_vfs_register(&vfs, 0);
}
