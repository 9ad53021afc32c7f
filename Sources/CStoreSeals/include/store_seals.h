#ifndef STORE_SEALS_H
#define STORE_SEALS_H

#include <stddef.h>
#include <stdint.h>

/* Seals: checksums over what a store keeps, so that a damaged byte is found when it is read and never served.
 *
 * They find damage by accident. They are no protection against somebody who changes a store on purpose.
 *
 * The hash is XXH3, 64 bits, of xxHash 0.8 and newer, whose results are fixed for ever:
 * <https://github.com/Cyan4973/xxHash>. Measured here: 0.28 us for a page of 4,096 bytes, 0.07 us for an event of 300
 * and its chain. SHA-256 of the same page took 3.1 us. */

/* frozen: XXH3 of `count` bytes with a seed. */
uint64_t store_seal_hash(const void *bytes, size_t count, uint64_t seed);

/* frozen: the checksum of an event: XXH3 of its body, seeded with XXH3 of its other columns, each as eight bytes in
 * little-endian order: offset, the run's first and last half, seq, at, kind. */
uint64_t store_seal_event(
    uint64_t offset, uint64_t run_high, uint64_t run_low, uint64_t seq, int64_t at, int64_t kind,
    const void *body, size_t count);

/* frozen: the chain after an event: XXH3 of the chain before it and its checksum, eight bytes each, little-endian. The
 * chain before the first event is 0. */
uint64_t store_seal_chain(uint64_t chain, uint64_t sum);

/* The name of the VFS below. */
#define STORE_SEALS_VFS "fermata-sealed"

/* Bytes at the end of each page that belong to the seal. */
#define STORE_SEALS_RESERVED 8

/* Registers an SQLite VFS that stands before the system's default one. Once for a process; any thread.
 *
 * - A database file that is empty when it is opened, or whose header reserves eight bytes of each page, has sealed
 *   pages of 4,096 bytes: the last eight bytes of a page are the XXH3 of the others, little-endian, seeded with the
 *   page's number. They are made when a page is written to the file and verified when it is read.
 * - What is read from a write-ahead log is verified by the log's own checksums, which SQLite itself looks at only when it
 *   recovers a log.
 *
 * What does not hold is SQLITE_IOERR_DATA. A database whose header says otherwise is read and written as it is.
 * See <https://sqlite.org/vfs.html> and <https://sqlite.org/walformat.html>.
 *
 * Returns SQLITE_OK or SQLite's error. */
int store_seals_register(void);

/* What is not as it should be: a page of the file, a frame of the log; or, of a store that this process has open, what
 * somebody else has changed: the index of the log, the end of the log, or a page of the file that was written last. */
enum store_seals_file {
    STORE_SEALS_NONE = 0, STORE_SEALS_DATABASE = 1, STORE_SEALS_LOG = 2,
    STORE_SEALS_INDEX = 3, STORE_SEALS_LOG_END = 4, STORE_SEALS_OLDER_PAGE = 5,
};

/* What this thread was refused last with SQLITE_IOERR_DATA: which file, and the number of the page in the file, or of the
 * frame in the log; both count from 1. */
enum store_seals_file store_seals_last_damage(uint64_t *number);

/* Looks whether a store that this process has open, and has written to, is as the process left it: the header of the log's
 * index, the last frame of the log, and the seals of the 256 pages of the file that were written last. The index is looked
 * at as well before each transaction that writes: one that somebody else has changed is SQLITE_IOERR_DATA, and nothing is
 * written. Any thread. */
enum store_seals_file store_seals_look(const char *path);

/* SIGBUS from here on: what was read as memory is not there, because a file was cut that SQLite has mapped, the index of
 * its log above all. It writes `message` to standard error and ends the process with `status`: nothing that is not
 * written is acknowledged. `message` has to stay. Once for a process. */
void store_end_at_bus_error(const char *message, int status);

/* What a file is, without its times. */
struct store_file {
    uint64_t device, inode, links;
    int64_t size;
};

/* Looks at a file; a symbolic link is looked at itself. Its times are not asked for: from Linux 6.13 on a file whose
 * times were asked for gets a new one with the next write to it, and not with the next tick of the clock, which an
 * fdatasync may have to write. Without a journal in the file system (ext4, Linux 6.18) that took 80 of a commit's 800 us
 * when each commit looked by lstat: <https://docs.kernel.org/filesystems/multigrain-ts.html>.
 *
 * Returns 0, or -1 with errno. */
int store_file_look(const char *path, struct store_file *file);

/* Gives an open file so many bytes of the disk. Never writes them itself, as posix_fallocate does where the file system
 * has no call for it. 0, or the system's error. */
int store_reserve_room(int descriptor, int64_t bytes);

#endif
