/* A page that depends on who asks: a small HTTP server, with one reader per thread.
 *
 *     cc -std=c99 -O2 -pthread server.c $(pkg-config --cflags --libs flagcore) -o server
 *     ./server flags.json 8080                              # a free port for 0; SIGINT or SIGTERM ends it
 *     curl -i 'localhost:8080/?user=user-1&plan=pro'        # then edit flags.json, and ask again
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <flagcore.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { THREADS = 4, REQUEST_BYTES = 8192, PATIENCE_SECONDS = 5 };

static flagcore_client *client;
static flagcore_flag checkout, banner;
static int listener;

/* Ends the program unless a call did what it says. For calls that only fail if the program is wrong. */
static void must(flagcore_status status) {
    flagcore_text why = {"", 0};
    if (status == FLAGCORE_OK) return;
    flagcore_last_error(&why);
    fprintf(stderr, "%.*s\n", FLAGCORE_PRINT(why));
    exit(1);
}

/* Sets an attribute of the context for each name=value of the query. Percent signs are left as they are. */
static flagcore_status know(flagcore_context *user, const char *query, const char *end) {
    flagcore_status status = flagcore_context_clear(user);
    while (status == FLAGCORE_OK && query < end) {
        const char *stop = memchr(query, '&', (size_t)(end - query));
        if (!stop) stop = end;
        const char *equals = memchr(query, '=', (size_t)(stop - query));
        if (equals) {
            size_t name_length = (size_t)(equals - query), length = (size_t)(stop - equals - 1);
            status = name_length == 4 && memcmp(query, "user", 4) == 0
                         ? flagcore_context_set_targeting_key(user, equals + 1, length)
                         : flagcore_context_set_string(user, query, name_length, equals + 1, length);
        }
        query = stop < end ? stop + 1 : end;
    }
    return status;
}

/* Reads the head of a request, and gives the end of its first line; NULL where there is none. */
static const char *receive(int connection, char *request) {
    size_t length = 0;
    while (length < REQUEST_BYTES - 1) {
        ssize_t got = recv(connection, request + length, REQUEST_BYTES - 1 - length, 0);
        if (got <= 0) return NULL;
        length += (size_t)got;
        request[length] = 0;
        if (strstr(request, "\r\n\r\n")) return strstr(request, "\r\n");
    }
    return NULL;
}

static void respond(int connection, flagcore_reader *reader, flagcore_context *user) {
    static const char no_banner[] = "Welcome";
    char request[REQUEST_BYTES], answer[2048];
    flagcore_detail detail;
    flagcore_text line;
    const char *end = receive(connection, request), *query, *stop;
    if (!end) return;
    query = memchr(request, '?', (size_t)(end - request));
    query = query ? query + 1 : end;
    stop = memchr(query, ' ', (size_t)(end - query));
    /* What a context refuses is remembered: the flags then give their fallbacks, and the detail says why. */
    know(user, query, stop ? stop : end);

    /* One state of the flags for the whole of a request, whatever is published meanwhile. */
    must(flagcore_reader_hold(reader));
    bool is_new = flagcore_reader_is_enabled(reader, checkout, user);
    must(flagcore_reader_get_string(reader, banner, user, no_banner, sizeof no_banner - 1, &line));
    detail.struct_size = sizeof detail;
    must(flagcore_reader_detail(reader, checkout, FLAGCORE_TYPE_BOOLEAN, user, &detail));
    int length = snprintf(answer, sizeof answer,
                          "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
                          "X-Checkout: %.*s %s\r\n\r\nthe %s checkout\n%.*s\n",
                          FLAGCORE_PRINT(detail.variant), flagcore_reason_text(detail.reason), is_new ? "new" : "old",
                          FLAGCORE_PRINT(line));
    must(flagcore_reader_release(reader));
    if (length >= (int)sizeof answer) length = (int)sizeof answer - 1;
    send(connection, answer, (size_t)length, MSG_NOSIGNAL);
    shutdown(connection, SHUT_WR);
}

static void *serve(void *nothing) {
    flagcore_reader *reader;
    flagcore_context *user;
    struct timeval patience = {PATIENCE_SECONDS, 0};
    int connection;
    must(flagcore_reader_new(client, &reader));
    must(flagcore_context_new(&user));
    while ((connection = accept(listener, NULL, NULL)) >= 0 || errno == ECONNABORTED || errno == EINTR) {
        if (connection < 0) continue;
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        respond(connection, reader, user);
        close(connection);
    }
    flagcore_context_free(user);
    flagcore_reader_free(reader);
    return nothing;
}

int main(int count, char **arguments) {
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    pthread_t threads[THREADS];
    flagcore_error *error;
    flagcore_text why = {"", 0};
    sigset_t ends;
    int signal;

    if (count != 3) {
        fprintf(stderr, "usage: %s FLAGS PORT\n", arguments[0]);
        return 2;
    }
    must(flagcore_check());
    /* Blocked before the client's own thread begins, so that only sigwait below takes them. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    if (flagcore_client_open(FLAGCORE_STRING(arguments[1]), &client, &error) != FLAGCORE_OK) {
        flagcore_error_message(error, &why);
        fprintf(stderr, "%.*s\n", FLAGCORE_PRINT(why));
        flagcore_error_free(error);
        return 1;
    }
    must(flagcore_client_flag(client, FLAGCORE_TEXT("checkout"), &checkout));
    must(flagcore_client_flag(client, FLAGCORE_TEXT("banner"), &banner));

    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)atoi(arguments[2]));
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        perror("listening");
        return 1;
    }
    for (int number = 0; number < THREADS; number++) {
        if (pthread_create(&threads[number], NULL, serve, NULL) != 0) {
            perror("starting a thread");
            return 1;
        }
    }
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);

    sigwait(&ends, &signal);
    shutdown(listener, SHUT_RDWR);
    for (int number = 0; number < THREADS; number++) pthread_join(threads[number], NULL);
    close(listener);
    flagcore_client_free(client);
    return 0;
}
