package eurekube;

import com.fasterxml.jackson.databind.JsonNode;
import com.netflix.appinfo.MyDataCenterInstanceConfig;
import com.netflix.discovery.DefaultEurekaClientConfig;
import java.util.ArrayList;
import java.util.List;

/** What the test wants, in the shapes that Netflix's client asks for. */
final class Settings {
    private Settings() {}

    /** The instance that is registered. */
    static final class Instance extends MyDataCenterInstanceConfig {
        private final JsonNode given;

        Instance(JsonNode given) {
            this.given = given;
        }

        @Override
        public String getInstanceId() {
            return given.get("id").asText();
        }

        @Override
        public String getAppname() {
            return given.get("app").asText();
        }

        @Override
        public String getVirtualHostName() {
            return given.get("vip").asText();
        }

        @Override
        public String getHostName(boolean refresh) {
            return "client.example";
        }

        @Override
        public String getIpAddress() {
            return "10.1.2.3";
        }

        @Override
        public int getLeaseRenewalIntervalInSeconds() {
            return 1;
        }

        @Override
        public int getLeaseExpirationDurationInSeconds() {
            return 3;
        }
    }

    /** How the client speaks, and to whom. */
    static final class Client extends DefaultEurekaClientConfig {
        private final JsonNode given;

        Client(JsonNode given) {
            this.given = given;
        }

        @Override
        public List<String> getEurekaServerServiceUrls(String zone) {
            List<String> urls = new ArrayList<>();
            given.get("urls").forEach(url -> urls.add(url.asText()));
            return urls;
        }

        @Override
        public int getRegistryFetchIntervalSeconds() {
            return 1;
        }

        @Override
        public int getInstanceInfoReplicationIntervalSeconds() {
            return 1;
        }

        @Override
        public int getInitialInstanceInfoReplicationIntervalSeconds() {
            return 0;
        }

        @Override
        public int getEurekaServerReadTimeoutSeconds() {
            return 3;
        }

        @Override
        public String getDecoderName() {
            return text("decoder");
        }

        @Override
        public String getEncoderName() {
            return text("encoder");
        }

        @Override
        public String getClientDataAccept() {
            return text("accept");
        }

        @Override
        public boolean shouldFilterOnlyUpInstances() {
            return false;
        }

        @Override
        public boolean shouldUseDnsForFetchingServiceUrls() {
            return false;
        }

        private String text(String name) {
            return given.hasNonNull(name) ? given.get(name).asText() : null;
        }
    }
}
