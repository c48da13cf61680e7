/* Contexts: nested, set again and again, refused, cleared. */
#include "check.h"
#include <math.h>

static flagcore_code code_of(flagcore_reader *reader, const flagcore_context *context, const char *key, bool *value) {
    flagcore_detail it;
    it.struct_size = sizeof it;
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_STRING(key), FLAGCORE_TYPE_BOOLEAN, context, &it));
    *value = it.value.boolean;
    return it.error_code;
}

static void nested(flagcore_reader *reader, flagcore_context *context) {
    OK(flagcore_context_open_object(context, FLAGCORE_TEXT("org")));
    OK(flagcore_context_open_object(context, FLAGCORE_TEXT("city")));
    OK(flagcore_context_set_string(context, FLAGCORE_TEXT("name"), FLAGCORE_TEXT("Bern")));
    OK(flagcore_context_set_null(context, FLAGCORE_TEXT("mayor")));
    OK(flagcore_context_close(context));
    OK(flagcore_context_close(context));
    OK(flagcore_context_open_list(context, FLAGCORE_TEXT("roles")));
    OK(flagcore_context_open_object(context, NULL, 0));
    OK(flagcore_context_set_integer(context, FLAGCORE_TEXT("level"), 3));
    OK(flagcore_context_close(context));
    OK(flagcore_context_set_string(context, NULL, 0, FLAGCORE_TEXT("b")));
    OK(flagcore_context_set_float(context, NULL, 0, 0.5));
    bool on;
    FAILS(FLAGCORE_ERROR_INVALID_CONTEXT, flagcore_reader_get_bool_by_key(reader, FLAGCORE_TEXT("nested"), context, false, &on));
    CHECK(said("flagcore_reader_get_bool_by_key: `context`: an object or a list is still open"));
    OK(flagcore_context_close(context));
    CHECK(code_of(reader, context, "nested", &on) == FLAGCORE_CODE_NONE && on);
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_context_close(context));
    OK(flagcore_context_clear(context));
    OK(flagcore_context_add_json(context, FLAGCORE_TEXT(
        "{\"targetingKey\": \"u\", \"org\": {\"city\": {\"name\": \"Bern\"}}, \"roles\": [{\"level\": 3}, \"b\"]}")));
    CHECK(code_of(reader, context, "nested", &on) == FLAGCORE_CODE_NONE && on);
    OK(flagcore_context_clear(context));
}

static int rounds = 20000;

