// What of Linux's processes and threads Swift's Glibc does not show: variadic functions, and a member of a union.
#ifndef CPROCESS_SHIM_H
#define CPROCESS_SHIM_H

#include <errno.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>

// Orphans among this process's descendants become its children. 0, or -1 with errno.
static inline int cprocess_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

// A child that has ended and is not reaped yet, which it stays; 0: none has; -1: there are no children.
static inline pid_t cprocess_ended_child(void) {
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : -1;
}

// Whether this process has a child, whatever it was started by. True also if the kernel does not say.
static inline int cprocess_has_children(void) {
    siginfo_t info = {0};
    return !(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 && errno == ECHILD);
}

// Names the calling thread, in at most 15 bytes.
static inline void cprocess_name_thread(const char *name) { prctl(PR_SET_NAME, name); }

#endif
