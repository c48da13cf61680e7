import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Map;
import java.util.function.BooleanSupplier;

/** The daemon that the launcher runs, and what it says of itself. */
final class Daemon {
    private final HttpClient http = HttpClient.newHttpClient();
    private final String launcher = System.getenv("LAUNCHER");
    private final JsonObject places = JsonParser.parseString(send("GET", launcher, "")).getAsJsonObject();

    int port(String service) {
        return places.get(service).getAsInt();
    }

    String path(String name) {
        return places.get(name).getAsString();
    }

    void order(String order) {
        send("POST", launcher + "/" + order, "");
    }

    void write(String file) {
        send("POST", launcher + "/write?file=own.json", file);
    }

    /** Writes a file that holds no flags, and waits until the daemon has refused it. */
    void writeBroken() {
        write("{\"flags\": {");
        eventually("the broken file is refused", () -> {
            var status = send("GET", "http://localhost:" + port("management") + "/status", "");
            JsonArray sources = JsonParser.parseString(status).getAsJsonObject().getAsJsonArray("sources");
            return !sources.get(0).getAsJsonObject().get("refused").isJsonNull();
        });
    }

    private String send(String method, String url, String body) {
        try {
            var request = HttpRequest.newBuilder(URI.create(url)).method(method, BodyPublishers.ofString(body)).build();
            var answer = http.send(request, BodyHandlers.ofString());
            if (answer.statusCode() != 200) {
                throw new IllegalStateException(url + ": " + answer.body());
            }
            return answer.body();
        } catch (java.io.IOException | InterruptedException error) {
            throw new IllegalStateException(url, error);
        }
    }

    /** A flag file with these flags of two variants, {@code on} and {@code off}. */
    static String flags(Map<String, String> rules) {
        var flags = new JsonObject();
        rules.forEach((key, rule) -> {
            var flag = "{'state': 'ENABLED', 'variants': {'on': true, 'off': false}, 'defaultVariant': 'off', 'targeting': %s}";
            flags.add(key, JsonParser.parseString(flag.formatted(rule)));
        });
        var file = new JsonObject();
        file.add("flags", flags);
        return file.toString();
    }

    /** A flag file with the flag {@code live}, of this value without a rule, and one that is always the same. */
    static String live(String value) {
        var flag = "{'state': 'ENABLED', 'variants': {'%s': '%s'}, 'defaultVariant': '%s'}";
        var file = "{'flags': {'live': %s, 'still': %s}}".formatted(flag, flag);
        return file.formatted(value, value, value, "still", "still", "still").replace('\'', '"');
    }

    /** Waits until something is so. */
    static void eventually(String what, BooleanSupplier isSo) {
        var until = System.nanoTime() + 60_000_000_000L;
        while (!isSo.getAsBoolean()) {
            if (System.nanoTime() > until) {
                throw new IllegalStateException("never came: " + what);
            }
            try {
                Thread.sleep(20);
            } catch (InterruptedException error) {
                throw new IllegalStateException(error);
            }
        }
    }
}
