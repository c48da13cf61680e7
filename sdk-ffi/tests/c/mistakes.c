/* Whatever a caller can do wrong and the library can tell: a status, a sentence, and nothing else happens. */
#include "check.h"

static flagcore_text text;
static flagcore_detail detail;
static bool boolean;

static void nulls(flagcore_client *client, flagcore_reader *reader, flagcore_flag flag, flagcore_context *context) {
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_open(NULL, 0, &client, NULL));
    CHECK(said("flagcore_client_open: `path` is NULL"));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_open(FLAGCORE_TEXT("a.json"), NULL, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_new(NULL, &client, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_flag(NULL, FLAGCORE_TEXT("a"), &flag));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_flag(client, NULL, 3, &flag));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_flag(client, FLAGCORE_TEXT("a"), NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_revision(client, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_state(client, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_sources(client, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_refresh(NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_on_update(client, NULL, NULL, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_update(client, NULL, 0, "", 0, FLAGCORE_FORMAT_JSON, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_client_update(client, FLAGCORE_TEXT("flags"), NULL, 0, FLAGCORE_FORMAT_JSON, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_reader_new(client, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_reader_new(NULL, &reader));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_reader_get_bool(NULL, flag, context, false, &boolean));
    CHECK(said("flagcore_reader_get_bool: `reader` is NULL"));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_reader_get_bool(reader, flag, context, false, NULL));
    CHECK(said("flagcore_reader_get_bool: `out` is NULL"));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_reader_get_bool_by_key(reader, NULL, 0, context, false, &boolean));
    CHECK(said("flagcore_reader_get_bool_by_key: `key` is NULL"));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_reader_get_string(reader, flag, context, NULL, 0, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_reader_detail(reader, flag, FLAGCORE_TYPE_ANY, context, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_reader_evaluate_all(reader, NULL, 0, context, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_reader_explain(reader, flag, context, FLAGCORE_EXPLAIN_TEXT, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_context_new(NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_context_clear(NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_options_new(NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_options_on_update(NULL, NULL, NULL, NULL));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_error_message(NULL, &text));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_last_error(NULL));
    CHECK(flagcore_error_count(NULL) == 0 && flagcore_results_count(NULL) == 0 && flagcore_sources_count(NULL) == 0);
    CHECK(!flagcore_reader_is_enabled(NULL, flag, NULL));
    OK(flagcore_client_free(NULL));
    OK(flagcore_reader_free(NULL));
    OK(flagcore_context_free(NULL));
    OK(flagcore_options_free(NULL));
    OK(flagcore_error_free(NULL));
    OK(flagcore_results_free(NULL));
    OK(flagcore_sources_free(NULL));
}

static void texts(flagcore_client *client, flagcore_reader *reader, flagcore_context *context) {
    static const char *const bad[] = {"\xff", "\xc3", "a\xed\xa0\x80", "\xf5\x80\x80\x80"};
    flagcore_flag flag;
    for (size_t at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        FAILS(FLAGCORE_ERROR_INVALID_UTF8, flagcore_client_flag(client, FLAGCORE_STRING(bad[at]), &flag));
        FAILS(FLAGCORE_ERROR_INVALID_UTF8, flagcore_reader_get_bool_by_key(reader, FLAGCORE_STRING(bad[at]), NULL, false, &boolean));
        FAILS(FLAGCORE_ERROR_INVALID_UTF8, flagcore_context_set_bool(context, FLAGCORE_STRING(bad[at]), true));
        OK(flagcore_context_clear(context));
        FAILS(FLAGCORE_ERROR_INVALID_UTF8, flagcore_context_set_targeting_key(context, FLAGCORE_STRING(bad[at])));
        OK(flagcore_context_clear(context));
        FAILS(FLAGCORE_ERROR_INVALID_UTF8, flagcore_context_add_json(context, FLAGCORE_STRING(bad[at])));
        OK(flagcore_context_clear(context));
    }
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_reader_get_bool_by_key(reader, "a", SIZE_MAX, NULL, false, &boolean));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_context_set_string(context, FLAGCORE_TEXT("a"), "a", SIZE_MAX / 2 + 1));
    OK(flagcore_context_clear(context));
    /* A NUL inside of a text is a character like others. */
    OK(flagcore_context_set_string(context, "a\0b", 3, "c\0d", 3));
    OK(flagcore_reader_get_bool_by_key(reader, "static\0", 7, NULL, false, &boolean));
    CHECK(!boolean);
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_client_open("a\0b", 3, &client, NULL));
}

static void unaligned(flagcore_reader *reader) {
    union {
        int64_t integer;
        char bytes[2 * sizeof(flagcore_detail)];
    } room;
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT,
          flagcore_reader_get_integer_by_key(reader, FLAGCORE_TEXT("limit"), NULL, 1, (int64_t *)(void *)(room.bytes + 1)));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT,
          flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("limit"), FLAGCORE_TYPE_ANY, NULL,
                                        (flagcore_detail *)(void *)(room.bytes + 3)));
}

/* Handles of other types, freed ones, and what never was one. */
static void handles(flagcore_client *client, flagcore_reader *reader, flagcore_flag flag) {
    flagcore_context *context = new_context();
    flagcore_results *results;
    OK(flagcore_results_new(&results));

    FAILS(FLAGCORE_ERROR_WRONG_HANDLE, flagcore_reader_get_bool((flagcore_reader *)(void *)client, flag, NULL, false, &boolean));
    CHECK(said("flagcore_reader_get_bool: `reader`: the handle is of another type"));
    FAILS(FLAGCORE_ERROR_WRONG_HANDLE, flagcore_reader_get_bool(reader, flag, (flagcore_context *)(void *)reader, false, &boolean));
    FAILS(FLAGCORE_ERROR_WRONG_HANDLE, flagcore_client_free((flagcore_client *)(void *)context));
    FAILS(FLAGCORE_ERROR_WRONG_HANDLE, flagcore_reader_evaluate_all(reader, NULL, 0, NULL, (flagcore_results *)(void *)reader));

    OK(flagcore_context_free(context));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_context_free(context));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_context_set_bool(context, FLAGCORE_TEXT("a"), true));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_reader_get_bool(reader, flag, context, false, &boolean));
    CHECK(said("flagcore_reader_get_bool: `context`: the handle was freed, or is none"));
    /* The place is used again; the old handle still is none. */
    flagcore_context *next = new_context();
    CHECK(next != context);
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_context_clear(context));
    OK(flagcore_context_free(next));

    int local = 0;
    const uintptr_t nonsense[] = {1, 8, 4096, (uintptr_t)&local, (uintptr_t)-1, (uintptr_t)-4096, (uintptr_t)reader + 1,
                                  (uintptr_t)reader | 1u << 20, (uintptr_t)1 << 52, (uintptr_t)0xdeadbeef};
    for (size_t at = 0; at < sizeof nonsense / sizeof nonsense[0]; at++) {
        flagcore_reader *none = (flagcore_reader *)nonsense[at];
        FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_reader_get_bool(none, flag, NULL, false, &boolean));
        FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_reader_free(none));
        CHECK(!flagcore_reader_is_enabled(none, flag, NULL));
    }
    CHECK(flagcore_reader_is_enabled(reader, flag, NULL));
    OK(flagcore_results_free(results));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_results_free(results));
    CHECK(flagcore_results_count(results) == 0);
}

