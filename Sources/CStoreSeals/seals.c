#include "store_seals.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t store_seal_hash(const void *bytes, size_t count, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, count, seed);
}

static void put64(unsigned char *to, uint64_t value) {
    for (int i = 0; i < 8; i++) to[i] = (unsigned char)(value >> (8 * i));
}

uint64_t store_seal_event(
    uint64_t offset, uint64_t run_high, uint64_t run_low, uint64_t seq, int64_t at, int64_t kind,
    const void *body, size_t count) {
    unsigned char columns[48];
    put64(columns, offset);
    put64(columns + 8, run_high);
    put64(columns + 16, run_low);
    put64(columns + 24, seq);
    put64(columns + 32, (uint64_t)at);
    put64(columns + 40, (uint64_t)kind);
    return store_seal_hash(body, count, store_seal_hash(columns, sizeof columns, 0));
}

uint64_t store_seal_chain(uint64_t chain, uint64_t sum) {
    unsigned char both[16];
    put64(both, chain);
    put64(both + 8, sum);
    return store_seal_hash(both, sizeof both, 0);
}
