#ifndef FERMATA_DESCENDANTS_H
#define FERMATA_DESCENDANTS_H

/// How a process's own children are found.
enum child_listing {
    /// /proc/thread-self/children: some ten microseconds. Kernels with CONFIG_PROC_CHILDREN, which distributions set.
    LIST_BY_KERNEL,
    /// Every /proc/PID/stat with our number as parent: some microseconds for each process of the machine.
    LIST_BY_SCAN,
};

/// Chooses the fastest listing that this kernel has, or the scan if `force_scan`. Once per process, not inherited.
void children_open(int force_scan);

/// Sends SIGKILL to every child of this process and to the process group of each. Returns how many children it saw.
///
/// This process must be a child subreaper with a process group that no descendant can join. Then a descendant that is
/// not a child becomes one when its parent has died, and a few rounds of this function and waitpid reach them all:
///
/// - The number of a child cannot be given to another process before we reap it, so that nobody else is ever hit.
/// - A signal to a group reaches every member in one step, and fork fails in a process with a signal pending: a group
///   that forks in a loop cannot outrun it.
/// - waitpid answering ECHILD is the kernel's own proof that no descendant is left: a daemon has no other place to go.
int children_kill(void);

#endif
