/* A host builds a dark launch: the control answers, copies run on another thread, the library decides and counts. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include <pthread.h>
#include <time.h>

#define MS UINT64_C(1000000)

/* Everything is sampled, and nothing stops it by itself, unless a block says otherwise. */
#define BLOCK(more)                                                                                                    \
    "{\"sample\": 1, \"breaker\": {\"failures\": \"100%\", \"min\": 10000, \"primary_p99\": \"off\"}" more "}"
#define FILE_OF(state, block)                                                                                          \
    "{\"flags\": {\"search\": {\"state\": \"" state "\", \"variants\": {\"on\": true}, \"defaultVariant\": \"on\","    \
    " \"shadow\": " block "}}}"
#define ON(more) FILE_OF("ENABLED", BLOCK(", \"limits\": {\"rate\": \"100000/s\"" more "}"))

static flagcore_launch *launch_of(const flagcore_client *client) {
    flagcore_launch *launch;
    OK(flagcore_client_launch(client, FLAGCORE_TEXT("search"), &launch));
    return launch;
}

static flagcore_ticket *begin(const flagcore_launch *launch) {
    flagcore_ticket *ticket;
    OK(flagcore_launch_begin(launch, NULL, &ticket));
    return ticket;
}

static flagcore_counts counts_of(const flagcore_launch *launch) {
    flagcore_counts counts;
    counts.struct_size = sizeof counts;
    OK(flagcore_launch_counts(launch, &counts));
    return counts;
}

static flagcore_shadow_state state_of(const flagcore_launch *launch) {
    flagcore_shadow_state state;
    OK(flagcore_launch_state(launch, &state));
    return state;
}

static void edit(const flagcore_client *client, const char *json) {
    OK(flagcore_client_update(client, FLAGCORE_TEXT("flags"), json, strlen(json), FLAGCORE_FORMAT_JSON, NULL));
}

static bool holds(flagcore_text text, const char *part) {
    size_t length = strlen(part);
    for (size_t at = 0; at + length <= text.length; at++) {
        if (memcmp(text.data + at, part, length) == 0) return true;
    }
    return false;
}

static bool report_holds(const flagcore_launch *launch, flagcore_report_form form, const char *part) {
    flagcore_report *report;
    flagcore_text text;
    OK(flagcore_launch_report(launch, form, &report));
    OK(flagcore_report_text(report, &text));
    bool found = holds(text, part);
    if (!found) fprintf(stderr, "%.*s\n", FLAGCORE_PRINT(text));
    OK(flagcore_report_free(report));
    return found;
}

/* Lets the launch's own thread take a turn. */
static void pause_a_while(void) {
    const struct timespec pause = {0, 1000 * 1000};
    nanosleep(&pause, NULL);
}

enum { TURNS = 60 * 1000 };

/* -------------------------------------------------------------------------------------------- a host */

struct job {
    flagcore_ticket *ticket;
    int query;
    char answer[64];
};

