/* New bytes, refused bytes, callbacks, and what a callback may do. */
#include "check.h"

#define ON "{\"flags\": {\"a\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true, \"off\": false}, \"defaultVariant\": \"on\"}}}"
#define OFF "{\"flags\": {\"a\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true, \"off\": false}, \"defaultVariant\": \"off\"}}}"
#define MORE "{\"flags\": {\"b\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true, \"off\": false}, \"defaultVariant\": \"off\"}}}"
#define WRONG "{\"flags\": {\n  \"a\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true}, \"defaultVariant\": \"onn\"}}}"

struct heard {
    flagcore_client *client;
    int changed, refused, released;
    uint64_t revision;
    char first_key[16];
    int first_kind;
    flagcore_status refresh, update, listen, flag;
    bool frees;
};

static void hear(void *data, const flagcore_update *update) {
    struct heard *heard = data;
    CHECK(update->struct_size >= sizeof *update);
    if (update->kind == FLAGCORE_UPDATE_CHANGED) {
        heard->changed++;
        heard->revision = update->revision;
        if (update->change_count > 0) {
            snprintf(heard->first_key, sizeof heard->first_key, "%.*s", FLAGCORE_PRINT(update->changes[0].key));
            heard->first_kind = update->changes[0].kind;
        }
    } else if (update->kind == FLAGCORE_UPDATE_REFUSED) {
        heard->refused++;
        CHECK(is(update->source, "one") && update->message.length > 0);
    }
    if (heard->client == NULL) return;
    /* What waits for this callback says so in place of hanging; the rest is allowed. */
    flagcore_flag flag;
    flagcore_sources *sources;
    flagcore_state state;
    heard->refresh = flagcore_client_refresh(heard->client);
    heard->update = flagcore_client_update(heard->client, FLAGCORE_TEXT("one"), ON, strlen(ON), FLAGCORE_FORMAT_JSON, NULL);
    heard->listen = flagcore_client_on_update(heard->client, hear, NULL, NULL);
    heard->flag = flagcore_client_flag(heard->client, FLAGCORE_TEXT("a"), &flag);
    OK(flagcore_client_state(heard->client, &state));
    OK(flagcore_client_sources(heard->client, &sources));
    OK(flagcore_sources_free(sources));
    flagcore_reader *reader = reader_of(heard->client);
    (void)flagcore_reader_is_enabled(reader, flag, NULL);
    OK(flagcore_reader_free(reader));
    if (heard->frees) {
        OK(flagcore_client_free(heard->client));
        heard->client = NULL;
    }
}

static void release(void *data) { ((struct heard *)data)->released++; }

static flagcore_status update(flagcore_client *client, const char *name, const char *bytes, flagcore_error **error) {
    return flagcore_client_update(client, FLAGCORE_STRING(name), bytes, strlen(bytes), FLAGCORE_FORMAT_JSON, error);
}

