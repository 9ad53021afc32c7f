#define _GNU_SOURCE
#include "internal.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

static int refuse(const char *what) { return bench_fail(errno, what, strerror(errno)); }

int bench_spawn(
    const char *path, char *const arguments[], char *const environment[], const char *log, bench_process *process) {
    int input[2], output[2];
    if (pipe2(input, O_CLOEXEC) || pipe2(output, O_CLOEXEC)) return refuse("pipe");
    int errors = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    process->started = bench_now();
    /* Not fork: its time grows with this process. */
    pid_t pid = vfork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(input[0], 0);
        dup2(output[1], 1);
        if (errors >= 0) dup2(errors, 2);
        execve(path, arguments, environment);
        _exit(127);
    }
    close(input[0]);
    close(output[1]);
    if (errors >= 0) close(errors);
    if (pid < 0) return refuse(path);
    process->pid = pid;
    process->input = input[1];
    process->output = output[0];
    return 0;
}

int bench_wait_line(bench_process *process, uint64_t *at) {
    char byte = 0;
    while (byte != '\n') {
        ssize_t count = read(process->output, &byte, 1);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return bench_fail(-1, "a program that was started", "it ended before it was ready");
    }
    *at = bench_now();
    return 0;
}

int bench_end(bench_process *process) {
    close(process->input);
    close(process->output);
    kill(process->pid, SIGTERM);
    int status = 0;
    for (int i = 0; i < 10000; i++) {
        pid_t result = waitpid(process->pid, &status, WNOHANG);
        if (result == process->pid) return 0;
        if (result < 0) return refuse("wait");
        usleep(1000);
    }
    kill(process->pid, SIGKILL);
    waitpid(process->pid, &status, 0);
    return bench_fail(-1, "a program that was started", "it did not end within 10 s of SIGTERM");
}

int bench_sync_times(const char *path, size_t bytes, size_t count, uint64_t *times) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return refuse(path);
    char *buffer = malloc(bytes);
    int result = 0;
    for (size_t i = 0; i <= count && result == 0; i++) {
        memset(buffer, (int)i, bytes);
        if (pwrite(file, buffer, bytes, 0) != (ssize_t)bytes) result = refuse(path);
        uint64_t begun = bench_now();
        if (fdatasync(file)) result = refuse(path);
        /* The first one makes the file. */
        if (i > 0) times[i - 1] = bench_now() - begun;
    }
    free(buffer);
    close(file);
    return result;
}

void bench_file_system(const char *path, char *name, size_t size) {
    struct statfs status;
    if (statfs(path, &status)) {
        snprintf(name, size, "unknown");
        return;
    }
    switch ((unsigned long)status.f_type) {
    case 0xEF53: snprintf(name, size, "ext4"); break;
    case 0x58465342: snprintf(name, size, "xfs"); break;
    case 0x9123683E: snprintf(name, size, "btrfs"); break;
    case 0x01021994: snprintf(name, size, "tmpfs"); break;
    case 0x794c7630: snprintf(name, size, "overlayfs"); break;
    case 0x2fc12fc1: snprintf(name, size, "zfs"); break;
    default: snprintf(name, size, "0x%lx", (unsigned long)status.f_type);
    }
}

const char *bench_curl_version(void) { return curl_version_info(CURLVERSION_NOW)->version; }
