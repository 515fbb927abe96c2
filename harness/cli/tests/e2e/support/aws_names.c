/*
 * Preloaded into the command: AWS's names are those of this machine, and its port 443 is AWS_FRONT_PORT. Nothing else is
 * led anywhere, so a test that meets AWS's names meets the real ones nowhere.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int is_of_aws(const char *name) {
    static const char domain[] = ".amazonaws.com";
    size_t length = strlen(name), end = sizeof domain - 1;
    return length > end && strcasecmp(name + length - end, domain) == 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node != NULL && is_of_aws(node) ? "127.0.0.1" : node, service, hints, found);
}

int connect(int socket, const struct sockaddr *address, socklen_t length) {
    static int (*real)(int, const struct sockaddr *, socklen_t);
    struct sockaddr_in led;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "connect");
    if (address->sa_family != AF_INET || length < sizeof led)
        return real(socket, address, length);
    memcpy(&led, address, sizeof led);
    if (led.sin_port != htons(443) || led.sin_addr.s_addr != htonl(INADDR_LOOPBACK))
        return real(socket, address, length);
    led.sin_port = htons((unsigned short)atoi(getenv("AWS_FRONT_PORT")));
    return real(socket, (struct sockaddr *)&led, sizeof led);
}
