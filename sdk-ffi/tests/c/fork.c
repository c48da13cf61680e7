/* The child of a fork evaluates, says that it is one, opens a client of its own, and never hangs. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHADOW                                                                                                         \
    "{\"flags\": {\"search\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true}, \"defaultVariant\": \"on\","          \
    " \"shadow\": {\"sample\": 1, \"limits\": {\"in_flight\": 1024}}}}}"

static flagcore_client *client;
static flagcore_launch *launch;
static flagcore_ticket *ticket;
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

/* Nothing is sampled, and what the parent began is the parent's. */
static void shadow(void) {
    flagcore_ticket *none = ticket;
    flagcore_shadow_state state;
    flagcore_counts counts;
    flagcore_report *report;
    flagcore_launch *other;
    OK(flagcore_launch_begin(launch, NULL, &none));
    OK(flagcore_launch_state(launch, &state));
    CHECK(none == NULL && state == FLAGCORE_SHADOW_FORKED && flagcore_ticket_copies(ticket) == 1);
    counts.struct_size = sizeof counts;
    FAILS(FLAGCORE_ERROR_FORKED, flagcore_client_launch(client, FLAGCORE_TEXT("search"), &other));
    FAILS(FLAGCORE_ERROR_FORKED, flagcore_launch_counts(launch, &counts));
    FAILS(FLAGCORE_ERROR_FORKED, flagcore_launch_report(launch, FLAGCORE_REPORT_TEXT, &report));
    FAILS(FLAGCORE_ERROR_FORKED, flagcore_client_reports(client, FLAGCORE_REPORT_TEXT, &report));
    FAILS(FLAGCORE_ERROR_FORKED, flagcore_ticket_control(ticket, 1));
    FAILS(FLAGCORE_ERROR_FORKED, flagcore_ticket_compare(ticket, 1, FLAGCORE_TEXT("1"), FLAGCORE_TEXT("2"), 1, NULL, NULL));
    FAILS(FLAGCORE_ERROR_FORKED, flagcore_ticket_end(ticket, 1, FLAGCORE_OUTCOME_MATCH, 1));
    FAILS(FLAGCORE_ERROR_FORKED, flagcore_ticket_fail(ticket, 1, FLAGCORE_TEXT("a"), FLAGCORE_TEXT(""), 1, NULL));
    FAILS(FLAGCORE_ERROR_FORKED, flagcore_ticket_drop(ticket, 1, FLAGCORE_DROP_SHUTDOWN));
    OK(flagcore_ticket_free(ticket));
    OK(flagcore_launch_free(launch));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_ticket_control(ticket, 1));
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
    shadow();
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
    OK(flagcore_options_add_bytes(options, FLAGCORE_TEXT("shadow"), SHADOW, strlen(SHADOW), FLAGCORE_FORMAT_JSON));
    OK(flagcore_client_new(options, &client, NULL));
    OK(flagcore_options_free(options));
    flagcore_flag flag;
    OK(flagcore_client_flag(client, FLAGCORE_TEXT("static"), &flag));
    flagcore_reader *reader = reader_of(client);
    OK(flagcore_client_launch(client, FLAGCORE_TEXT("search"), &launch));
    OK(flagcore_launch_begin(launch, NULL, &ticket));
    CHECK(ticket != NULL);
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
    OK(flagcore_ticket_end(ticket, 1, FLAGCORE_OUTCOME_MATCH, 1));
    flagcore_counts counts;
    counts.struct_size = sizeof counts;
    OK(flagcore_launch_counts(launch, &counts));
    CHECK(counts.matched == 1 && counts.in_flight == 0 && counts.dropped == 0);
    OK(flagcore_ticket_free(ticket));
    OK(flagcore_launch_free(launch));
    OK(flagcore_reader_free(reader));
    OK(flagcore_client_free(client));
    return 0;
}