/* Jobs on their way from the thread that answers to the one that runs candidates; a ticket of NULL is the last. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct job *jobs;
    size_t first, last, room;
} queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, 0, 0, 0};

static void push(struct job job) {
    CHECK(pthread_mutex_lock(&queue.lock) == 0);
    CHECK(queue.last < queue.room);
    queue.jobs[queue.last++] = job;
    CHECK(pthread_cond_signal(&queue.filled) == 0);
    CHECK(pthread_mutex_unlock(&queue.lock) == 0);
}

static struct job pop(void) {
    CHECK(pthread_mutex_lock(&queue.lock) == 0);
    while (queue.first == queue.last) CHECK(pthread_cond_wait(&queue.filled, &queue.lock) == 0);
    struct job job = queue.jobs[queue.first++];
    CHECK(pthread_mutex_unlock(&queue.lock) == 0);
    return job;
}

static void old_search(int query, char *answer, size_t room) {
    snprintf(answer, room, "{\"total\": %d, \"took_ms\": 12}", query);
}

/* The new code: wrong for 1, broken for 2, slow for 3, right but for what is ignored from 4 on. */
static void run_copies(const struct job *job) {
    for (uint32_t copy = 1; copy <= flagcore_ticket_copies(job->ticket); copy++) {
        char answer[64];
        flagcore_outcome outcome = 0;
        flagcore_text differences;
        if (job->query == 2) {
            OK(flagcore_ticket_fail(job->ticket, copy, FLAGCORE_TEXT("Busy"), FLAGCORE_TEXT("try later"), 4 * MS, &outcome));
            CHECK(outcome == FLAGCORE_OUTCOME_FAILED);
            continue;
        }
        if (job->query == 3) {
            uint64_t timeout = flagcore_ticket_timeout_ns(job->ticket);
            CHECK(timeout == 250 * MS);
            OK(flagcore_ticket_end(job->ticket, copy, FLAGCORE_OUTCOME_TIMEOUT, timeout));
            continue;
        }
        if (job->query == 0) {
            old_search(job->query, answer, sizeof answer);
        } else {
            snprintf(answer, sizeof answer, "{\"took_ms\": 4, \"total\": %d}", job->query == 1 ? 7 : job->query);
        }
        OK(flagcore_ticket_compare(job->ticket, copy, FLAGCORE_STRING(job->answer), FLAGCORE_STRING(answer), 4 * MS,
                                   &outcome, &differences));
        if (job->query == 0) CHECK(outcome == FLAGCORE_OUTCOME_MATCH && is(differences, ""));
        if (job->query == 1) {
            CHECK(outcome == FLAGCORE_OUTCOME_MISMATCH);
            CHECK(is(differences, "/total: value: control 1, candidate 7"));
        }
        if (job->query > 3) CHECK(outcome == FLAGCORE_OUTCOME_IGNORED && is(differences, ""));
    }
    OK(flagcore_ticket_free(job->ticket));
}

static void *run_candidates(void *none) {
    for (struct job job = pop(); job.ticket != NULL; job = pop()) run_copies(&job);
    return none;
}

static int search(const flagcore_launch *launch, const flagcore_context *user, int query, int *sampled) {
    struct job job = {NULL, query, ""};
    OK(flagcore_launch_begin(launch, user, &job.ticket));
    old_search(query, job.answer, sizeof job.answer);
    if (job.ticket != NULL) {
        OK(flagcore_ticket_control(job.ticket, 12 * MS));
        push(job);
        *sampled += 1;
    }
    return query;
}

