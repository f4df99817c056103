// Java's own HTTP client with its default settings, which offer HTTP/2 with every request: java Client.java URL MODEL
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.stream.Collectors;

public class Client {
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    static HttpRequest request(String address, String body) {
        return HttpRequest.newBuilder(URI.create(address + "/v1/chat/completions"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    }

    static String body(String model, boolean isStream, String padding) {
        return "{\"model\": \"" + model + "\", \"temperature\": 0, \"max_tokens\": 8, \"stream\": " + isStream
            + ", \"messages\": [{\"role\": \"user\", \"content\": \"What is the capital of France?\"}]"
            + ", \"user\": \"" + padding + "\"}";
    }

    public static void main(String[] words) throws Exception {
        for (String padding : new String[] {"", "x".repeat(300_000)}) {
            HttpResponse<String> whole = CLIENT.send(
                request(words[0], body(words[1], false, padding)), HttpResponse.BodyHandlers.ofString());
            System.out.println("whole " + whole.statusCode() + " " + whole.version() + " " + whole.body());
            HttpResponse<java.util.stream.Stream<String>> stream = CLIENT.send(
                request(words[0], body(words[1], true, padding)), HttpResponse.BodyHandlers.ofLines());
            String lines = stream.body().filter(line -> !line.isEmpty()).collect(Collectors.joining("\nline "));
            System.out.println("stream " + stream.statusCode() + "\nline " + lines);
        }
    }
}
