#ifndef FERMATA_BENCH_INTERNAL_H
#define FERMATA_BENCH_INTERNAL_H

#include "bench.h"

/* Notes why, for bench_error(), and gives `code`. */
int bench_fail(int code, const char *what, const char *why);

#endif
