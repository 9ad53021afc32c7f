// RE2 (Debian libre2-dev) behind a C interface: patterns that are matched in time linear in the text.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cre2_pattern cre2_pattern;

/// Why a pattern could not be compiled.
typedef enum cre2_problem {
    cre2_none,
    /// The syntax is not RE2's, or names something that RE2 does not have.
    cre2_syntax,
    /// The pattern needs more memory than it may have, or repeats too often.
    cre2_too_large,
} cre2_problem;

/// Compiles a pattern in RE2's syntax over UTF-8.
///
/// `max_memory` bounds the program and what is remembered while matching, in bytes. Returns NULL and sets `problem`
/// if it cannot be compiled. The caller owns the result.
cre2_pattern *cre2_compile(const char *pattern, size_t length, int64_t max_memory, cre2_problem *problem);

/// Whether the pattern is found somewhere in the text. Any number of threads may ask at a time.
int cre2_is_found(const cre2_pattern *pattern, const char *text, size_t length);

/// How many instructions the compiled pattern has: matching takes at most this times the text's length.
size_t cre2_size(const cre2_pattern *pattern);

void cre2_free(cre2_pattern *pattern);

#ifdef __cplusplus
}
#endif
