// The header from C++17, with owners that free what they hold.
#include <flagcore.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

struct deleter {
    void operator()(flagcore_client *it) const { flagcore_client_free(it); }
    void operator()(flagcore_reader *it) const { flagcore_reader_free(it); }
    void operator()(flagcore_context *it) const { flagcore_context_free(it); }
    void operator()(flagcore_error *it) const { flagcore_error_free(it); }
};

template <typename T> using owned = std::unique_ptr<T, deleter>;

void check(bool so, const char *what) {
    if (!so) {
        std::fprintf(stderr, "not so: %s\n", what);
        std::exit(1);
    }
}

std::string_view view(flagcore_text text) { return {text.data != nullptr ? text.data : "", text.length}; }

owned<flagcore_client> open(const std::string &path) {
    flagcore_client *client = nullptr;
    flagcore_error *error = nullptr;
    if (flagcore_client_open(path.data(), path.size(), &client, &error) != FLAGCORE_OK) {
        owned<flagcore_error> why(error);
        flagcore_text message;
        flagcore_error_message(why.get(), &message);
        throw std::runtime_error(std::string(view(message)));
    }
    return owned<flagcore_client>(client);
}

owned<flagcore_reader> reader_of(const owned<flagcore_client> &client) {
    flagcore_reader *reader = nullptr;
    check(flagcore_reader_new(client.get(), &reader) == FLAGCORE_OK, "a reader");
    return owned<flagcore_reader>(reader);
}

} // namespace

int main(int count, char **arguments) {
    const std::string folder = count > 1 ? arguments[1] : ".";
    const std::string path = folder + "/plusplus.json";
    std::FILE *file = std::fopen(path.c_str(), "w");
    check(file != nullptr, "a file");
    std::fputs(R"({"flags": {"color": {"state": "ENABLED", "variants": {"r": "red", "b": "blue"}, "defaultVariant": "r",
        "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "b", null]}}}})", file);
    std::fclose(file);

    check(flagcore_check() == FLAGCORE_OK, "the ABI");
    try {
        open(folder + "/there-is-no-such-file.json");
        check(false, "a missing file is refused");
    } catch (const std::runtime_error &error) {
        check(std::string(error.what()).find("there-is-no-such-file.json") != std::string::npos, "it is named");
    }

    auto client = open(path);
    flagcore_flag color = 0;
    check(flagcore_client_flag(client.get(), FLAGCORE_TEXT("color"), &color) == FLAGCORE_OK, "a flag");
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; number++) {
        threads.emplace_back([&client, color] {
            auto reader = reader_of(client);
            flagcore_context *made = nullptr;
            check(flagcore_context_new(&made) == FLAGCORE_OK, "a context");
            owned<flagcore_context> user(made);
            for (int round = 0; round < 1000; round++) {
                const bool pro = round % 2 == 0;
                flagcore_context_clear(user.get());
                if (pro) flagcore_context_set_string(user.get(), FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro"));
                flagcore_text text;
                check(flagcore_reader_get_string(reader.get(), color, user.get(), nullptr, 0, &text) == FLAGCORE_OK, "a text");
                check(view(text) == (pro ? "blue" : "red"), "the right one");
            }
        });
    }
    for (auto &thread : threads) thread.join();
    client.reset();
    std::remove(path.c_str());
    return 0;
}
