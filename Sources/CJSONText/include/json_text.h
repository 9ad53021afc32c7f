#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* How far one call has come: bytes of the source that it has read, bytes that it has written for them. */
struct json_text_progress {
    size_t read;
    size_t written;
};

/* Room that json_text_escape needs beside what it writes. */
#define JSON_TEXT_ROOM 32

/* Writes what UTF-8 text is within a JSON string (RFC 8259, 7), without the quotes around it: quotation marks,
 * backslashes and control characters escaped, all else as it is. It ends with the source, or where fewer than
 * JSON_TEXT_ROOM bytes of the target are left. Any thread; no state.
 *
 * frozen: the same text gives the same bytes for ever. */
struct json_text_progress json_text_escape(const uint8_t *source, size_t count, uint8_t *target, size_t room);

#endif
