#include "CRE2.h"

#include <new>

#include <re2/re2.h>

struct cre2_pattern {
    RE2 re2;
    cre2_pattern(const re2::StringPiece &pattern, const RE2::Options &options) : re2(pattern, options) {}
};

static cre2_problem problem_of(RE2::ErrorCode code) {
    switch (code) {
    case RE2::NoError: return cre2_none;
    case RE2::ErrorPatternTooLarge:
    case RE2::ErrorRepeatSize: return cre2_too_large;
    default: return cre2_syntax;
    }
}

cre2_pattern *cre2_compile(const char *pattern, size_t length, int64_t max_memory, cre2_problem *problem) {
    RE2::Options options(RE2::Quiet);
    options.set_max_mem(max_memory);
    options.set_never_capture(true);
    cre2_pattern *compiled =
        new (std::nothrow) cre2_pattern(re2::StringPiece(pattern, length), options);
    if (compiled == nullptr) {
        *problem = cre2_too_large;
        return nullptr;
    }
    *problem = problem_of(compiled->re2.error_code());
    if (*problem == cre2_none) return compiled;
    delete compiled;
    return nullptr;
}

int cre2_is_found(const cre2_pattern *pattern, const char *text, size_t length) {
    return RE2::PartialMatch(re2::StringPiece(text, length), pattern->re2);
}

size_t cre2_size(const cre2_pattern *pattern) { return static_cast<size_t>(pattern->re2.ProgramSize()); }

void cre2_free(cre2_pattern *pattern) { delete pattern; }