int main(void) {
    struct heard opened = {0}, later = {0};
    flagcore_options *options;
    flagcore_client *client, *second;
    flagcore_error *error;
    OK(flagcore_options_new(&options));
    OK(flagcore_options_add_bytes(options, FLAGCORE_TEXT("one"), ON, strlen(ON), FLAGCORE_FORMAT_JSON));
    OK(flagcore_options_add_bytes(options, FLAGCORE_TEXT("two"), MORE, strlen(MORE), FLAGCORE_FORMAT_JSON));
    OK(flagcore_options_on_update(options, hear, &opened, release));
    OK(flagcore_client_new(options, &client, &error));
    CHECK(opened.changed == 1 && opened.revision == 1 && strcmp(opened.first_key, "a") == 0);
    CHECK(opened.first_kind == FLAGCORE_CHANGE_ADDED);
    /* The callback belongs to the first client that is made of the options. */
    OK(flagcore_client_new(options, &second, NULL));
    CHECK(opened.changed == 1);
    OK(flagcore_client_free(second));
    OK(flagcore_options_free(options));
    CHECK(opened.released == 0);

    /* Where no client comes of the options they keep the callback. */
    static const char odd[] = "{\"flags\": {\"a\": {\"state\": \"ON\", \"variants\": {\"on\": true}, \"defaultVariant\": \"on\"}}}";
    struct heard again = {0};
    OK(flagcore_options_new(&options));
    OK(flagcore_options_add_bytes(options, FLAGCORE_TEXT("one"), odd, strlen(odd), FLAGCORE_FORMAT_JSON));
    OK(flagcore_options_on_update(options, hear, &again, release));
    OK(flagcore_options_set_mode(options, FLAGCORE_MODE_STRICT));
    FAILS(FLAGCORE_ERROR_REFUSED, flagcore_client_new(options, &second, NULL));
    CHECK(again.released == 0 && again.changed == 0);
    OK(flagcore_options_set_mode(options, FLAGCORE_MODE_LENIENT));
    OK(flagcore_client_new(options, &second, NULL));
    CHECK(again.changed == 1 && again.released == 0);
    /* Freed, a client calls nothing any more, and lets the data go at once. */
    OK(flagcore_client_free(second));
    CHECK(again.released == 1);
    OK(flagcore_options_free(options));

    flagcore_reader *reader = reader_of(client);
    flagcore_flag a, soon;
    OK(flagcore_client_flag(client, FLAGCORE_TEXT("a"), &a));
    OK(flagcore_client_flag(client, FLAGCORE_TEXT("soon"), &soon));
    CHECK(flagcore_reader_is_enabled(reader, a, NULL));
    uint64_t revision, before;
    OK(flagcore_client_revision(client, &before));

    OK(flagcore_client_on_update(client, hear, &later, release));
    later.client = client;
    OK(update(client, "one", OFF, &error));
    CHECK(error == NULL);
    CHECK(!flagcore_reader_is_enabled(reader, a, NULL));
    OK(flagcore_client_revision(client, &revision));
    CHECK(revision > before && later.changed == 1 && later.revision == revision && opened.changed == 2);
    CHECK(later.first_kind == FLAGCORE_CHANGE_UPDATED);
    CHECK(later.refresh == FLAGCORE_ERROR_IN_LISTENER && later.update == FLAGCORE_ERROR_IN_LISTENER);
    CHECK(later.listen == FLAGCORE_ERROR_IN_LISTENER && later.flag == FLAGCORE_OK);
    OK(flagcore_reader_revision(reader, &before));
    CHECK(before == revision);

    /* A held reader stays. */
    OK(flagcore_reader_hold(reader));
    OK(update(client, "one", ON, NULL));
    CHECK(!flagcore_reader_is_enabled(reader, a, NULL));
    OK(flagcore_reader_revision(reader, &revision));
    CHECK(before == revision);
    OK(flagcore_reader_release(reader));
    CHECK(flagcore_reader_is_enabled(reader, a, NULL));

    /* What is refused says why, and changes nothing. */
    FAILS(FLAGCORE_ERROR_REFUSED, update(client, "one", WRONG, &error));
    CHECK(flagcore_error_count(error) == 1);
    flagcore_diagnostic found;
    found.struct_size = sizeof found;
    OK(flagcore_error_at(error, 0, &found));
    CHECK(is(found.code, "unknown-default-variant") && is(found.source, "one") && found.line == 2);
    CHECK(is(found.pointer, "/flags/a/defaultVariant") && found.severity == FLAGCORE_SEVERITY_ERROR);
    CHECK(is(found.cause, "default variant `onn` of flag `a` does not exist") && found.help.length > 0);
    CHECK(found.start < found.end && found.column > 1 && found.text.length > found.cause.length);
    FAILS(FLAGCORE_ERROR_OUT_OF_RANGE, flagcore_error_at(error, 1, &found));
    flagcore_text message;
    OK(flagcore_error_message(error, &message));
    CHECK(message.length > found.text.length);
    OK(flagcore_error_free(error));
    CHECK(flagcore_reader_is_enabled(reader, a, NULL));
    FAILS(FLAGCORE_ERROR_NO_SOURCE, update(client, "three", ON, &error));
    OK(flagcore_error_message(error, &message));
    CHECK(is(message, "no source that takes bytes is called `three`") && flagcore_error_count(error) == 0);
    OK(flagcore_error_free(error));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_client_update(client, FLAGCORE_TEXT("one"), "", 0, 9, NULL));

    /* A callback that frees its own client; readers go on. */
    later.frees = true;
    OK(update(client, "two", "{\"flags\": {}}", NULL));
    CHECK(later.client == NULL && later.released == 1 && opened.released == 1);
    FAILS(FLAGCORE_ERROR_INVALID_HANDLE, flagcore_client_free(client));
    CHECK(flagcore_reader_is_enabled(reader, a, NULL) && !flagcore_reader_is_enabled(reader, soon, NULL));
    OK(flagcore_reader_free(reader));
    return 0;
}
