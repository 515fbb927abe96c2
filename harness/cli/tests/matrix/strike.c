/*
 * Preloaded into the command: counts the journal's own calls of write or fdatasync and sends the process a signal at one of
 * them, before it is made. Only the thread that writes the journal counts, so no moment is left out and none is hit by luck.
 *
 * STRIKE_CALL is the call, STRIKE_AT its number from 1, STRIKE_SIGNAL the signal's number.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void strike(const char *call) {
    static int seen; /* of one thread alone */
    const char *wanted = getenv("STRIKE_CALL");
    char thread[16] = "";

    if (wanted == NULL || strcmp(wanted, call) != 0)
        return;
    if (prctl(PR_GET_NAME, thread) != 0 || strcmp(thread, "journal") != 0)
        return;
    if (++seen == atoi(getenv("STRIKE_AT")))
        kill(getpid(), atoi(getenv("STRIKE_SIGNAL")));
}

ssize_t write(int file, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "write");
    strike("write");
    return real(file, bytes, count);
}

int fdatasync(int file) {
    static int (*real)(int);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    strike("fdatasync");
    return real(file);
}