static void a_host_with_two_threads(int calls) {
    flagcore_client *client = client_of(FILE_OF("ENABLED", BLOCK(
        ", \"when\": {\"==\": [{\"var\": \"plan\"}, \"pro\"]}, \"compare\": {\"ignore\": [\"/took_ms\"]},"
        " \"limits\": {\"rate\": \"100000/s\", \"in_flight\": 1024}")));
    flagcore_launch *launch = launch_of(client);
    flagcore_context *user = new_context();
    int sampled = 0, others = 0;
    queue.room = (size_t)calls + 1;
    queue.jobs = calloc(queue.room, sizeof *queue.jobs);
    CHECK(queue.jobs != NULL && state_of(launch) == FLAGCORE_SHADOW_RUNNING);
    pthread_t runner;
    CHECK(pthread_create(&runner, NULL, run_candidates, NULL) == 0);
    CHECK(search(launch, NULL, 1, &others) == 1 && search(launch, user, 1, &others) == 1 && others == 0);
    OK(flagcore_context_set_string(user, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
    for (int query = 0; query < calls; query++) CHECK(search(launch, user, query, &sampled) == query);
    push((struct job){NULL, 0, ""});
    CHECK(pthread_join(runner, NULL) == 0);
    free(queue.jobs);

    flagcore_counts counts = counts_of(launch);
    CHECK(counts.matched == 1 && counts.mismatched == 1 && counts.errors == 1 && counts.timeouts == 1);
    CHECK(counts.ignored == (uint64_t)sampled - 4 && counts.in_flight == 0);
    CHECK(counts.dropped == (uint64_t)(calls - sampled) && counts.dropped == counts.dropped_in_flight + counts.dropped_rate);
    CHECK(report_holds(launch, FLAGCORE_REPORT_TEXT, "/total"));
    CHECK(report_holds(launch, FLAGCORE_REPORT_TEXT, "Busy"));
    CHECK(report_holds(launch, FLAGCORE_REPORT_JSON, "\"mismatched\":1"));
    CHECK(report_holds(launch, FLAGCORE_REPORT_JSON, "\"max\":0.25"));
    CHECK(report_holds(launch, FLAGCORE_REPORT_PROMETHEUS,
                       "flagd_shadow_samples_total{feature_flag_key=\"search\",outcome=\"mismatch\"} 1\n"));
    OK(flagcore_context_free(user));
    OK(flagcore_launch_free(launch));
    OK(flagcore_client_free(client));
}

/* -------------------------------------------------------------------------------------------- the rest */

static void limits_hold(void) {
    flagcore_client *client = client_of(ON(", \"in_flight\": 2, \"body\": \"16B\", \"timeout\": \"100ms\""));
    flagcore_launch *launch = launch_of(client);
    flagcore_ticket *one = begin(launch), *two = begin(launch);
    flagcore_outcome outcome;
    CHECK(one != NULL && two != NULL && begin(launch) == NULL);
    CHECK(counts_of(launch).in_flight == 2 && counts_of(launch).dropped_in_flight == 1);
    CHECK(flagcore_ticket_copies(one) == 1 && flagcore_ticket_timeout_ns(one) == 100 * MS);
    CHECK(flagcore_ticket_body_bytes(one) == 16);
    OK(flagcore_ticket_compare(one, 1, FLAGCORE_TEXT("\"1234567890123456\""), FLAGCORE_TEXT("1"), 0, &outcome, NULL));
    CHECK(outcome == FLAGCORE_OUTCOME_DROPPED && counts_of(launch).dropped_too_big == 1);
    /* There is room again, once per place. */
    flagcore_ticket *three = begin(launch);
    CHECK(three != NULL && begin(launch) == NULL);
    OK(flagcore_ticket_drop(three, 1, FLAGCORE_DROP_QUEUE_FULL));
    CHECK(counts_of(launch).dropped_queue_full == 1);
    OK(flagcore_ticket_free(one));
    OK(flagcore_ticket_free(two));
    OK(flagcore_ticket_free(three));
    flagcore_counts counts = counts_of(launch);
    CHECK(counts.in_flight == 0 && counts.dropped_spawn == 1 && counts.dropped == 5);
    OK(flagcore_launch_free(launch));
    OK(flagcore_client_free(client));
}

static void copies_that_fail_open_a_breaker(void) {
    flagcore_client *client = client_of(FILE_OF(
        "ENABLED", "{\"sample\": 1, \"limits\": {\"rate\": \"100000/s\"},"
                   " \"breaker\": {\"min\": 20, \"half_open\": \"1m\", \"primary_p99\": \"off\"}}"));
    flagcore_launch *launch = launch_of(client);
    for (int turn = 0; turn < TURNS && state_of(launch) != FLAGCORE_SHADOW_FAILING; turn++) {
        flagcore_ticket *ticket = begin(launch);
        if (ticket != NULL) OK(flagcore_ticket_fail(ticket, 1, FLAGCORE_TEXT("Busy"), FLAGCORE_TEXT(""), 1, NULL));
        OK(flagcore_ticket_free(ticket));
        pause_a_while();
    }
    CHECK(state_of(launch) == FLAGCORE_SHADOW_FAILING && counts_of(launch).errors >= 20);
    /* Now and then one is timed, without copies. */
    flagcore_ticket *ticket = begin(launch);
    CHECK(ticket == NULL || flagcore_ticket_copies(ticket) == 0);
    OK(flagcore_ticket_free(ticket));
    CHECK(counts_of(launch).dropped_breaker > 0 && counts_of(launch).in_flight == 0);
    OK(flagcore_launch_free(launch));
    OK(flagcore_client_free(client));
}

static void a_ticket_without_copies_wants_the_control_s_time(void) {
    flagcore_client *client = client_of(FILE_OF(
        "ENABLED", "{\"sample\": 1, \"limits\": {\"rate\": \"100000/s\"}, \"breaker\": {\"over\": \"1s\"}}"));
    flagcore_launch *launch = launch_of(client);
    flagcore_ticket *ticket = begin(launch);
    for (int turn = 0; turn < TURNS && (ticket == NULL || flagcore_ticket_copies(ticket) != 0); turn++) {
        if (ticket != NULL) OK(flagcore_ticket_control(ticket, 12 * MS));
        OK(flagcore_ticket_free(ticket));
        pause_a_while();
        ticket = begin(launch);
    }
    CHECK(ticket != NULL && flagcore_ticket_copies(ticket) == 0);
    OK(flagcore_ticket_control(ticket, 12 * MS));
    FAILS(FLAGCORE_ERROR_OUT_OF_RANGE, flagcore_ticket_end(ticket, 1, FLAGCORE_OUTCOME_MATCH, 1));
    OK(flagcore_ticket_free(ticket));
    CHECK(counts_of(launch).dropped_baseline > 0 && counts_of(launch).in_flight == 0);
    OK(flagcore_launch_free(launch));
    OK(flagcore_client_free(client));
}

struct heard {
    const flagcore_client *client;
    flagcore_shadow_state state;
    int tickets;
};

static void hear(void *data, const flagcore_update *update) {
    struct heard *heard = data;
    CHECK(update->kind == FLAGCORE_UPDATE_CHANGED);
    flagcore_launch *launch = launch_of(heard->client);
    flagcore_ticket *ticket = begin(launch);
    heard->state = state_of(launch);
    heard->tickets += ticket != NULL;
    OK(flagcore_ticket_free(ticket));
    OK(flagcore_launch_free(launch));
}

static void a_callback_finds_launches_as_the_update_has_them(void) {
    flagcore_client *client = client_of("{\"flags\": {}}");
    struct heard heard = {client, 0, 0};
    OK(flagcore_client_on_update(client, hear, &heard, NULL));
    edit(client, ON(""));
    CHECK(heard.state == FLAGCORE_SHADOW_RUNNING && heard.tickets == 1);
    edit(client, FILE_OF("DISABLED", BLOCK("")));
    CHECK(heard.state == FLAGCORE_SHADOW_OFF && heard.tickets == 1);
    OK(flagcore_client_free(client));
}

static void an_edit_is_a_switch(void) {
    flagcore_client *client = client_of(FILE_OF("DISABLED", BLOCK("")));
    flagcore_launch *launch = launch_of(client), *again = launch_of(client);
    CHECK(begin(launch) == NULL && state_of(launch) == FLAGCORE_SHADOW_OFF);
    edit(client, ON(""));
    flagcore_ticket *ticket = begin(launch);
    CHECK(ticket != NULL && state_of(again) == FLAGCORE_SHADOW_RUNNING);
    CHECK(strcmp(flagcore_shadow_state_text(state_of(again)), "running") == 0);
    edit(client, "{\"flags\": {\"search\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true}, \"defaultVariant\": \"on\"}}}");
    CHECK(begin(launch) == NULL && state_of(launch) == FLAGCORE_SHADOW_OFF);
    /* What is out may still end. */
    OK(flagcore_ticket_end(ticket, 1, FLAGCORE_OUTCOME_MATCH, 1));
    OK(flagcore_ticket_free(ticket));
    CHECK(counts_of(again).matched == 1);
    OK(flagcore_launch_free(again));

    /* Without the client nothing is sampled; what is out is counted all the same. */
    edit(client, ON(", \"in_flight\": 8"));
    ticket = begin(launch);
    CHECK(ticket != NULL);
    flagcore_report *report;
    flagcore_text text;
    OK(flagcore_client_reports(client, FLAGCORE_REPORT_JSON, &report));
    OK(flagcore_client_free(client));
    OK(flagcore_report_text(report, &text));
    CHECK(text.data[0] == '[' && holds(text, "\"flag\":\"search\""));
    OK(flagcore_report_free(report));
    CHECK(begin(launch) == NULL && state_of(launch) == FLAGCORE_SHADOW_ENDED);
    OK(flagcore_ticket_end(ticket, 1, FLAGCORE_OUTCOME_MISMATCH, 1));
    CHECK(counts_of(launch).mismatched == 1 && report_holds(launch, FLAGCORE_REPORT_TEXT, "search, ended"));
    OK(flagcore_launch_free(launch));
    OK(flagcore_ticket_free(ticket));
}

static void a_control_that_fails_is_compared_too(void) {
    flagcore_client *client = client_of(FILE_OF("ENABLED", BLOCK(", \"amplify\": 4")));
    flagcore_launch *launch = launch_of(client);
    flagcore_ticket *ticket = begin(launch);
    flagcore_outcome outcome;
    flagcore_text differences;
    CHECK(flagcore_ticket_copies(ticket) == 4);
    OK(flagcore_ticket_control_failed(ticket, FLAGCORE_TEXT("NotFound"), FLAGCORE_TEXT("no page 7")));
    OK(flagcore_ticket_control_failed(ticket, FLAGCORE_TEXT("Other"), FLAGCORE_TEXT("")));
    OK(flagcore_ticket_fail(ticket, 1, FLAGCORE_TEXT("NotFound"), FLAGCORE_TEXT("nothing"), 0, &outcome));
    CHECK(outcome == FLAGCORE_OUTCOME_MATCH);
    OK(flagcore_ticket_fail(ticket, 2, FLAGCORE_TEXT("Busy"), FLAGCORE_TEXT(""), 0, &outcome));
    CHECK(outcome == FLAGCORE_OUTCOME_MISMATCH);
    OK(flagcore_ticket_compare(ticket, 3, NULL, 0, FLAGCORE_TEXT("{}"), 0, &outcome, &differences));
    CHECK(outcome == FLAGCORE_OUTCOME_MISMATCH);
    CHECK(is(differences, "the answer: value: control error NotFound, candidate an answer"));
    OK(flagcore_ticket_free(ticket));
    flagcore_counts counts = counts_of(launch);
    CHECK(counts.matched == 1 && counts.mismatched == 2 && counts.dropped_spawn == 1 && counts.errors == 0);
    OK(flagcore_launch_free(launch));
    OK(flagcore_client_free(client));
}

static void what_is_redacted_is_compared_and_never_shown(void) {
    flagcore_client *client = client_of(FILE_OF("ENABLED", BLOCK(", \"store\": {\"redact\": [\"/user/email\"]}")));
    flagcore_launch *launch = launch_of(client);
    flagcore_ticket *ticket = begin(launch);
    flagcore_outcome outcome;
    flagcore_text differences;
    OK(flagcore_ticket_compare(ticket, 1, FLAGCORE_TEXT("{\"user\": {\"email\": \"jane@example.com\"}}"),
                               FLAGCORE_TEXT("{\"user\": {\"email\": \"jim@example.com\"}}"), 1, &outcome, &differences));
    CHECK(outcome == FLAGCORE_OUTCOME_MISMATCH && holds(differences, "/user/email: value"));
    CHECK(!holds(differences, "jane") && !holds(differences, "jim"));
    OK(flagcore_ticket_free(ticket));
    flagcore_report *report;
    flagcore_text text;
    OK(flagcore_launch_report(launch, FLAGCORE_REPORT_JSON, &report));
    OK(flagcore_report_text(report, &text));
    CHECK(holds(text, "/user/email") && !holds(text, "jane") && !holds(text, "jim"));
    OK(flagcore_report_free(report));
    OK(flagcore_launch_free(launch));
    OK(flagcore_client_free(client));
}

/* ------------------------------------------------------------------------------------------- races */

enum { TICKETS = 64 };
static flagcore_ticket *tickets[TICKETS];
static pthread_barrier_t start;

/* How many copies of how many tickets were this thread's to end. */
static void *end_all(void *frees) {
    intptr_t won = 0;
    (void)pthread_barrier_wait(&start);
    for (int at = 0; at < TICKETS; at++) {
        if (tickets[at] == NULL) continue;
        for (uint32_t copy = 1; copy <= 4; copy++) {
            flagcore_status status =
                copy % 2 ? flagcore_ticket_compare(tickets[at], copy, FLAGCORE_TEXT("[1]"), FLAGCORE_TEXT("[2]"), 1, NULL, NULL)
                         : flagcore_ticket_end(tickets[at], copy, FLAGCORE_OUTCOME_MATCH, 1);
            CHECK(status == FLAGCORE_OK || status == FLAGCORE_ERROR_ENDED || status == FLAGCORE_ERROR_INVALID_HANDLE ||
                  status == FLAGCORE_ERROR_OUT_OF_RANGE);
            won += status == FLAGCORE_OK;
        }
        flagcore_status status = flagcore_ticket_control(tickets[at], 5);
        CHECK(status == FLAGCORE_OK || status == FLAGCORE_ERROR_INVALID_HANDLE);
        if (frees != NULL) OK(flagcore_ticket_free(tickets[at]));
    }
    return (void *)won;
}

static void one_word_counts_of_those_that_threads_say_at_once(int rounds) {
    flagcore_client *client = client_of(FILE_OF(
        "ENABLED", BLOCK(", \"amplify\": 4, \"limits\": {\"rate\": \"100000/s\", \"in_flight\": 1024}")));
    flagcore_launch *launch = launch_of(client);
    int taken = 0;
    uint64_t ended = 0;
    for (int round = 0; round < rounds; round++) {
        for (int at = 0; at < TICKETS; at++) {
            /* The limit `rate` may have a word. */
            tickets[at] = begin(launch);
            taken += tickets[at] != NULL ? (int)flagcore_ticket_copies(tickets[at]) : 0;
        }
        pthread_t threads[3];
        CHECK(pthread_barrier_init(&start, NULL, 3) == 0);
        for (int at = 0; at < 3; at++) CHECK(pthread_create(&threads[at], NULL, end_all, at == 0 ? client : NULL) == 0);
        for (int at = 0; at < 3; at++) {
            void *won;
            CHECK(pthread_join(threads[at], &won) == 0);
            ended += (uint64_t)(intptr_t)won;
        }
        CHECK(pthread_barrier_destroy(&start) == 0);
    }
    flagcore_counts counts = counts_of(launch);
    CHECK(counts.in_flight == 0 && counts.matched + counts.mismatched == ended);
    CHECK(ended + counts.dropped_spawn == (uint64_t)taken);
    OK(flagcore_launch_free(launch));
    OK(flagcore_client_free(client));
}

static int calls_of_each;

/* How many copies this thread ended, one by one. */
static void *call(void *shared) {
    const flagcore_launch *launch = shared;
    flagcore_context *user = new_context();
    intptr_t ended = 0;
    for (int turn = 0; turn < calls_of_each; turn++) {
        flagcore_ticket *ticket;
        char key[32];
        snprintf(key, sizeof key, "user-%d", turn);
        OK(flagcore_context_clear(user));
        OK(flagcore_context_set_targeting_key(user, FLAGCORE_STRING(key)));
        OK(flagcore_launch_begin(launch, user, &ticket));
        if (ticket == NULL) continue;
        OK(flagcore_ticket_control(ticket, 2));
        for (uint32_t copy = 1; copy <= flagcore_ticket_copies(ticket); copy++, ended++) {
            OK(flagcore_ticket_compare(ticket, copy, FLAGCORE_TEXT("1"), FLAGCORE_TEXT("1"), 1, NULL, NULL));
        }
        OK(flagcore_ticket_free(ticket));
    }
    OK(flagcore_context_free(user));
    return (void *)ended;
}

static void copies_add_up_while_the_file_changes_and_the_client_goes(int calls) {
    flagcore_client *client = client_of(ON(""));
    flagcore_launch *launch = launch_of(client);
    pthread_t threads[3];
    uint64_t ended = 0;
    calls_of_each = calls;
    for (int at = 0; at < 3; at++) CHECK(pthread_create(&threads[at], NULL, call, launch) == 0);
    for (int turn = 0; turn < 20; turn++) {
        edit(client, turn % 3 ? ON("") : FILE_OF("DISABLED", BLOCK("")));
        CHECK(report_holds(launch, FLAGCORE_REPORT_TEXT, "search, "));
    }
    OK(flagcore_client_free(client));
    for (int at = 0; at < 3; at++) {
        void *all;
        CHECK(pthread_join(threads[at], &all) == 0);
        ended += (uint64_t)(intptr_t)all;
    }
    CHECK(counts_of(launch).matched == ended && counts_of(launch).in_flight == 0);
    OK(flagcore_launch_free(launch));
}

/* ------------------------------------------------------------------------------------------ misuse */

static void mistakes_are_told(void) {
    flagcore_client *client = client_of(ON(""));
    flagcore_launch *launch = launch_of(client);
    flagcore_ticket *ticket = begin(launch), *out = NULL;
    flagcore_report *report;
    flagcore_shadow_state state;
    flagcore_text text;
    flagcore_outcome outcome = 0;
    flagcore_counts counts;

    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_launch(client, NULL, 0, &launch));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_launch(NULL, FLAGCORE_TEXT("a"), &launch));
    FAILS(FLAGCORE_ERROR_INVALID_UTF8, flagcore_client_launch(client, FLAGCORE_TEXT("\xff"), &launch));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_launch_begin(NULL, NULL, &out));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_launch_begin(launch, NULL, NULL));
    FAILS(FLAGCORE_ERROR_WRONG_HANDLE, flagcore_launch_begin((flagcore_launch *)client, NULL, &out));
    FAILS(FLAGCORE_ERROR_WRONG_HANDLE, flagcore_launch_begin(launch, (flagcore_context *)client, &out));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_launch_state(launch, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_launch_counts(launch, NULL));
    counts.struct_size = 0;
    FAILS(FLAGCORE_ERROR_STRUCT_SIZE, flagcore_launch_counts(launch, &counts));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_launch_report(launch, 0, &report));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_client_reports(client, 4, &report));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_report_text(NULL, &text));
    CHECK(strcmp(flagcore_shadow_state_text(99), "unknown") == 0);

    CHECK(flagcore_ticket_copies(NULL) == 0 && flagcore_ticket_timeout_ns(NULL) == 0 && flagcore_ticket_body_bytes(NULL) == 0);
    FAILS(FLAGCORE_ERROR_NULL, flagcore_ticket_control(NULL, 1));
    FAILS(FLAGCORE_ERROR_OUT_OF_RANGE, flagcore_ticket_end(ticket, 0, FLAGCORE_OUTCOME_MATCH, 1));
    CHECK(said("flagcore_ticket_end: `copy`: there is no copy 0 of 1"));
    FAILS(FLAGCORE_ERROR_OUT_OF_RANGE, flagcore_ticket_end(ticket, 2, FLAGCORE_OUTCOME_TIMEOUT, 1));
    FAILS(FLAGCORE_ERROR_OUT_OF_RANGE, flagcore_ticket_compare(ticket, UINT32_MAX, FLAGCORE_TEXT("1"), FLAGCORE_TEXT("2"), 1, &outcome, &text));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_ticket_end(ticket, 1, FLAGCORE_OUTCOME_FAILED, 1));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_ticket_end(ticket, 1, 0, 1));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_ticket_drop(ticket, 1, 14));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_ticket_compare(ticket, 1, NULL, 0, FLAGCORE_TEXT("1"), 1, &outcome, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_ticket_compare(ticket, 1, FLAGCORE_TEXT("1"), NULL, 0, 1, &outcome, NULL));
    FAILS(FLAGCORE_ERROR_INVALID_JSON, flagcore_ticket_compare(ticket, 1, FLAGCORE_TEXT("{"), FLAGCORE_TEXT("1"), 1, &outcome, NULL));
    CHECK(said("flagcore_ticket_compare: `control`: the text is not JSON, or not of the kind wanted"));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_ticket_fail(ticket, 1, NULL, 0, FLAGCORE_TEXT(""), 1, &outcome));
    FAILS(FLAGCORE_ERROR_INVALID_UTF8, flagcore_ticket_fail(ticket, 1, FLAGCORE_TEXT("a"), FLAGCORE_TEXT("\xff"), 1, &outcome));
    CHECK(outcome == 0 && counts_of(launch).in_flight == 1);

    /* What a copy answers is the candidate's: it fails. Then it has ended. */
    OK(flagcore_ticket_compare(ticket, 1, FLAGCORE_TEXT("1"), FLAGCORE_TEXT("\xff"), UINT64_MAX, &outcome, NULL));
    CHECK(outcome == FLAGCORE_OUTCOME_FAILED);
    FAILS(FLAGCORE_ERROR_ENDED, flagcore_ticket_compare(ticket, 1, FLAGCORE_TEXT("1"), FLAGCORE_TEXT("1"), 1, &outcome, &text));
    CHECK(said("flagcore_ticket_compare: `copy`: the copy ended before"));
    FAILS(FLAGCORE_ERROR_ENDED, flagcore_ticket_end(ticket, 1, FLAGCORE_OUTCOME_TIMEOUT, 1));
    FAILS(FLAGCORE_ERROR_ENDED, flagcore_ticket_fail(ticket, 1, FLAGCORE_TEXT("a"), FLAGCORE_TEXT(""), 1, NULL));
    FAILS(FLAGCORE_ERROR_ENDED, flagcore_ticket_drop(ticket, 1, FLAGCORE_DROP_SHUTDOWN));
    CHECK(report_holds(launch, FLAGCORE_REPORT_TEXT, "TreeError"));

    OK(flagcore_ticket_free(ticket));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_ticket_free(ticket));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_ticket_end(ticket, 1, FLAGCORE_OUTCOME_MATCH, 1));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_ticket_control(ticket, 1));
    FAILS(FLAGCORE_ERROR_WRONG_HANDLE, flagcore_ticket_free((flagcore_ticket *)launch));
    CHECK(flagcore_ticket_copies(ticket) == 0);
    flagcore_counts last = counts_of(launch);
    CHECK(last.errors == 1 && last.in_flight == 0 && last.dropped == 0 && last.matched + last.mismatched == 0);
    OK(flagcore_launch_free(launch));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_launch_free(launch));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_launch_begin(launch, NULL, &out));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_launch_state(launch, &state));
    CHECK(out == NULL);
    OK(flagcore_launch_free(NULL));
    OK(flagcore_ticket_free(NULL));
    OK(flagcore_report_free(NULL));
    OK(flagcore_client_free(client));
}

int main(int count, char **arguments) {
    int amount = count > 2 ? atoi(arguments[2]) : 20000;
    a_host_with_two_threads(amount / 4 + 10);
    limits_hold();
    copies_that_fail_open_a_breaker();
    a_ticket_without_copies_wants_the_control_s_time();
    a_callback_finds_launches_as_the_update_has_them();
    an_edit_is_a_switch();
    a_control_that_fails_is_compared_too();
    what_is_redacted_is_compared_and_never_shown();
    one_word_counts_of_those_that_threads_say_at_once(amount / 400 + 1);
    copies_add_up_while_the_file_changes_and_the_client_goes(amount);
    mistakes_are_told();
    return 0;
}
