#include "store_seals.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static const char *last_words;
static int last_status;

static void end_here(int signal) {
    (void)signal;
    ssize_t written = write(STDERR_FILENO, last_words, strlen(last_words));
    (void)written;
    _exit(last_status);
}

void store_end_at_bus_error(const char *message, int status) {
    last_words = message;
    last_status = status;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = end_here;
    sigaction(SIGBUS, &action, 0);
}