static void again_and_again(flagcore_reader *reader, flagcore_context *context) {
    char text[64];
    OK(flagcore_context_set_string(context, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
    OK(flagcore_context_open_list(context, FLAGCORE_TEXT("kept")));
    OK(flagcore_context_set_string(context, NULL, 0, FLAGCORE_TEXT("item")));
    OK(flagcore_context_close(context));
    for (int round = 0; round < rounds; round++) {
        snprintf(text, sizeof text, "user-%d", round);
        OK(flagcore_context_set_targeting_key(context, FLAGCORE_STRING(text)));
        OK(flagcore_context_set_string(context, FLAGCORE_TEXT("note"), FLAGCORE_STRING(text)));
        OK(flagcore_context_set_integer(context, FLAGCORE_TEXT("round"), round));
    }
    bool on;
    CHECK(code_of(reader, context, "targeted", &on) == FLAGCORE_CODE_NONE && on);
    flagcore_text why;
    OK(flagcore_reader_explain_by_key(reader, FLAGCORE_TEXT("split"), context, FLAGCORE_EXPLAIN_TEXT, &why));
    CHECK(why.length > 0);
    OK(flagcore_context_set_string(context, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("free")));
    CHECK(code_of(reader, context, "targeted", &on) == FLAGCORE_CODE_NONE && !on);
    OK(flagcore_context_clear(context));

    /* Many attributes, then one again. */
    for (int round = 0; round < 500; round++) {
        snprintf(text, sizeof text, "attribute-%d", round % 100);
        OK(flagcore_context_set_string(context, FLAGCORE_STRING(text), FLAGCORE_TEXT("value")));
    }
    OK(flagcore_context_set_string(context, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
    CHECK(code_of(reader, context, "targeted", &on) == FLAGCORE_CODE_NONE && on);
    OK(flagcore_context_clear(context));
}

static void refused(flagcore_reader *reader, flagcore_context *context) {
    bool on = false;
    OK(flagcore_context_set_string(context, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
    FAILS(FLAGCORE_ERROR_INVALID_UTF8, flagcore_context_set_string(context, FLAGCORE_TEXT("name"), FLAGCORE_TEXT("\xff\xfe")));
    FAILS(FLAGCORE_ERROR_INVALID_CONTEXT, flagcore_context_set_bool(context, FLAGCORE_TEXT("a"), true));
    CHECK(code_of(reader, context, "targeted", &on) == FLAGCORE_CODE_INVALID_CONTEXT);
    flagcore_detail it;
    it.struct_size = sizeof it;
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("targeted"), FLAGCORE_TYPE_ANY, context, &it));
    CHECK(is(it.error_message,
             "something that was set in the context was refused: the text is not UTF-8 (INVALID_CONTEXT)"));
    /* What does not look at the context is answered. */
    CHECK(code_of(reader, context, "static", &on) == FLAGCORE_CODE_NONE && on);
    OK(flagcore_context_clear(context));

    FAILS(FLAGCORE_ERROR_INVALID_CONTEXT, flagcore_context_set_float(context, FLAGCORE_TEXT("a"), NAN));
    CHECK(code_of(reader, context, "targeted", &on) == FLAGCORE_CODE_INVALID_CONTEXT);
    OK(flagcore_context_clear(context));
    FAILS(FLAGCORE_ERROR_INVALID_JSON, flagcore_context_add_json(context, FLAGCORE_TEXT("[1]")));
    CHECK(code_of(reader, context, "targeted", &on) == FLAGCORE_CODE_INVALID_CONTEXT);
    OK(flagcore_context_clear(context));
    for (int level = 0; level < 99; level++) OK(flagcore_context_open_list(context, FLAGCORE_TEXT("deep")));
    FAILS(FLAGCORE_ERROR_INVALID_CONTEXT, flagcore_context_open_list(context, FLAGCORE_TEXT("deep")));
    OK(flagcore_context_clear(context));
    for (int level = 0; level < 99; level++) OK(flagcore_context_open_list(context, FLAGCORE_TEXT("deep")));
    for (int level = 0; level < 99; level++) OK(flagcore_context_close(context));
    CHECK(code_of(reader, context, "targeted", &on) == FLAGCORE_CODE_NONE && !on);
    OK(flagcore_context_clear(context));
    FAILS(FLAGCORE_ERROR_NULL, flagcore_context_set_bool(context, NULL, 0, true));
    OK(flagcore_context_clear(context));
    CHECK(code_of(reader, context, "targeted", &on) == FLAGCORE_CODE_NONE);
}

static void around(void) {
    flagcore_context *layer = new_context(), *user = new_context();
    flagcore_options *options;
    flagcore_client *client;
    OK(flagcore_options_new(&options));
    OK(flagcore_options_set_watch(options, false));
    OK(flagcore_options_add_bytes(options, FLAGCORE_TEXT("flags"), FLAGS, strlen(FLAGS), FLAGCORE_FORMAT_JSON));
    OK(flagcore_context_set_string(layer, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
    OK(flagcore_options_set_global(options, layer));
    OK(flagcore_context_clear(layer));
    OK(flagcore_client_new(options, &client, NULL));
    flagcore_reader *reader = reader_of(client);
    bool on = false;
    CHECK(code_of(reader, NULL, "targeted", &on) == FLAGCORE_CODE_NONE && on);
    OK(flagcore_context_set_string(user, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("free")));
    CHECK(code_of(reader, user, "targeted", &on) == FLAGCORE_CODE_NONE && !on);
    OK(flagcore_reader_free(reader));
    OK(flagcore_client_free(client));

    OK(flagcore_context_set_string(layer, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
    OK(flagcore_options_set_overrides(options, layer));
    OK(flagcore_client_new(options, &client, NULL));
    reader = reader_of(client);
    CHECK(code_of(reader, user, "targeted", &on) == FLAGCORE_CODE_NONE && on);
    OK(flagcore_reader_free(reader));
    OK(flagcore_client_free(client));
    OK(flagcore_options_free(options));
    OK(flagcore_context_free(layer));
    OK(flagcore_context_free(user));
}

int main(int count, char **arguments) {
    if (count > 2) rounds = atoi(arguments[2]);
    flagcore_client *client = client_of(FLAGS);
    flagcore_reader *reader = reader_of(client);
    flagcore_context *context = new_context();
    for (int round = 0; round < 2; round++) {
        nested(reader, context);
        again_and_again(reader, context);
        refused(reader, context);
    }
    around();
    OK(flagcore_context_free(context));
    OK(flagcore_reader_free(reader));
    OK(flagcore_client_free(client));
    return 0;
}
