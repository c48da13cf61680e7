/* Loading the library starts no thread, opens nothing and changes no signal handler; closing it is harmless. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(what)                                                                                                    \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                                         \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static int entries(const char *path) {
    DIR *folder = opendir(path);
    int count = 0;
    CHECK(folder != NULL);
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count;
}

static void handlers(struct sigaction *into) {
    for (int number = 1; number < 32; number++) {
        memset(&into[number], 0, sizeof into[number]);
        sigaction(number, NULL, &into[number]);
    }
}

int main(int count, char **arguments) {
    CHECK(count > 3);
    struct sigaction before[32], after[32];
    int threads = entries("/proc/self/task"), files = entries("/proc/self/fd");
    handlers(before);
    for (int turn = 0; turn < 100; turn++) {
        void *library = dlopen(arguments[3], RTLD_NOW | RTLD_LOCAL);
        CHECK(library != NULL);
        unsigned (*version)(void);
        *(void **)&version = dlsym(library, "flagcore_abi_version");
        CHECK(version != NULL && version() >> 16 == 0);
        CHECK(entries("/proc/self/task") == threads && entries("/proc/self/fd") == files);
        CHECK(dlclose(library) == 0);
    }
    handlers(after);
    for (int number = 1; number < 32; number++) CHECK(before[number].sa_handler == after[number].sa_handler);
    return 0;
}
