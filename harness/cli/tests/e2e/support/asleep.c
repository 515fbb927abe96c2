/*
 * Preloaded into the command: as soon as the file SLEPT_FILE is there, the kernel says that the machine has slept for 90 s.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    int status;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    status = real(clock, now);
    if (status == 0 && clock == CLOCK_BOOTTIME && access(getenv("SLEPT_FILE"), F_OK) == 0)
        now->tv_sec += 90;
    return status;
}
