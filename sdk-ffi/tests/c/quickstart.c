/* The header's first example, with a file of its own. */
#include "check.h"

int main(int count, char **arguments) {
    const char *folder = count > 1 ? arguments[1] : ".";
    char path[4096];
    snprintf(path, sizeof path, "%s/quickstart-c.yaml", folder);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    fputs("flags:\n  checkout:\n    state: ENABLED\n    variants: {'on': true, 'off': false}\n    defaultVariant: 'off'\n"
          "    targeting: {if: [{'==': [{var: plan}, pro]}, 'on', null]}\n", file);
    CHECK(fclose(file) == 0);

    OK(flagcore_check());
    flagcore_client *client;
    flagcore_error *error;
    OK(flagcore_client_open(FLAGCORE_STRING(path), &client, &error));
    flagcore_flag checkout;
    OK(flagcore_client_flag(client, FLAGCORE_TEXT("checkout"), &checkout));
    flagcore_reader *reader = reader_of(client);
    flagcore_context *user = new_context();

    OK(flagcore_context_set_targeting_key(user, FLAGCORE_TEXT("user-1")));
    OK(flagcore_context_set_string(user, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
    CHECK(flagcore_reader_is_enabled(reader, checkout, user));
    OK(flagcore_context_clear(user));
    CHECK(!flagcore_reader_is_enabled(reader, checkout, user));
    CHECK(!flagcore_reader_is_enabled(reader, checkout, NULL));

    OK(flagcore_context_free(user));
    OK(flagcore_reader_free(reader));
    OK(flagcore_client_free(client));
    CHECK(remove(path) == 0);
    return 0;
}
