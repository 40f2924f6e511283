package eurekube;

import com.netflix.appinfo.ApplicationInfoManager;
import com.netflix.discovery.DiscoveryClient;
import com.netflix.discovery.EurekaClient;
import com.netflix.discovery.EurekaClientConfig;
import com.netflix.discovery.Jersey3DiscoveryClientOptionalArgs;
import com.netflix.discovery.shared.transport.jersey3.Jersey3TransportClientFactories;

/** A client of 2.x: its transport is Jersey 3. */
final class Transport {
    private Transport() {}

    static EurekaClient start(ApplicationInfoManager manager, EurekaClientConfig config) {
        return new DiscoveryClient(
                manager,
                config,
                new Jersey3TransportClientFactories(),
                new Jersey3DiscoveryClientOptionalArgs());
    }
}
