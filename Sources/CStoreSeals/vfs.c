#include "store_seals.h"

#include <sqlite3.h>
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
    /* The system's file; its memory follows. */
    sqlite3_file *real;
} sealed_file;

static _Thread_local enum store_seals_file last_kind;
static _Thread_local uint64_t last_number;

enum store_seals_file store_seals_last_damage(uint64_t *number) {
    *number = last_number;
    return last_kind;
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

static int close_file(sqlite3_file *base) {
    sealed_file *file = (sealed_file *)base;
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
        return file->real->pMethods->xWrite(file->real, page, count, at);
    }
    return file->real->pMethods->xWrite(file->real, bytes, count, at);
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size) {
    sealed_file *file = (sealed_file *)base;
    return file->real->pMethods->xTruncate(file->real, size);
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

static int map_shared(sqlite3_file *base, int page, int size, int is_extending, void volatile **result) {
    sealed_file *file = (sealed_file *)base;
    return file->real->pMethods->xShmMap(file->real, page, size, is_extending, result);
}

static int lock_shared(sqlite3_file *base, int offset, int count, int flags) {
    sealed_file *file = (sealed_file *)base;
    return file->real->pMethods->xShmLock(file->real, offset, count, flags);
}

static void barrier_shared(sqlite3_file *base) {
    sealed_file *file = (sealed_file *)base;
    file->real->pMethods->xShmBarrier(file->real);
}

static int unmap_shared(sqlite3_file *base, int is_deleting) {
    sealed_file *file = (sealed_file *)base;
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
    if (flags & SQLITE_OPEN_WAL) file->kind = STORE_SEALS_LOG;
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
