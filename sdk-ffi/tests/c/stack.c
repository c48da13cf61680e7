/* A thread with a small stack takes the deepest context that there may be. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include <limits.h>
#include <pthread.h>

static flagcore_client *client;

static void *deep(void *none) {
    flagcore_reader *reader = reader_of(client);
    flagcore_context *context = new_context();
    for (int level = 0; level < 98; level++) OK(flagcore_context_open_object(context, FLAGCORE_TEXT("plan")));
    OK(flagcore_context_set_bool(context, FLAGCORE_TEXT("plan"), true));
    for (int level = 0; level < 98; level++) OK(flagcore_context_close(context));
    flagcore_text text;
    OK(flagcore_reader_explain_by_key(reader, FLAGCORE_TEXT("targeted"), context, FLAGCORE_EXPLAIN_JSON, &text));
    flagcore_detail it;
    it.struct_size = sizeof it;
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_TEXT("targeted"), FLAGCORE_TYPE_BOOLEAN, context, &it));
    OK(flagcore_context_free(context));
    OK(flagcore_reader_free(reader));
    return none;
}

int main(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    client = client_of(FLAGS);
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, 256 << 10) == 0);
    CHECK(pthread_create(&thread, &attributes, deep, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    OK(flagcore_client_free(client));
    return 0;
}
