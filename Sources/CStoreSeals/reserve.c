#define _GNU_SOURCE
#include "store_seals.h"

#include <errno.h>
#include <fcntl.h>

int store_reserve_room(int descriptor, int64_t bytes) {
    return fallocate(descriptor, 0, 0, (off_t)bytes) == 0 ? 0 : errno;
}
