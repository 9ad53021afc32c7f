#define _GNU_SOURCE
#include "descendants.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum child_listing listing;
static int children_file = -1;

void children_open(int force_scan) {
    // "thread-self" is resolved here, and a child of fork is another thread: everyone opens its own.
    if (children_file >= 0) close(children_file);
    children_file = force_scan ? -1 : open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    listing = children_file >= 0 ? LIST_BY_KERNEL : LIST_BY_SCAN;
}

static void kill_child(pid_t child) {
    pid_t group = getpgid(child);
    if (group > 1 && group != getpgrp()) kill(-group, SIGKILL);
    kill(child, SIGKILL);
}

/// Numbers separated by spaces. One that straddles two reads is put together; one that a full list leaves out, because
/// a sibling before it ended meanwhile, is seen by the next round.
static int kill_listed(void) {
    char text[16384];
    int seen = 0;
    pid_t number = 0;
    if (lseek(children_file, 0, SEEK_SET) < 0) return 0;
    for (;;) {
        ssize_t count = read(children_file, text, sizeof text);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return seen;
        for (ssize_t i = 0; i < count; i++) {
            if (isdigit((unsigned char)text[i])) {
                number = number * 10 + (text[i] - '0');
            } else if (number > 0) {
                kill_child(number);
                number = 0;
                seen++;
            }
        }
    }
}

/// The parent of a process, or -1 if it is gone. Its name, in parentheses, may hold anything: the last one counts.
static pid_t parent_of(const char *number) {
    char path[64], stat[1024];
    snprintf(path, sizeof path, "/proc/%.20s/stat", number);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t count = read(file, stat, sizeof stat - 1);
    close(file);
    if (count <= 0) return -1;
    stat[count] = 0;
    char *end = strrchr(stat, ')');
    int parent;
    char state;
    return end && sscanf(end + 1, " %c %d", &state, &parent) == 2 ? parent : -1;
}

static int kill_scanned(void) {
    int seen = 0;
    pid_t self = getpid();
    DIR *processes = opendir("/proc");
    if (!processes) return 0;
    for (struct dirent *entry; (entry = readdir(processes));) {
        if (!isdigit((unsigned char)entry->d_name[0]) || parent_of(entry->d_name) != self) continue;
        kill_child((pid_t)atoi(entry->d_name));
        seen++;
    }
    closedir(processes);
    return seen;
}

int children_kill(void) { return listing == LIST_BY_KERNEL ? kill_listed() : kill_scanned(); }
