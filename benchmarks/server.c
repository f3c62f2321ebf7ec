/* Voices for a server, in real time: `server PORT PATH STREAMS BYTES MILLISECONDS SECONDS`.
 *
 * Each of STREAMS WebSockets on loopback sends a packet of BYTES every MILLISECONDS, whether answers come or not, and
 * the streams are as far apart in time as they can be. A tick is a millisecond: what is due is sent, what has come is
 * read. An answer may come in any cut; a packet is answered when as many bytes have come back as were sent up to its
 * end. Printed as JSON: how long answers took, what was lost or refused, and what this program took itself.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_BYTES = 65000, MAX_EVENTS = 256, LATE_MS = 40, BINARY = 2, CLOSE = 8 };

typedef struct {
    int socket;
    long sent, answered;         /* packets */
    size_t back;                 /* bytes of samples that came back */
    unsigned char header[10];    /* of the message that comes */
    int header_bytes;
    size_t left;                 /* bytes of it that are missing */
    double *times;               /* when each packet was sent */
} voice;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double own_seconds(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int by_size(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* A connection after its handshake; -1 if the server gives none. */
static int connected(int port, const char *path) {
    const int s = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(s, (struct sockaddr *)&address, sizeof address)) return -1;
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    dprintf(s, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, port);
    char head[4096];
    size_t size = 0;
    while (size < sizeof head && !(size > 3 && !memcmp(head + size - 4, "\r\n\r\n", 4)))
        if (read(s, head + size++, 1) != 1) return -1;
    if (memcmp(head + 9, "101", 3)) return -1;
    fcntl(s, F_SETFL, O_NONBLOCK);
    return s;
}

/* A packet of noise as a masked message. */
static size_t packet(unsigned char *to, size_t bytes) {
    const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    size_t size = 0;
    to[size++] = 0x80 | BINARY;
    if (bytes < 126) to[size++] = (unsigned char)(0x80 | bytes);
    else {
        to[size++] = 0x80 | 126;
        to[size++] = (unsigned char)(bytes >> 8);
        to[size++] = (unsigned char)bytes;
    }
    memcpy(to + size, mask, 4);
    size += 4;
    for (size_t i = 0; i < bytes; i += 2) {
        const short sample = (short)(rand() % 8000 - 4000);
        to[size + i] = (unsigned char)sample ^ mask[i & 3];
        to[size + i + 1] = (unsigned char)(sample >> 8) ^ mask[(i + 1) & 3];
    }
    return size + bytes;
}

/* Bytes that a header promises, once it is complete; -1 before. */
static long promised(const voice *v) {
    const unsigned char *h = v->header;
    const int length = h[1] & 127, wanted = length < 126 ? 2 : length == 126 ? 4 : 10;
    if (v->header_bytes < 2 || v->header_bytes < wanted) return -1;
    long size = length < 126 ? length : 0;
    for (int i = 2; i < wanted; ++i) size = size << 8 | h[i];
    return size;
}

int main(int count, char **arguments) {
    if (count != 7) return fprintf(stderr, "server PORT PATH STREAMS BYTES MILLISECONDS SECONDS\n"), 2;
    const int port = atoi(arguments[1]), streams = atoi(arguments[3]);
    const size_t bytes = (size_t)atol(arguments[4]);
    const double milliseconds = atof(arguments[5]), seconds = atof(arguments[6]);
    const long packets = (long)(seconds * 1e3 / milliseconds);
    static unsigned char message[MAX_BYTES + 14], buffer[1 << 16];
    if (bytes > MAX_BYTES || streams < 1 || packets < 1) return 2;
    const size_t message_bytes = packet(message, bytes);
    voice *voices = calloc((size_t)streams, sizeof *voices);
    float *took = malloc((size_t)streams * (size_t)packets * sizeof *took);
    const int epoll = epoll_create1(0);
    int open = 0, refused = 0, lost = 0;
    for (int i = 0; i < streams; ++i) {
        voices[i].socket = connected(port, arguments[2]);
        voices[i].times = malloc((size_t)packets * sizeof(double));
        if (voices[i].socket < 0) { ++refused; continue; }
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (unsigned)i};
        epoll_ctl(epoll, EPOLL_CTL_ADD, voices[i].socket, &event);
        ++open;
    }
    const double start = now() + 0.1, own = own_seconds();
    long answers = 0, late = 0, sent = 0;
    printf("{\"begins\": true}\n");
    fflush(stdout);
    while (open && now() < start + seconds + 5) {
        const double tick = now();
        long busy = 0;
        for (int i = 0; i < streams; ++i) {
            voice *v = voices + i;
            while (v->socket >= 0 && v->sent < packets &&
                   start + 1e-3 * milliseconds * ((double)v->sent + (double)i / streams) <= tick) {
                v->times[v->sent] = now();
                if (write(v->socket, message, message_bytes) != (ssize_t)message_bytes) break; /* told by what is missing */
                ++v->sent;
                ++sent;
            }
            busy += v->socket >= 0 && v->answered < packets;
        }
        if (!busy) break;
        const double left = tick + 1e-3 - now();
        if (left > 0) nanosleep(&(struct timespec){0, (long)(left * 1e9)}, NULL);
        struct epoll_event events[MAX_EVENTS];
        const int ready = epoll_wait(epoll, events, MAX_EVENTS, 0);
        const double came = now();
        for (int i = 0; i < ready; ++i) {
            voice *v = voices + events[i].data.u32;
            const ssize_t size = read(v->socket, buffer, sizeof buffer);
            int is_over = size <= 0 && !(size < 0 && errno == EAGAIN);
            for (ssize_t at = 0; at < size;) {
                if (!v->left) {
                    v->header[v->header_bytes++] = buffer[at++];
                    const long next = promised(v);
                    if (next < 0) continue;
                    is_over |= (v->header[0] & 15) == CLOSE;
                    v->left = (size_t)next;
                    if (!next) v->header_bytes = 0;
                    continue;
                }
                const size_t part = v->left < (size_t)(size - at) ? v->left : (size_t)(size - at);
                if ((v->header[0] & 15) == BINARY) v->back += part;
                at += (ssize_t)part;
                if (!(v->left -= part)) v->header_bytes = 0;
            }
            for (; v->answered < v->sent && v->back >= (size_t)(v->answered + 1) * bytes; ++v->answered) {
                took[answers] = (float)(1e3 * (came - v->times[v->answered]));
                late += took[answers++] > LATE_MS;
            }
            if (is_over) {
                ++*(v->answered ? &lost : &refused);
                sent -= v->answered ? 0 : v->sent;
                close(v->socket);
                v->socket = -1;
                --open;
            }
        }
    }
    const double lasted = now() - start, took_itself = own_seconds() - own;
    qsort(took, (size_t)answers, sizeof *took, by_size);
    const long last = answers ? answers - 1 : 0;
    printf("{\"asked\": %d, \"refused\": %d, \"lost_streams\": %d, \"unanswered\": %ld, \"answers\": %ld, ", streams, refused,
           lost, sent - answers, answers);
    printf("\"median_ms\": %.2f, \"p99_ms\": %.2f, \"p999_ms\": %.2f, \"maximum_ms\": %.1f, ", took[last / 2],
           took[(long)(0.99 * (double)last)], took[(long)(0.999 * (double)last)], took[last]);
    printf("\"within_40_ms\": %.6f, \"own_share_of_a_core\": %.3f}\n", answers ? 1 - (double)late / (double)answers : 0.0,
           took_itself / lasted);
    return 0;
}
