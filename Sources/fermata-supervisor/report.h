#ifndef FERMATA_REPORT_H
#define FERMATA_REPORT_H

#include <stdint.h>

/// The descriptor of the socket to the service: SOCK_SEQPACKET, so that a message is one read.
enum { CONTROL = 3 };

/// What the service sends: one byte. The end of the connection means the same.
enum { KILL = 'K' };

/// What the supervisor sends: one of these, in the machine's own byte order (both ends are one build on one machine).
/// Tools/SupervisorReport.swift reads them.
enum report_kind {
    /// The second process of the supervisor, which keeps the command: value is its number.
    REPORT_KEEPER = 'P',
    /// The command could not be started: value is errno, detail the step (`enum start_step`).
    REPORT_FAILED = 'F',
    /// The command itself has ended: value is its wait status, detail is 1 if a kill had been asked for before.
    REPORT_ENDED = 'E',
    /// A process of the supervisor was killed from outside; the other one kills the descendants.
    REPORT_BROKEN = 'X',
    /// No descendant is left. The last report.
    REPORT_NONE_LEFT = 'N',
};

enum start_step { STEP_FORK = 1, STEP_DIRECTORY = 2, STEP_EXECUTE = 3 };

struct report {
    int32_t kind;
    int32_t value;
    int32_t detail;
};

/// Never blocks and never fails: if the service is gone, nobody needs it.
void report(enum report_kind kind, int value, int detail);

#endif
