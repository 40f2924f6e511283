package eurekube;

import com.netflix.appinfo.ApplicationInfoManager;
import com.netflix.discovery.DiscoveryClient;
import com.netflix.discovery.EurekaClient;
import com.netflix.discovery.EurekaClientConfig;

/** A client of 1.x: its transport is Jersey 1. */
final class Transport {
    private Transport() {}

    static EurekaClient start(ApplicationInfoManager manager, EurekaClientConfig config) {
        return new DiscoveryClient(manager, config);
    }
}
