/* Every type, by flag and by key, plain and in detail; selectors, all at once, explanations, JSON. */
#include "check.h"

static flagcore_flag flag_of(const flagcore_client *client, const char *key) {
    flagcore_flag flag;
    OK(flagcore_client_flag(client, FLAGCORE_STRING(key), &flag));
    CHECK(flag != 0);
    return flag;
}

static void values(const flagcore_client *client, flagcore_reader *reader, const flagcore_context *user) {
    bool boolean = false;
    OK(flagcore_reader_get_bool(reader, flag_of(client, "targeted"), user, false, &boolean));
    CHECK(boolean);
    OK(flagcore_reader_get_bool_by_key(reader, FLAGCORE_TEXT("targeted"), NULL, true, &boolean));
    CHECK(!boolean);
    OK(flagcore_reader_get_bool_by_key(reader, FLAGCORE_TEXT("missing"), user, true, &boolean));
    CHECK(boolean);
    OK(flagcore_reader_get_bool_by_key(reader, FLAGCORE_TEXT("text"), user, true, &boolean));
    CHECK(boolean);

    int64_t integer = 0;
    OK(flagcore_reader_get_integer(reader, flag_of(client, "limit"), user, 5, &integer));
    CHECK(integer == 40);
    OK(flagcore_reader_get_integer_by_key(reader, FLAGCORE_TEXT("static"), user, INT64_MIN, &integer));
    CHECK(integer == INT64_MIN);

    double number = 0;
    OK(flagcore_reader_get_float(reader, flag_of(client, "limit"), user, 5, &number));
    CHECK(number == 40.75);
    OK(flagcore_reader_get_float_by_key(reader, FLAGCORE_TEXT("nothing"), user, 0.5, &number));
    CHECK(number == 0.5);

    flagcore_text text, again;
    OK(flagcore_reader_get_string(reader, flag_of(client, "text"), user, FLAGCORE_TEXT("own"), &text));
    CHECK(is(text, "alpha"));
    OK(flagcore_reader_get_string_by_key(reader, FLAGCORE_TEXT("text"), user, NULL, 0, &again));
    CHECK(again.data == text.data);
    const char *own = "own";
    OK(flagcore_reader_get_string_by_key(reader, FLAGCORE_TEXT("limit"), user, own, 3, &text));
    CHECK(text.data == own && text.length == 3);
    OK(flagcore_reader_get_string_by_key(reader, FLAGCORE_TEXT("limit"), user, NULL, 0, &text));
    CHECK(text.data == NULL && text.length == 0);

    OK(flagcore_reader_get_object(reader, flag_of(client, "layout"), user, NULL, 0, &text));
    CHECK(is(text, "{\"a\":\"x\",\"b\":[1,true,null]}"));
    OK(flagcore_reader_get_object_by_key(reader, FLAGCORE_TEXT("layout"), user, NULL, 0, &again));
    CHECK(again.data == text.data);
    OK(flagcore_reader_get_object_by_key(reader, FLAGCORE_TEXT("text"), user, FLAGCORE_TEXT("{}"), &text));
    CHECK(is(text, "{}"));
}

static void empty_text(flagcore_reader *reader, flagcore_context *user) {
    OK(flagcore_context_set_bool(user, FLAGCORE_TEXT("empty"), true));
    flagcore_text text;
    OK(flagcore_reader_get_string_by_key(reader, FLAGCORE_TEXT("text"), user, FLAGCORE_TEXT("own"), &text));
    CHECK(text.data != NULL && text.length == 0);
    OK(flagcore_context_set_bool(user, FLAGCORE_TEXT("empty"), false));
}

