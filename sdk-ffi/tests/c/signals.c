/* A storm of signals interrupts every call; the host's handlers stay the host's. */
#define _XOPEN_SOURCE 700
#include "check.h"
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t storms;

static void count_it(int number) {
    (void)number;
    storms++;
}

int main(int count, char **arguments) {
    int rounds = count > 2 ? atoi(arguments[2]) / 40 : 250;
    char path[4096];
    snprintf(path, sizeof path, "%s/signals-c-%ld.json", count > 1 ? arguments[1] : ".", (long)getpid());

    struct sigaction before[32], now;
    memset(&now, 0, sizeof now);
    now.sa_handler = count_it;
    CHECK(sigaction(SIGALRM, &now, NULL) == 0);
    for (int number = 1; number < 32; number++) {
        memset(&before[number], 0, sizeof before[number]);
        sigaction(number, NULL, &before[number]);
    }
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);

    flagcore_context *user = new_context();
    OK(flagcore_context_set_string(user, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
    for (int round = 0; round < rounds; round++) {
        FILE *file = fopen(path, "w");
        CHECK(file != NULL && fputs(FLAGS, file) >= 0 && fclose(file) == 0);
        flagcore_client *client;
        OK(flagcore_client_open(FLAGCORE_STRING(path), &client, NULL));
        flagcore_reader *reader = reader_of(client);
        flagcore_flag flag;
        OK(flagcore_client_flag(client, FLAGCORE_TEXT("targeted"), &flag));
        for (int turn = 0; turn < 100; turn++) CHECK(flagcore_reader_is_enabled(reader, flag, user));
        OK(flagcore_reader_free(reader));
        OK(flagcore_client_free(client));
    }
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    CHECK(storms > 0);
    for (int number = 1; number < 32; number++) {
        memset(&now, 0, sizeof now);
        sigaction(number, NULL, &now);
        CHECK(now.sa_handler == before[number].sa_handler);
    }
    OK(flagcore_context_free(user));
    CHECK(remove(path) == 0);
    return 0;
}
