/* Many threads evaluate while flags change under them, and clients come and go. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include <pthread.h>

enum { THREADS = 6 };
static int rounds = 20000;
static flagcore_client *client;
static flagcore_flag number, word;
static const flagcore_context *shared;

/* Number and word always change together: `n` and `w<n>`. */
static int flags_of(char *json, size_t room, int n) {
    return snprintf(json, room,
                    "{\"flags\": {\"number\": {\"state\": \"ENABLED\", \"variants\": {\"v\": %d}, \"defaultVariant\": \"v\"},"
                    "\"word\": {\"state\": \"ENABLED\", \"variants\": {\"v\": \"w%d\", \"x\": \"x\"}, \"defaultVariant\": \"x\","
                    " \"targeting\": {\"if\": [{\"==\": [{\"var\": \"plan\"}, \"pro\"]}, \"v\", null]}},"
                    "\"key-%d\": {\"state\": \"ENABLED\", \"variants\": {\"v\": {\"n\": %d}}, \"defaultVariant\": \"v\"}}}",
                    n, n, n % 5, n);
}

static void *evaluate(void *none) {
    flagcore_reader *reader = reader_of(client);
    flagcore_context *own = new_context();
    flagcore_results *results;
    char wanted[32];
    uint64_t last = 0;
    OK(flagcore_results_new(&results));
    for (int round = 0; round < rounds; round++) {
        int64_t n = -1;
        flagcore_text text;
        uint64_t revision;
        OK(flagcore_context_clear(own));
        OK(flagcore_context_set_string(own, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
        OK(flagcore_reader_hold(reader));
        OK(flagcore_reader_get_integer(reader, number, NULL, -1, &n));
        OK(flagcore_reader_get_string(reader, word, round % 2 ? own : shared, NULL, 0, &text));
        snprintf(wanted, sizeof wanted, "w%d", (int)n);
        CHECK(n >= 0 && is(text, wanted));
        OK(flagcore_reader_revision(reader, &revision));
        CHECK(revision >= last);
        last = revision;
        if (round % 64 == 0) {
            OK(flagcore_reader_evaluate_all(reader, NULL, 0, shared, results));
            CHECK(flagcore_results_count(results) == 3);
        }
        OK(flagcore_reader_release(reader));
        if (round % 16 == 0) {
            flagcore_detail it;
            it.struct_size = sizeof it;
            OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("key-3"), FLAGCORE_TYPE_OBJECT, own, &it));
            CHECK(it.value.type == FLAGCORE_TYPE_OBJECT || it.error_code == FLAGCORE_CODE_FLAG_NOT_FOUND);
        }
        if (round % 1000 == 0) {
            OK(flagcore_reader_free(reader));
            reader = reader_of(client);
        }
    }
    OK(flagcore_results_free(results));
    OK(flagcore_context_free(own));
    OK(flagcore_reader_free(reader));
    return none;
}

static void *come_and_go(void *none) {
    for (int round = 0; round < rounds / 100; round++) {
        flagcore_client *mine = client_of(FLAGS);
        flagcore_reader *reader = reader_of(mine);
        bool on = false;
        OK(flagcore_client_free(mine));
        OK(flagcore_reader_get_bool_by_key(reader, FLAGCORE_TEXT("static"), NULL, false, &on));
        CHECK(on);
        OK(flagcore_reader_free(reader));
    }
    return none;
}

static flagcore_client *volatile contested;

/* Uses a client that another thread frees at any moment. */
static void *contest(void *none) {
    for (int round = 0; round < rounds; round++) {
        uint64_t revision = 0;
        flagcore_client *it = contested;
        flagcore_status status = flagcore_client_revision(it, &revision);
        CHECK(status == FLAGCORE_OK ? revision == 1 : status == FLAGCORE_ERROR_INVALID_HANDLE);
    }
    return none;
}

int main(int count, char **arguments) {
    if (count > 2) rounds = atoi(arguments[2]);
    char json[1024];
    flags_of(json, sizeof json, 0);
    client = client_of(json);
    OK(flagcore_client_flag(client, FLAGCORE_TEXT("number"), &number));
    OK(flagcore_client_flag(client, FLAGCORE_TEXT("word"), &word));
    flagcore_context *context = new_context();
    OK(flagcore_context_set_string(context, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
    shared = context;

    pthread_t threads[THREADS], goer, contestant;
    for (int at = 0; at < THREADS; at++) CHECK(pthread_create(&threads[at], NULL, evaluate, NULL) == 0);
    CHECK(pthread_create(&goer, NULL, come_and_go, NULL) == 0);
    for (int n = 1; n <= rounds / 20; n++) {
        int length = flags_of(json, sizeof json, n);
        OK(flagcore_client_update(client, FLAGCORE_TEXT("flags"), json, (size_t)length, FLAGCORE_FORMAT_JSON, NULL));
    }
    for (int at = 0; at < THREADS; at++) CHECK(pthread_join(threads[at], NULL) == 0);
    CHECK(pthread_join(goer, NULL) == 0);

    contested = client_of(FLAGS);
    CHECK(pthread_create(&contestant, NULL, contest, NULL) == 0);
    for (int round = 0; round < rounds / 200; round++) {
        flagcore_client *old = contested;
        contested = client_of(FLAGS);
        OK(flagcore_client_free(old));
    }
    CHECK(pthread_join(contestant, NULL) == 0);
    OK(flagcore_client_free(contested));

    OK(flagcore_context_free(context));
    OK(flagcore_client_free(client));
    return 0;
}
