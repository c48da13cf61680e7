/* A folder that is watched: changes come in, broken files are told and change nothing. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[3000], path[4096], draft[4096];

static void write_file(const char *text) {
    FILE *file = fopen(draft, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    CHECK(rename(draft, path) == 0);
}

#define FILE_OF(variant)                                                                                               \
    "flags:\n  a:\n    state: ENABLED\n    variants: {'on': true, 'off': false}\n    defaultVariant: '" variant "'\n"

static void wait_until(const flagcore_client *client, bool (*done)(const flagcore_client *)) {
    const struct timespec pause = {0, 5 * 1000 * 1000};
    for (int turn = 0; turn < 12000; turn++) {
        if (done(client)) return;
        nanosleep(&pause, NULL);
    }
    CHECK(!"it never came");
}

static bool is_off(const flagcore_client *client) {
    flagcore_flag flag;
    flagcore_reader *reader = reader_of(client);
    OK(flagcore_client_flag(client, FLAGCORE_TEXT("a"), &flag));
    bool on = flagcore_reader_is_enabled(reader, flag, NULL);
    OK(flagcore_reader_free(reader));
    return !on;
}

static bool is_stale(const flagcore_client *client) {
    flagcore_state state;
    OK(flagcore_client_state(client, &state));
    return state == FLAGCORE_STATE_STALE;
}

static bool is_ready(const flagcore_client *client) {
    flagcore_state state;
    OK(flagcore_client_state(client, &state));
    return state == FLAGCORE_STATE_READY;
}

static volatile int released;

/* Frees the client on the thread that watches. */
static void free_client(void *data, const flagcore_update *update) {
    flagcore_client **client = data;
    if (update->kind != FLAGCORE_UPDATE_CHANGED || *client == NULL) return;
    OK(flagcore_client_free(*client));
    *client = NULL;
}

static void release(void *data) {
    (void)data;
    released = 1;
}

static bool is_released(const flagcore_client *none) {
    (void)none;
    return released;
}

int main(int count, char **arguments) {
    snprintf(folder, sizeof folder, "%s/files-c-%ld", count > 1 ? arguments[1] : ".", (long)getpid());
    CHECK(mkdir(folder, 0700) == 0);
    snprintf(path, sizeof path, "%s/flags.yaml", folder);
    snprintf(draft, sizeof draft, "%s/draft.tmp", folder);

    /* Nothing there yet: refused by default, waited for on request. */
    flagcore_client *client;
    flagcore_error *error;
    FAILS(FLAGCORE_ERROR_REFUSED, flagcore_client_open(FLAGCORE_STRING(path), &client, &error));
    flagcore_diagnostic found;
    found.struct_size = sizeof found;
    OK(flagcore_error_at(error, 0, &found));
    CHECK(is(found.code, "missing-file") && found.line == 0 && found.end == 0);
    OK(flagcore_error_free(error));
    flagcore_options *options;
    OK(flagcore_options_new(&options));
    OK(flagcore_options_add_path(options, FLAGCORE_STRING(folder)));
    OK(flagcore_options_set_wait(options, true));
    OK(flagcore_client_new(options, &client, &error));
    OK(flagcore_options_free(options));
    flagcore_state state;
    OK(flagcore_client_state(client, &state));
    CHECK(state == FLAGCORE_STATE_NOT_READY);

    write_file(FILE_OF("on"));
    wait_until(client, is_ready);
    CHECK(!is_off(client));
    write_file(FILE_OF("off"));
    wait_until(client, is_off);

    write_file("flags:\n  a:\n    state: ENABLED\n    variants: {'on': true}\n    defaultVariant: 'oh'\n");
    wait_until(client, is_stale);
    CHECK(is_off(client));
    flagcore_sources *sources;
    flagcore_source source;
    source.struct_size = sizeof source;
    OK(flagcore_client_sources(client, &sources));
    CHECK(flagcore_sources_count(sources) == 1);
    OK(flagcore_sources_at(sources, 0, &source));
    CHECK(is(source.name, folder) && source.is_served && source.is_refused && source.flags == 1);
    CHECK(source.revision > 0 && source.served_since > 1600000000000 && source.refused_since >= source.served_since);
    CHECK(source.digest.length > 8 && source.largest_file_bytes > 20 && source.diagnostic_count == 1);
    CHECK(source.waiting.data == NULL && source.complaint.data == NULL);
    OK(flagcore_sources_diagnostic(sources, 0, 0, &found));
    CHECK(is(found.code, "unknown-default-variant") && found.line == 5);
    FAILS(FLAGCORE_ERROR_OUT_OF_RANGE, flagcore_sources_diagnostic(sources, 0, 1, &found));
    FAILS(FLAGCORE_ERROR_OUT_OF_RANGE, flagcore_sources_at(sources, 1, &source));
    OK(flagcore_sources_free(sources));

    write_file(FILE_OF("on"));
    OK(flagcore_client_refresh(client));
    wait_until(client, is_ready);
    CHECK(!is_off(client));
    static flagcore_client *freed;
    freed = client;
    OK(flagcore_client_on_update(client, free_client, &freed, release));
    write_file(FILE_OF("off"));
    wait_until(NULL, is_released);
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_client_free(client));
    CHECK(remove(path) == 0 && rmdir(folder) == 0);
    return 0;
}
