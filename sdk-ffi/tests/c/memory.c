/* Evaluating for ever new users takes no more memory than evaluating for the first ones. */
#define _DEFAULT_SOURCE
#include "check.h"
#include <malloc.h>

static void evaluate(flagcore_reader *reader, flagcore_flag flag, flagcore_context *user, int from, int to) {
    char key[32];
    for (int number = from; number < to; number++) {
        flagcore_text text;
        flagcore_detail it;
        snprintf(key, sizeof key, "user-%d", number);
        /* Every second one is set over the one before. */
        if (number % 2 == 0) OK(flagcore_context_clear(user));
        OK(flagcore_context_set_targeting_key(user, FLAGCORE_STRING(key)));
        OK(flagcore_context_set_string(user, FLAGCORE_TEXT("email"), FLAGCORE_STRING(key)));
        OK(flagcore_context_set_string(user, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
        OK(flagcore_reader_get_string(reader, flag, user, NULL, 0, &text));
        CHECK(is(text, "a") || is(text, "b"));
        it.struct_size = sizeof it;
        OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("static"), FLAGCORE_TYPE_BOOLEAN, user, &it));
        OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("layout"), FLAGCORE_TYPE_OBJECT, user, &it));
    }
}

int main(int count, char **arguments) {
    int users = count > 2 ? atoi(arguments[2]) * 10 : 200000;
    flagcore_client *client = client_of(FLAGS);
    flagcore_reader *reader = reader_of(client);
    flagcore_context *user = new_context();
    flagcore_flag flag;
    OK(flagcore_client_flag(client, FLAGCORE_TEXT("split"), &flag));
    evaluate(reader, flag, user, 0, 2000);
    size_t before = (size_t)mallinfo2().uordblks;
    evaluate(reader, flag, user, 2000, users);
    size_t after = (size_t)mallinfo2().uordblks;
    CHECK(after <= before);
    OK(flagcore_context_free(user));
    OK(flagcore_reader_free(reader));
    OK(flagcore_client_free(client));
    return 0;
}
