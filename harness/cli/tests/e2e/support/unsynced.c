/*
 * Preloaded into the command: once a file of its has been told that the run has ended, nothing reaches the disk any more.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static int ended;

ssize_t write(int file, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "write");
    if (memmem(bytes, count, "\"run-ended\"", 11) != NULL)
        ended = 1;
    return real(file, bytes, count);
}

int fdatasync(int file) {
    static int (*real)(int);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    if (ended) {
        errno = EIO;
        return -1;
    }
    return real(file);
}
