#include "store_seals.h"

#include <sys/prctl.h>

void store_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