static void details(const flagcore_client *client, flagcore_reader *reader, const flagcore_context *user) {
    flagcore_detail it;
    memset(&it, 0xff, sizeof it);
    it.struct_size = sizeof it;
    OK(flagcore_reader_detail(reader, flag_of(client, "static"), FLAGCORE_TYPE_BOOLEAN, user, &it));
    CHECK(it.struct_size == sizeof it && it.reserved == 0 && it.marks == 0 && it.revision == 1);
    CHECK(it.value.type == FLAGCORE_TYPE_BOOLEAN && it.value.boolean && is(it.variant, "on"));
    CHECK(it.reason == FLAGCORE_REASON_STATIC && it.error_code == FLAGCORE_CODE_NONE);
    CHECK(it.error_message.data == NULL);
    CHECK(it.metadata_count == 4);
    CHECK(is(it.metadata[0].name, "flagSetId") && is(it.metadata[0].value.text, "shop"));
    CHECK(is(it.metadata[1].name, "owner") && is(it.metadata[1].value.text, "payments"));
    CHECK(is(it.metadata[2].name, "paged") && it.metadata[2].value.type == FLAGCORE_TYPE_BOOLEAN);
    CHECK(is(it.metadata[3].name, "tier") && it.metadata[3].value.type == FLAGCORE_TYPE_INTEGER);
    CHECK(it.metadata[3].value.integer == 1 && it.metadata[3].value.number == 1);
    const flagcore_member *metadata = it.metadata;
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("static"), FLAGCORE_TYPE_ANY, user, &it));
    CHECK(it.metadata == metadata && it.value.type == FLAGCORE_TYPE_BOOLEAN);

    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("targeted"), FLAGCORE_TYPE_BOOLEAN, user, &it));
    CHECK(it.value.boolean && it.reason == FLAGCORE_REASON_TARGETING_MATCH && is(it.variant, "on"));
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("targeted"), FLAGCORE_TYPE_BOOLEAN, NULL, &it));
    CHECK(!it.value.boolean && it.reason == FLAGCORE_REASON_DEFAULT && is(it.variant, "off"));

    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("text"), FLAGCORE_TYPE_BOOLEAN, user, &it));
    CHECK(it.value.type == FLAGCORE_TYPE_ANY && it.reason == FLAGCORE_REASON_ERROR);
    CHECK(it.error_code == FLAGCORE_CODE_TYPE_MISMATCH && is(it.variant, "a"));
    CHECK(is(it.error_message, "flag `text` holds a string; it was asked for as a boolean (TYPE_MISMATCH)"));
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("missing"), FLAGCORE_TYPE_ANY, user, &it));
    CHECK(it.error_code == FLAGCORE_CODE_FLAG_NOT_FOUND && it.metadata_count == 0 && it.variant.data == NULL);
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("off-duty"), FLAGCORE_TYPE_BOOLEAN, user, &it));
    CHECK(it.reason == FLAGCORE_REASON_DISABLED && it.value.type == FLAGCORE_TYPE_ANY);

    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("limit"), FLAGCORE_TYPE_INTEGER, user, &it));
    CHECK(it.value.type == FLAGCORE_TYPE_INTEGER && it.value.integer == 40);
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("limit"), FLAGCORE_TYPE_ANY, user, &it));
    CHECK(it.value.type == FLAGCORE_TYPE_FLOAT && it.value.integer == 40 && it.value.number == 40.75);
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("whole"), FLAGCORE_TYPE_ANY, user, &it));
    CHECK(it.value.type == FLAGCORE_TYPE_INTEGER && it.value.number == 7);
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("whole"), FLAGCORE_TYPE_FLOAT, user, &it));
    CHECK(it.value.type == FLAGCORE_TYPE_FLOAT && it.value.number == 7);
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("text"), FLAGCORE_TYPE_STRING, user, &it));
    CHECK(it.value.type == FLAGCORE_TYPE_STRING && is(it.value.text, "alpha"));
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("layout"), FLAGCORE_TYPE_OBJECT, user, &it));
    CHECK(it.value.type == FLAGCORE_TYPE_OBJECT && is(it.value.text, "{\"a\":\"x\",\"b\":[1,true,null]}"));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT,
          flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("layout"), FLAGCORE_TYPE_LIST, user, &it));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT, flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("layout"), 99, user, &it));

    CHECK(strcmp(flagcore_reason_text(FLAGCORE_REASON_TARGETING_MATCH), "TARGETING_MATCH") == 0);
    CHECK(strcmp(flagcore_code_text(FLAGCORE_CODE_TYPE_MISMATCH), "TYPE_MISMATCH") == 0);
    CHECK(strcmp(flagcore_code_text(FLAGCORE_CODE_NONE), "") == 0 && flagcore_reason_text(-1) != NULL);
    CHECK(strcmp(flagcore_status_text(FLAGCORE_OK), "no error") == 0 && flagcore_status_text(12345) != NULL);
}

