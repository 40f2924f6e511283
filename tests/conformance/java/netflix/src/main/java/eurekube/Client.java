package eurekube;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.appinfo.ApplicationInfoManager;
import com.netflix.appinfo.InstanceInfo;
import com.netflix.appinfo.InstanceInfo.InstanceStatus;
import com.netflix.appinfo.providers.EurekaConfigBasedInstanceInfoProvider;
import com.netflix.discovery.EurekaClient;
import com.netflix.discovery.shared.Application;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Netflix's own client: a line of JSON in, a line of JSON out; what it logs goes to standard error. */
public final class Client {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Client() {}

    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        System.setOut(System.err);
        JsonNode given = JSON.readTree(args[0]);
        Settings.Instance instance = new Settings.Instance(given);
        ApplicationInfoManager manager =
                new ApplicationInfoManager(
                        instance, new EurekaConfigBasedInstanceInfoProvider(instance).get());
        EurekaClient client = Transport.start(manager, new Settings.Client(given));
        manager.setInstanceStatus(InstanceStatus.UP);
        answers.println("\"started\"");
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in));
        for (String line = questions.readLine(); line != null; line = questions.readLine()) {
            JsonNode question = JSON.readTree(line);
            answers.println(JSON.writeValueAsString(answer(question, client, manager)));
            if (question.get("do").asText().equals("stop")) {
                System.exit(0);
            }
        }
    }

    private static Object answer(
            JsonNode question, EurekaClient client, ApplicationInfoManager manager) {
        switch (question.get("do").asText()) {
            case "apps":
                return applications(client);
            case "vip":
                List<InstanceInfo> found =
                        client.getInstancesByVipAddress(question.get("vip").asText(), false);
                return found.stream().map(InstanceInfo::getId).sorted().collect(Collectors.toList());
            case "metadata":
                return client.getApplication(question.get("app").asText())
                        .getByInstanceId(question.get("id").asText())
                        .getMetadata();
            case "describe":
                manager.registerAppMetadata(
                        Map.of(question.get("key").asText(), question.get("value").asText()));
                return "described";
            case "remote":
                return client.getInstanceRemoteStatus().name();
            case "hash":
                return Map.of(
                        "own", client.getApplications().getReconcileHashCode(),
                        "said", client.getApplications().getAppsHashCode());
            case "stop":
                client.shutdown();
                return "stopped";
            default:
                throw new IllegalArgumentException(question.toString());
        }
    }

    private static Map<String, Map<String, String>> applications(EurekaClient client) {
        Map<String, Map<String, String>> all = new TreeMap<>();
        for (Application each : client.getApplications().getRegisteredApplications()) {
            Map<String, String> statuses = new TreeMap<>();
            each.getInstances().forEach(i -> statuses.put(i.getId(), i.getStatus().name()));
            all.put(each.getName(), statuses);
        }
        return all;
    }
}
