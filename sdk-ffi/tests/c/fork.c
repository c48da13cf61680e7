/* The child of a fork evaluates, says that it is one, opens a client of its own, and never hangs. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static flagcore_client *client;
static volatile int stop;

/* Keeps the locks of the library busy while the process forks. */
static void *disturb(void *none) {
    char key[32];
    for (unsigned turn = 0; !stop; turn++) {
        flagcore_flag flag;
        snprintf(key, sizeof key, "key-%u", turn % 50);
        OK(flagcore_client_update(client, FLAGCORE_TEXT("flags"), FLAGS, strlen(FLAGS), FLAGCORE_FORMAT_JSON, NULL));
        OK(flagcore_client_flag(client, FLAGCORE_STRING(key), &flag));
        OK(flagcore_client_refresh(client));
        flagcore_context *context = new_context();
        OK(flagcore_context_free(context));
    }
    return none;
}

static int child(flagcore_reader *reader, flagcore_flag flag, bool exits) {
    alarm(60);
    CHECK(flagcore_reader_is_enabled(reader, flag, NULL));
    flagcore_detail it;
    it.struct_size = sizeof it;
    OK(flagcore_reader_detail(reader, flag, FLAGCORE_TYPE_BOOLEAN, NULL, &it));
    CHECK(it.value.boolean && (it.marks & FLAGCORE_MARK_FORKED) != 0);
    flagcore_state state;
    OK(flagcore_client_state(client, &state));
    CHECK(state == FLAGCORE_STATE_FORKED);
    flagcore_flag other;
    FAILS(FLAGCORE_ERROR_FORKED, flagcore_client_flag(client, FLAGCORE_TEXT("a"), &other));
    FAILS(FLAGCORE_ERROR_FORKED, flagcore_client_refresh(client));
    FAILS(FLAGCORE_ERROR_FORKED, flagcore_client_update(client, FLAGCORE_TEXT("flags"), "{}", 2, FLAGCORE_FORMAT_JSON, NULL));
    flagcore_reader *another = reader_of(client);
    CHECK(flagcore_reader_is_enabled(another, flag, NULL));
    if (exits) return 0;
    OK(flagcore_reader_free(another));
    OK(flagcore_reader_free(reader));
    OK(flagcore_client_free(client));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_client_free(client));

    /* Starting again is opening again. */
    flagcore_options *options;
    OK(flagcore_options_new(&options));
    OK(flagcore_options_add_bytes(options, FLAGCORE_TEXT("flags"), FLAGS, strlen(FLAGS), FLAGCORE_FORMAT_JSON));
    OK(flagcore_client_new(options, &client, NULL));
    OK(flagcore_options_free(options));
    OK(flagcore_client_state(client, &state));
    CHECK(state == FLAGCORE_STATE_READY);
    OK(flagcore_client_flag(client, FLAGCORE_TEXT("static"), &flag));
    reader = reader_of(client);
    OK(flagcore_reader_detail(reader, flag, FLAGCORE_TYPE_BOOLEAN, NULL, &it));
    CHECK(it.value.boolean && it.marks == 0);
    OK(flagcore_reader_free(reader));
    OK(flagcore_client_free(client));
    return 0;
}

int main(int count, char **arguments) {
    int amount = count > 2 ? atoi(arguments[2]) : 20000;
    int forks = amount / 500 + 2;
    flagcore_options *options;
    OK(flagcore_options_new(&options));
    OK(flagcore_options_add_bytes(options, FLAGCORE_TEXT("flags"), FLAGS, strlen(FLAGS), FLAGCORE_FORMAT_JSON));
    OK(flagcore_client_new(options, &client, NULL));
    OK(flagcore_options_free(options));
    flagcore_flag flag;
    OK(flagcore_client_flag(client, FLAGCORE_TEXT("static"), &flag));
    flagcore_reader *reader = reader_of(client);
    pthread_t disturber;
    /* Of nothing: a host's allocator may be one that does not survive the fork of a busy process. */
    bool disturbed = amount > 0;
    if (disturbed) CHECK(pthread_create(&disturber, NULL, disturb, NULL) == 0);
    for (int turn = 0; turn < forks; turn++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            int code = child(reader, flag, turn % 2 == 0);
            if (turn % 2 == 0) exit(code);
            _exit(code);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        /* The parent notices nothing. */
        flagcore_detail it;
        it.struct_size = sizeof it;
        OK(flagcore_reader_detail(reader, flag, FLAGCORE_TYPE_BOOLEAN, NULL, &it));
        CHECK(it.marks == 0);
    }
    stop = 1;
    if (disturbed) CHECK(pthread_join(disturber, NULL) == 0);
    OK(flagcore_reader_free(reader));
    OK(flagcore_client_free(client));
    return 0;
}
