#include "json_text.h"

#include <string.h>

/* Looks at STRIDE bytes at a time: how many of them, from the first one on, need no escape. What a model is shown again is
 * mostly text with an escape now and then. */
#if defined(__SSE2__)
#include <emmintrin.h>

#define STRIDE 16

static unsigned copy_clean(const uint8_t *source, uint8_t *target) {
    const __m128i bytes = _mm_loadu_si128((const __m128i *)source);
    _mm_storeu_si128((__m128i *)target, bytes);
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    const unsigned found = (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, backslash)));
    return found == 0 ? STRIDE : (unsigned)__builtin_ctz(found);
}
#else
#define STRIDE 8

static unsigned copy_clean(const uint8_t *source, uint8_t *target) {
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    uint64_t word;
    memcpy(&word, source, 8);
    memcpy(target, &word, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    /* A byte less than n borrows into its own high bit when n is subtracted; a byte equal to n is 0 after XOR. The lowest
     * bit that is set tells the truth, those above it may not. */
    const uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    const uint64_t found =
        (((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & highs;
    return found == 0 ? STRIDE : (unsigned)__builtin_ctzll(found) / 8;
}
#endif

_Static_assert(STRIDE + 6 <= JSON_TEXT_ROOM, "a stride, and an escape after it");

static size_t write_escape(uint8_t byte, uint8_t *target) {
    static const char digits[] = "0123456789abcdef";
    target[0] = '\\';
    switch (byte) {
    case '"':
    case '\\': target[1] = byte; return 2;
    case '\n': target[1] = 'n'; return 2;
    case '\r': target[1] = 'r'; return 2;
    case '\t': target[1] = 't'; return 2;
    default:
        memcpy(target + 1, "u00", 3);
        target[4] = (uint8_t)digits[byte >> 4];
        target[5] = (uint8_t)digits[byte & 15];
        return 6;
    }
}

struct json_text_progress json_text_escape(const uint8_t *source, size_t count, uint8_t *target, size_t room) {
    size_t read = 0, written = 0;
    while (count - read >= STRIDE && room - written >= JSON_TEXT_ROOM) {
        const unsigned clean = copy_clean(source + read, target + written);
        read += clean;
        written += clean;
        if (clean < STRIDE) written += write_escape(source[read++], target + written);
    }
    while (read < count && room - written >= JSON_TEXT_ROOM) {
        const uint8_t byte = source[read++];
        if (byte < 0x20 || byte == '"' || byte == '\\') {
            written += write_escape(byte, target + written);
        } else {
            target[written++] = byte;
        }
    }
    return (struct json_text_progress){read, written};
}