static void foreign(flagcore_client *client, flagcore_reader *reader, flagcore_flag flag) {
    flagcore_client *other = client_of(FLAGS);
    flagcore_reader *its = reader_of(other);
    flagcore_flag far;
    FAILS(FLAGCORE_ERROR_FOREIGN_FLAG, flagcore_reader_get_bool(its, flag, NULL, false, &boolean));
    OK(flagcore_client_flag(other, FLAGCORE_TEXT("static"), &far));
    FAILS(FLAGCORE_ERROR_FOREIGN_FLAG, flagcore_reader_get_bool(its, flag, NULL, false, &boolean));
    FAILS(FLAGCORE_ERROR_FOREIGN_FLAG, flagcore_reader_detail(reader, far, FLAGCORE_TYPE_ANY, NULL, &detail));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_reader_get_bool(reader, 0, NULL, false, &boolean));
    CHECK(flagcore_reader_is_enabled(its, far, NULL) && flagcore_reader_is_enabled(reader, flag, NULL));
    CHECK(!flagcore_reader_is_enabled(its, flag, NULL));
    OK(flagcore_client_free(other));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_client_free(other));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_client_flag(other, FLAGCORE_TEXT("a"), &far));
    OK(flagcore_reader_free(its));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_reader_free(its));
    (void)client;
}

