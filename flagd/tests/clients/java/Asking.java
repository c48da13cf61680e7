import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import dev.openfeature.sdk.Client;
import dev.openfeature.sdk.EvaluationContext;
import dev.openfeature.sdk.FeatureProvider;
import dev.openfeature.sdk.FlagEvaluationDetails;
import dev.openfeature.sdk.ImmutableContext;
import dev.openfeature.sdk.ImmutableStructure;
import dev.openfeature.sdk.OpenFeatureAPI;
import dev.openfeature.sdk.ProviderEvent;
import dev.openfeature.sdk.Value;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A client with a provider of its own, asked as {@link Cases} writes it, and the events that it told. */
final class Asking implements AutoCloseable {
    private static final Value CODE_DEFAULT = new Value(new ImmutableStructure(Map.of("code", new Value(true))));

    private final String provider;
    private final OpenFeatureAPI api = OpenFeatureAPI.getInstance();
    private final Client client = api.getClient();
    private final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    /** Starts the provider, and waits until it is ready. */
    static Asking ready(String name, FeatureProvider provider) {
        var asking = new Asking(name);
        asking.api.setProviderAndWait(provider);
        asking.listen();
        return asking;
    }

    /** Starts the provider, ready or not. */
    static Asking started(String name, FeatureProvider provider) {
        var asking = new Asking(name);
        asking.listen();
        asking.api.setProvider(provider);
        return asking;
    }

    private Asking(String provider) {
        this.provider = provider;
    }

    private void listen() {
        client.on(ProviderEvent.PROVIDER_STALE, details -> events.add("stale"));
        client.on(ProviderEvent.PROVIDER_ERROR, details -> events.add("error"));
        client.on(ProviderEvent.PROVIDER_READY, details -> events.add("ready"));
        client.on(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, details -> events.add("changed " + details.getFlagsChanged()));
    }

    @Override
    public void close() {
        api.shutdown();
    }

    void all(List<Cases.Case> cases) {
        for (var item : cases) {
            var right = item.others().getOrDefault(provider, item.right());
            check("%s as %s with %s".formatted(item.flag(), item.type(), item.context()), ask(item.type(), item.flag(), item.context()), right);
        }
    }

    static void check(String name, String told, String right) {
        System.out.println(told.equals(right) ? "ok " + name : "not ok %s: %s, not %s".formatted(name, told, right));
    }

    String live() {
        return ask("string", "live", "{}");
    }

    /** Waits until the answer of the flag {@code live} begins so. */
    void becomes(String start) {
        Daemon.eventually(start, () -> live().startsWith(start));
        System.out.println("ok becomes " + start);
    }

    /** Waits for an event that starts so, dropping those before it. */
    void await(String start) {
        var seen = new ArrayList<String>();
        while (true) {
            try {
                var event = events.poll(60, TimeUnit.SECONDS);
                if (event == null) {
                    System.out.println("not ok the event `%s` came: only %s".formatted(start, seen));
                    return;
                }
                if (event.startsWith(start)) {
                    System.out.println("ok the event `%s` came".formatted(start));
                    return;
                }
                seen.add(event);
            } catch (InterruptedException error) {
                throw new IllegalStateException(error);
            }
        }
    }

    String ask(String type, String flag, String context) {
        var with = context(context);
        return switch (type) {
            case "bool" -> text(client.getBooleanDetails(flag, true, with), true);
            case "string" -> text(client.getStringDetails(flag, "code", with), "code");
            case "int" -> text(client.getIntegerDetails(flag, 42, with), 42);
            case "double" -> text(client.getDoubleDetails(flag, 4.2, with), 4.2);
            case "object" -> text(client.getObjectDetails(flag, CODE_DEFAULT, with), CODE_DEFAULT);
            default -> throw new IllegalArgumentException(type);
        };
    }

    /** The metadata of a flag, in the order of the keys. */
    String metadata(String type, String flag) {
        var details = type.equals("bool") ? client.getBooleanDetails(flag, true) : client.getStringDetails(flag, "code");
        return plain(Providers.metadata(details));
    }

    private static <T> String text(FlagEvaluationDetails<T> details, T codeDefault) {
        if (details.getErrorCode() != null) {
            var other = details.getValue().equals(codeDefault) ? "" : " with " + details.getValue();
            return "! " + details.getErrorCode() + other;
        }
        var variant = details.getVariant() == null || details.getVariant().isEmpty() ? "-" : details.getVariant();
        return "%s %s %s".formatted(plain(details.getValue()), variant, details.getReason());
    }

    private static String plain(Object value) {
        if (value instanceof Value inner) {
            return inner.isStructure() ? plain(inner.asStructure().asMap()) : inMap(inner.asObject());
        }
        if (value instanceof Map<?, ?> map) {
            var sorted = new TreeMap<String, String>();
            map.forEach((key, item) -> sorted.put((String) key, inMap(item)));
            return sorted.toString();
        }
        return value instanceof String text ? "'" + text + "'" : String.valueOf(value);
    }

    /** In structures and metadata, whole numbers come as integers or as doubles. */
    private static String inMap(Object value) {
        return value instanceof Double number && number == Math.rint(number) ? String.valueOf(number.longValue()) : plain(value);
    }

    static EvaluationContext context(String text) {
        var fields = new TreeMap<String, Value>();
        JsonParser.parseString(text).getAsJsonObject().entrySet().forEach(field -> fields.put(field.getKey(), value(field.getValue())));
        return new ImmutableContext(fields);
    }

    private static Value value(JsonElement element) {
        if (element.isJsonArray()) {
            var list = new ArrayList<Value>();
            element.getAsJsonArray().forEach(item -> list.add(value(item)));
            return new Value(list);
        }
        if (element.isJsonObject()) {
            var fields = new TreeMap<String, Value>();
            element.getAsJsonObject().entrySet().forEach(field -> fields.put(field.getKey(), value(field.getValue())));
            var date = fields.get("date");
            return date == null ? new Value(new ImmutableStructure(fields)) : new Value(Instant.parse(date.asString()));
        }
        var scalar = element.getAsJsonPrimitive();
        if (scalar.isBoolean()) {
            return new Value(scalar.getAsBoolean());
        }
        if (scalar.isString()) {
            return new Value(scalar.getAsString());
        }
        var number = scalar.getAsDouble();
        return number == (int) number ? new Value((int) number) : new Value(number);
    }
}
