/* What the test programs share: a check that says where it failed, and a flag file that has one of everything. */
#ifndef CHECK_H
#define CHECK_H

#include <flagcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(what)                                                                                                    \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            flagcore_text why_;                                                                                        \
            flagcore_last_error(&why_);                                                                                \
            fprintf(stderr, "%s:%d: not so: %s (last error: %.*s)\n", __FILE__, __LINE__, #what, FLAGCORE_PRINT(why_)); \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

#define OK(call) CHECK((call) == FLAGCORE_OK)
#define FAILS(status, call) CHECK((call) == (status))

/* Whether a text is this literal. */
static inline int is(flagcore_text text, const char *wanted) {
    return text.data != NULL && text.length == strlen(wanted) && memcmp(text.data, wanted, text.length) == 0;
}

/* Whether the last error of this thread is this. */
static inline int said(const char *wanted) {
    flagcore_text last;
    return flagcore_last_error(&last) == FLAGCORE_OK && is(last, wanted);
}

#define FLAGS                                                                                                          \
    "{\"metadata\": {\"flagSetId\": \"shop\"}, \"flags\": {"                                                           \
    "\"static\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true, \"off\": false}, \"defaultVariant\": \"on\","   \
    " \"metadata\": {\"owner\": \"payments\", \"tier\": 1, \"paged\": true}},"                                         \
    "\"targeted\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true, \"off\": false}, \"defaultVariant\": \"off\"," \
    " \"targeting\": {\"if\": [{\"==\": [{\"var\": \"plan\"}, \"pro\"]}, \"on\", null]}},"                             \
    "\"text\": {\"state\": \"ENABLED\", \"variants\": {\"a\": \"alpha\", \"b\": \"\"}, \"defaultVariant\": \"a\","     \
    " \"targeting\": {\"if\": [{\"var\": \"empty\"}, \"b\", null]}},"                                                  \
    "\"limit\": {\"state\": \"ENABLED\", \"variants\": {\"some\": 40.75}, \"defaultVariant\": \"some\"},"              \
    "\"whole\": {\"state\": \"ENABLED\", \"variants\": {\"some\": 7}, \"defaultVariant\": \"some\"},"                  \
    "\"layout\": {\"state\": \"ENABLED\", \"variants\": {\"v\": {\"b\": [1, true, null], \"a\": \"x\"}}, \"defaultVariant\": \"v\"}," \
    "\"off-duty\": {\"state\": \"DISABLED\", \"variants\": {\"on\": true}, \"defaultVariant\": \"on\"},"               \
    "\"broken\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true}, \"defaultVariant\": \"on\","                   \
    " \"targeting\": {\"var\": \"plan\"}},"                                                                            \
    "\"split\": {\"state\": \"ENABLED\", \"variants\": {\"a\": \"a\", \"b\": \"b\"}, \"defaultVariant\": \"a\","       \
    " \"targeting\": {\"fractional\": [[\"a\", 50], [\"b\", 50]]}},"                                                   \
    "\"nested\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true, \"off\": false}, \"defaultVariant\": \"off\","  \
    " \"targeting\": {\"if\": [{\"and\": [{\"==\": [{\"var\": \"org.city.name\"}, \"Bern\"]}, {\"in\": [\"b\", {\"var\": \"roles\"}]}," \
    " {\"==\": [{\"var\": \"roles.0.level\"}, 3]}]}, \"on\", null]}}"                                                  \
    "}}"

/* A client of bytes, called `flags`. */
static inline flagcore_client *client_of(const char *json) {
    flagcore_options *options;
    flagcore_client *client;
    flagcore_error *error;
    OK(flagcore_options_new(&options));
    OK(flagcore_options_set_watch(options, false));
    OK(flagcore_options_add_bytes(options, FLAGCORE_TEXT("flags"), json, strlen(json), FLAGCORE_FORMAT_JSON));
    OK(flagcore_client_new(options, &client, &error));
    CHECK(error == NULL);
    OK(flagcore_options_free(options));
    return client;
}

static inline flagcore_reader *reader_of(const flagcore_client *client) {
    flagcore_reader *reader;
    OK(flagcore_reader_new(client, &reader));
    return reader;
}

static inline flagcore_context *new_context(void) {
    flagcore_context *context;
    OK(flagcore_context_new(&context));
    return context;
}

#endif
