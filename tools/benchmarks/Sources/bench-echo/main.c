#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

/* The raw nng server that Fermata is compared with: bench-echo URL REPLY-BYTES CONTEXTS */
int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: bench-echo URL REPLY-BYTES CONTEXTS\n");
        return 2;
    }
    if (bench_echo(arguments[1], strtoul(arguments[2], NULL, 10), strtoul(arguments[3], NULL, 10)) == 0) return 0;
    fprintf(stderr, "bench-echo: %s\n", bench_error());
    return 1;
}