static void newer_header(flagcore_reader *reader) {
    struct {
        flagcore_detail it;
        unsigned char more[16];
    } newer;
    memset(&newer, 0xff, sizeof newer);
    newer.it.struct_size = sizeof newer; /* flagcore_abi_check refuses such a header */
    FAILS(FLAGCORE_ERROR_STRUCT_SIZE,
          flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("static"), FLAGCORE_TYPE_ANY, NULL, &newer.it));
    newer.it.struct_size = sizeof newer.it;
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("static"), FLAGCORE_TYPE_ANY, NULL, &newer.it));
    CHECK(newer.it.struct_size == sizeof newer.it && newer.it.value.boolean);
    for (size_t at = 0; at < sizeof newer.more; at++) CHECK(newer.more[at] == 0xff);
    newer.it.struct_size = sizeof newer.it - 8;
    FAILS(FLAGCORE_ERROR_STRUCT_SIZE,
          flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("static"), FLAGCORE_TYPE_ANY, NULL, &newer.it));
    newer.it.struct_size = (size_t)-1;
    FAILS(FLAGCORE_ERROR_STRUCT_SIZE,
          flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("static"), FLAGCORE_TYPE_ANY, NULL, &newer.it));
}

static void selected(flagcore_reader *reader, const flagcore_context *user) {
    flagcore_detail it;
    it.struct_size = sizeof it;
    OK(flagcore_reader_detail_selected(reader, FLAGCORE_TEXT("flagSetId=shop"), FLAGCORE_TEXT("targeted"),
                                       FLAGCORE_TYPE_BOOLEAN, user, &it));
    CHECK(it.value.boolean && it.metadata_count == 1 && is(it.metadata[0].value.text, "shop"));
    OK(flagcore_reader_detail_selected(reader, FLAGCORE_TEXT("source=flags"), FLAGCORE_TEXT("targeted"),
                                       FLAGCORE_TYPE_BOOLEAN, user, &it));
    CHECK(it.value.boolean && it.metadata_count == 2 && is(it.metadata[0].name, "source"));
    CHECK(is(it.metadata[0].value.text, "flags") && is(it.metadata[1].value.text, "shop"));
    OK(flagcore_reader_detail_selected(reader, FLAGCORE_TEXT("flagSetId=other"), FLAGCORE_TEXT("targeted"),
                                       FLAGCORE_TYPE_BOOLEAN, user, &it));
    CHECK(it.error_code == FLAGCORE_CODE_FLAG_NOT_FOUND && is(it.metadata[0].value.text, "other"));
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT,
          flagcore_reader_detail_selected(reader, FLAGCORE_TEXT("team=a"), FLAGCORE_TEXT("targeted"),
                                          FLAGCORE_TYPE_BOOLEAN, user, &it));
}

static void all(flagcore_reader *reader, const flagcore_context *user) {
    static const char *const keys[] = {"broken", "layout", "limit", "nested", "off-duty",
                                       "split",  "static", "targeted", "text", "whole"};
    flagcore_results *results;
    OK(flagcore_results_new(&results));
    CHECK(flagcore_results_count(results) == 0);
    for (int round = 0; round < 3; round++) {
        if (round == 1) OK(flagcore_reader_evaluate_all(reader, FLAGCORE_TEXT("flagSetId=shop"), user, results));
        else OK(flagcore_reader_evaluate_all(reader, NULL, 0, user, results));
        CHECK(flagcore_results_count(results) == sizeof keys / sizeof keys[0]);
        for (size_t at = 0; at < flagcore_results_count(results); at++) {
            flagcore_text key;
            flagcore_detail it;
            it.struct_size = sizeof it;
            OK(flagcore_results_at(results, at, &key, &it));
            CHECK(is(key, keys[at]) && it.revision == 1);
            CHECK(is(it.metadata[0].name, "flagSetId") && is(it.metadata[0].value.text, "shop"));
            if (at == 1) CHECK(is(it.value.text, "{\"a\":\"x\",\"b\":[1,true,null]}"));
            if (at == 6) CHECK(it.metadata_count == 4);
            if (at == 7) CHECK(it.value.boolean);
            if (at == 0) CHECK(it.error_code == FLAGCORE_CODE_GENERAL && it.error_message.length > 0);
        }
    }
    flagcore_text key;
    flagcore_detail it;
    it.struct_size = sizeof it;
    FAILS(FLAGCORE_ERROR_OUT_OF_RANGE, flagcore_results_at(results, 10, &key, &it));
    OK(flagcore_reader_evaluate_all(reader, FLAGCORE_TEXT("source=none"), user, results));
    CHECK(flagcore_results_count(results) == 0);
    OK(flagcore_results_free(results));
}