static void outputs_stay(flagcore_reader *reader) {
    boolean = true;
    FAILS(FLAGCORE_ERROR_INVALID_UTF8, flagcore_reader_get_bool_by_key(reader, "\xff", 1, NULL, false, &boolean));
    CHECK(boolean);
    flagcore_client *client = (flagcore_client *)&boolean;
    flagcore_error *error = (flagcore_error *)&boolean;
    FAILS(FLAGCORE_ERROR_REFUSED, flagcore_client_open(FLAGCORE_TEXT("no/such/file.json"), &client, &error));
    CHECK(client == (flagcore_client *)&boolean && error != NULL);
    OK(flagcore_error_free(error));
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_error_free(error));
}

static void options(void) {
    flagcore_options *options;
    OK(flagcore_options_new(&options));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_options_set_mode(options, 2));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_options_set_bucketing(options, 0));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_options_set_limit(options, 8, 1));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_options_add_bytes(options, FLAGCORE_TEXT("a"), "{}", 2, 3));
    OK(flagcore_options_set_limit(options, FLAGCORE_LIMIT_FLAGS, 2));
    OK(flagcore_options_set_mode(options, FLAGCORE_MODE_STRICT));
    OK(flagcore_options_set_bucketing(options, FLAGCORE_BUCKETING_V3));
    OK(flagcore_options_set_watch(options, false));
    OK(flagcore_options_set_file_events(options, false));
    OK(flagcore_options_add_bytes(options, FLAGCORE_TEXT("a"), FLAGS, strlen(FLAGS), FLAGCORE_FORMAT_JSON));
    flagcore_client *client;
    flagcore_error *error;
    FAILS(FLAGCORE_ERROR_REFUSED, flagcore_client_new(options, &client, &error));
    flagcore_diagnostic found;
    found.struct_size = sizeof found;
    OK(flagcore_error_at(error, 0, &found));
    CHECK(is(found.code, "too-many-flags") || found.code.length > 0);
    OK(flagcore_error_free(error));
    OK(flagcore_options_free(options));
}

static void abi(void) {
    const size_t wrong[] = {sizeof(flagcore_text), 1};
    OK(flagcore_check());
    CHECK(flagcore_abi_version() == FLAGCORE_ABI_VERSION);
    FAILS(FLAGCORE_ERROR_ABI_MISMATCH, flagcore_abi_check(FLAGCORE_ABI_VERSION + 0x10000u, wrong, 1));
    FAILS(FLAGCORE_ERROR_ABI_MISMATCH, flagcore_abi_check(FLAGCORE_ABI_VERSION + 1, wrong, 1));
    FAILS(FLAGCORE_ERROR_ABI_MISMATCH, flagcore_abi_check(FLAGCORE_ABI_VERSION, wrong, 2));
    CHECK(said("flagcore_abi_check: flagcore_value has 1 bytes in the header, 40 in the library"));
    OK(flagcore_abi_check(FLAGCORE_ABI_VERSION, wrong, 1));
    FAILS(FLAGCORE_ERROR_ABI_MISMATCH, flagcore_abi_check(FLAGCORE_ABI_VERSION, wrong, SIZE_MAX));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_abi_check(FLAGCORE_ABI_VERSION, NULL, 1));
}

int main(void) {
    flagcore_client *client = client_of(FLAGS);
    flagcore_reader *reader = reader_of(client);
    flagcore_context *context = new_context();
    flagcore_flag flag;
    OK(flagcore_client_flag(client, FLAGCORE_TEXT("static"), &flag));
    detail.struct_size = sizeof detail;
    nulls(client, reader, flag, context);
    texts(client, reader, context);
    unaligned(reader);
    handles(client, reader, flag);
    foreign(client, reader, flag);
    outputs_stay(reader);
    options();
    abi();
    OK(flagcore_context_free(context));
    OK(flagcore_reader_free(reader));
    OK(flagcore_client_free(client));
    return 0;
}
