/* What calls of the C library cost, from C. `benches/ffi.rs` compiles it, and asks in turn here and of Rust.
 *
 *     calls FLAGS KEYS      a flag file, and its keys in the order in which their flags are made, one per line
 *
 * Questions come in as lines, answers go out as lines:
 *
 *     time WAY KEY VARIANT COUNT    nanoseconds of each of COUNT calls, after the answer was found to be VARIANT
 *     memory USERS                  resident KiB before, and the most and the last while USERS users are evaluated
 */
#define _POSIX_C_SOURCE 200809L
#include <flagcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define USER FLAGCORE_TEXT("user-0000000000004711")

static flagcore_client *client;
static flagcore_reader *reader;
static flagcore_context *user, *built;
/* What the answers come to, so that each is looked at. */
static volatile uint64_t sum;

static void fail(const char *about) {
    flagcore_text why;
    flagcore_last_error(&why);
    fprintf(stderr, "%s: %.*s\n", about, FLAGCORE_PRINT(why));
    exit(1);
}

#define OK(call)                               \
    do {                                       \
        if ((call) != FLAGCORE_OK) fail(#call); \
    } while (0)

static char *contents(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    char *bytes;
    if (!file || fseek(file, 0, SEEK_END) != 0) fail(path);
    *length = (size_t)ftell(file);
    rewind(file);
    bytes = malloc(*length + 1);
    if (!bytes || fread(bytes, 1, *length, file) != *length) fail(path);
    bytes[*length] = 0;
    fclose(file);
    return bytes;
}

/* The flags are made before they are there, so that neighbours in the file are none in memory. */
static void open_client(const char *flags, const char *keys) {
    static const char empty[] = "{\"flags\": {}}";
    flagcore_options *options;
    size_t length, ignored;
    char *text = contents(keys, &ignored), *key;
    OK(flagcore_options_new(&options));
    OK(flagcore_options_add_bytes(options, FLAGCORE_TEXT("flags"), empty, sizeof empty - 1, FLAGCORE_FORMAT_JSON));
    OK(flagcore_options_set_watch(options, false));
    OK(flagcore_client_new(options, &client, NULL));
    OK(flagcore_options_free(options));
    for (key = strtok(text, "\n"); key; key = strtok(NULL, "\n")) {
        flagcore_flag flag;
        OK(flagcore_client_flag(client, FLAGCORE_STRING(key), &flag));
    }
    free(text);
    text = contents(flags, &length);
    OK(flagcore_client_update(client, FLAGCORE_TEXT("flags"), text, length, FLAGCORE_FORMAT_JSON, NULL));
    free(text);
}

/* Five attributes beside the targeting key: eight calls with the question. */
static void build(flagcore_context *context) {
    OK(flagcore_context_clear(context));
    OK(flagcore_context_set_targeting_key(context, USER));
    OK(flagcore_context_set_string(context, FLAGCORE_TEXT("email"), FLAGCORE_TEXT("jane.doe@example.com")));
    OK(flagcore_context_set_string(context, FLAGCORE_TEXT("country"), FLAGCORE_TEXT("DE")));
    OK(flagcore_context_set_string(context, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
    OK(flagcore_context_set_string(context, FLAGCORE_TEXT("appVersion"), FLAGCORE_TEXT("2.3.1")));
    OK(flagcore_context_set_integer(context, FLAGCORE_TEXT("age"), 42));
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static bool is(flagcore_text text, const char *expected) {
    return text.length == strlen(expected) && memcmp(text.data, expected, text.length) == 0;
}

/* A wrong answer is never a fast one. */
static flagcore_type check(flagcore_flag flag, const char *key, const char *variant) {
    flagcore_detail by_flag, by_key;
    by_flag.struct_size = by_key.struct_size = sizeof by_flag;
    build(built);
    OK(flagcore_reader_detail(reader, flag, FLAGCORE_TYPE_ANY, built, &by_flag));
    if (!is(by_flag.variant, variant)) fail(key);
    OK(flagcore_reader_detail_by_key(reader, FLAGCORE_STRING(key), FLAGCORE_TYPE_ANY, user, &by_key));
    if (!is(by_key.variant, variant)) fail(key);
    return by_key.value.type;
}

#define EACH(call, got)                         \
    for (long number = 0; number < count; number++) { \
        OK(call);                               \
        found += (got);                         \
    }

static double timed(const char *way, const char *key, const char *variant, long count) {
    flagcore_flag flag;
    size_t length = strlen(key);
    uint64_t found = 0;
    bool on;
    flagcore_text text;
    flagcore_detail detail;
    OK(flagcore_client_flag(client, key, length, &flag));
    bool is_text = check(flag, key, variant) == FLAGCORE_TYPE_STRING;
    flagcore_type type = is_text ? FLAGCORE_TYPE_STRING : FLAGCORE_TYPE_BOOLEAN;
    double before = now();
    if (strcmp(way, "flag") == 0 && is_text) {
        EACH(flagcore_reader_get_string(reader, flag, user, NULL, 0, &text), text.length)
    } else if (strcmp(way, "flag") == 0) {
        EACH(flagcore_reader_get_bool(reader, flag, user, false, &on), on)
    } else if (strcmp(way, "key") == 0 && is_text) {
        EACH(flagcore_reader_get_string_by_key(reader, key, length, user, NULL, 0, &text), text.length)
    } else if (strcmp(way, "key") == 0) {
        EACH(flagcore_reader_get_bool_by_key(reader, key, length, user, false, &on), on)
    } else if (strcmp(way, "built") == 0 && is_text) {
        EACH((build(built), flagcore_reader_get_string(reader, flag, built, NULL, 0, &text)), text.length)
    } else if (strcmp(way, "built") == 0) {
        EACH((build(built), flagcore_reader_get_bool(reader, flag, built, false, &on)), on)
    } else if (strcmp(way, "detail") == 0) {
        detail.struct_size = sizeof detail;
        EACH(flagcore_reader_detail(reader, flag, type, user, &detail), detail.variant.length + (uint64_t)detail.reason)
    } else if (strcmp(way, "detail-key") == 0) {
        detail.struct_size = sizeof detail;
        EACH(flagcore_reader_detail_by_key(reader, key, length, type, user, &detail),
             detail.variant.length + (uint64_t)detail.reason)
    } else {
        fail(way);
    }
    double each = (now() - before) / (double)count;
    sum += found;
    return each;
}

/* Resident KiB of this process. */
static long resident(void) {
    long size = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &size, &pages) != 2) fail("/proc/self/statm");
    fclose(file);
    return pages * 4;
}

/* Users that are never seen again, each with a context of its own, and a rollout and a detail evaluated for it. */
static void evaluate(long from, long to) {
    static const char rollout[] = "search-ranking-v2-rollout", split[] = "onboarding-experiment-q4";
    flagcore_flag flag;
    flagcore_detail detail;
    bool on;
    char key[40];
    detail.struct_size = sizeof detail;
    OK(flagcore_client_flag(client, rollout, sizeof rollout - 1, &flag));
    for (long number = from; number < to; number++) {
        int length = snprintf(key, sizeof key, "user-%ld", number * 7919);
        OK(flagcore_context_clear(built));
        OK(flagcore_context_set_targeting_key(built, key, (size_t)length));
        OK(flagcore_context_set_string(built, FLAGCORE_TEXT("email"), key, (size_t)length));
        OK(flagcore_context_set_string(built, FLAGCORE_TEXT("country"), FLAGCORE_TEXT("DE")));
        OK(flagcore_context_set_string(built, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro")));
        OK(flagcore_context_set_string(built, FLAGCORE_TEXT("appVersion"), FLAGCORE_TEXT("2.3.1")));
        if (number % 2 == 0) {
            OK(flagcore_reader_get_bool(reader, flag, built, false, &on));
            sum += on;
        } else {
            OK(flagcore_reader_detail_by_key(reader, split, sizeof split - 1, FLAGCORE_TYPE_STRING, built, &detail));
            sum += detail.variant.length;
        }
    }
}

static void memory(long users) {
    long warm = users / 100, step = users / 10, most = 0;
    evaluate(0, warm);
    long before = resident();
    for (long from = warm; from < users; from += step) {
        evaluate(from, from + step < users ? from + step : users);
        if (resident() > most) most = resident();
    }
    printf("%ld %ld %ld\n", before, most, resident());
}

int main(int count, char **arguments) {
    char line[256], way[32], key[64], variant[32];
    long calls;
    OK(flagcore_check());
    if (count != 3) fail("usage: calls FLAGS KEYS");
    open_client(arguments[1], arguments[2]);
    OK(flagcore_reader_new(client, &reader));
    OK(flagcore_context_new(&user));
    OK(flagcore_context_new(&built));
    build(user);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "time %31s %63s %31s %ld", way, key, variant, &calls) == 4) {
            printf("%.3f\n", timed(way, key, variant, calls));
        } else if (sscanf(line, "memory %ld", &calls) == 1) {
            memory(calls);
        } else {
            fail(line);
        }
        fflush(stdout);
    }
    flagcore_context_free(user);
    flagcore_context_free(built);
    flagcore_reader_free(reader);
    flagcore_client_free(client);
    return 0;
}