static void explanations(const flagcore_client *client, flagcore_reader *reader, const flagcore_context *user) {
    flagcore_text text;
    OK(flagcore_reader_explain(reader, flag_of(client, "targeted"), user, FLAGCORE_EXPLAIN_TEXT, &text));
    CHECK(text.length > 20 && memcmp(text.data, "targeted", 8) == 0);
    OK(flagcore_reader_explain_by_key(reader, FLAGCORE_TEXT("targeted"), user, FLAGCORE_EXPLAIN_JSON, &text));
    CHECK(text.length > 20 && text.data[0] == '{' && text.data[text.length - 1] == '}');
    FAILS(FLAGCORE_ERROR_INVALID_ARGUMENT,
          flagcore_reader_explain_by_key(reader, FLAGCORE_TEXT("targeted"), user, 3, &text));

    OK(flagcore_reader_evaluate_json(reader, FLAGCORE_TEXT("targeted"), FLAGCORE_TEXT("{\"plan\": \"pro\"}"), &text));
    CHECK(is(text, "{\"key\":\"targeted\",\"metadata\":{\"flagSetId\":\"shop\"},\"reason\":\"TARGETING_MATCH\","
                   "\"value\":true,\"variant\":\"on\"}"));
    OK(flagcore_reader_evaluate_json(reader, FLAGCORE_TEXT("missing"), NULL, 0, &text));
    CHECK(is(text, "{\"errorCode\":\"FLAG_NOT_FOUND\",\"errorDetails\":\"there is no such flag (FLAG_NOT_FOUND)\","
                   "\"key\":\"missing\",\"metadata\":{},\"reason\":\"ERROR\"}"));
    FAILS(FLAGCORE_ERROR_INVALID_JSON,
          flagcore_reader_evaluate_json(reader, FLAGCORE_TEXT("missing"), FLAGCORE_TEXT("[]"), &text));
    FAILS(FLAGCORE_ERROR_INVALID_JSON,
          flagcore_reader_evaluate_json(reader, FLAGCORE_TEXT("missing"), FLAGCORE_TEXT("{"), &text));
}

/* Results that serve one client after the other, in the same memory. */
static void many_clients(void) {
    flagcore_results *results;
    OK(flagcore_results_new(&results));
    for (int number = 0; number < 50; number++) {
        char json[256], wanted[32];
        snprintf(json, sizeof json, "{\"flags\": {\"a\": {\"state\": \"ENABLED\", \"variants\": {\"v\": {\"n\": %d}},"
                 " \"defaultVariant\": \"v\", \"metadata\": {\"n\": %d}}}}", number, number);
        snprintf(wanted, sizeof wanted, "{\"n\":%d}", number);
        flagcore_client *client = client_of(json);
        flagcore_reader *reader = reader_of(client);
        OK(flagcore_reader_evaluate_all(reader, NULL, 0, NULL, results));
        OK(flagcore_reader_free(reader));
        OK(flagcore_client_free(client));
        flagcore_text key;
        flagcore_detail it;
        it.struct_size = sizeof it;
        OK(flagcore_results_at(results, 0, &key, &it));
        CHECK(is(it.value.text, wanted) && it.metadata_count == 1 && it.metadata[0].value.integer == number);
    }
    OK(flagcore_results_free(results));
}

int main(void) {
    many_clients();
    flagcore_client *client = client_of(FLAGS);
    flagcore_reader *reader = reader_of(client);
    flagcore_context *user = new_context();
    OK(flagcore_context_set_targeting_key(user, FLAGCORE_TEXT("user-1")));
    OK(flagcore_context_set_string(user, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
    for (int round = 0; round < 2; round++) {
        values(client, reader, user);
        empty_text(reader, user);
        details(client, reader, user);
        newer_header(reader);
        selected(reader, user);
        all(reader, user);
        explanations(client, reader, user);
        /* The same again while the reader stays with one snapshot. */
        OK(flagcore_reader_hold(reader));
    }
    OK(flagcore_reader_release(reader));
    OK(flagcore_context_free(user));
    OK(flagcore_client_free(client));
    /* A reader goes on without its client. */
    bool on = false;
    OK(flagcore_reader_get_bool_by_key(reader, FLAGCORE_TEXT("static"), NULL, false, &on));
    CHECK(on);
    OK(flagcore_reader_hold(reader));
    OK(flagcore_reader_free(reader));
    return 0;
}
