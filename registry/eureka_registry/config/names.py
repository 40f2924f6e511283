"""Every property of Netflix's and Spring's Eureka servers: our setting, or why there is none.

Names are written as the references write them; `eureka_registry.config.binding` compares them.
A name that ends in `.*` is a family; the rest of a name is a key that somebody chose, as the zone
in `service-url.<zone>`. Where two properties set the same setting, the later row wins.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One property: its names, Spring's first, and the setting it sets.

    `setting` is empty for a property without meaning here, and `reason` says why.
    `scale` turns its unit into the setting's, `inverted` its yes into the setting's no.
    """

    names: tuple[str, ...]
    setting: str = ""
    scale: float = 1.0
    inverted: bool = False
    reason: str = ""

    @property
    def family(self) -> bool:
        """Whether the names are beginnings of names."""
        return self.names[0].endswith(".*")


_MS: Final = 0.001


def _to(setting: str, *names: str, scale: float = 1.0, inverted: bool = False) -> Row:
    return Row(names, setting, scale, inverted)


def _without(reason: str, names: str) -> tuple[Row, ...]:
    return tuple(Row((name,), reason=reason) for name in names.split())


MAPPED: Final[tuple[Row, ...]] = (
    _to("app_name", "spring.application.name"),
    _to("app_name", "eureka.instance.appname", "eureka.name"),
    _to("hostname", "eureka.instance.hostname", "eureka.hostname"),
    _to("region", "eureka.client.region", "eureka.region"),
    _to("zone", "eureka.client.availability-zones.*"),
    _to("zone", "eureka.instance.metadata-map.zone", "eureka.metadata.zone"),
    _to("environment", "eureka.environment"),
    _to("datacenter", "eureka.datacenter"),
    _to("host", "server.address"),
    _to("port", "server.port", "eureka.port"),
    _to("management_host", "management.server.address"),
    _to("management_port", "management.server.port"),
    _to("context_path", "server.servlet.context-path", "server.context-path"),
    _to("peers", "eureka.client.service-url.*", "eureka.serviceUrl.*"),
    _to(
        "peers_refresh_s",
        "eureka.server.peer-eureka-nodes-update-interval-ms",
        "eureka.peerEurekaNodesUpdateIntervalMs",
        scale=_MS,
    ),
    _to("my_url", "eureka.server.my-url", "eureka.myUrl"),
    _to(
        "register_with_eureka",
        "eureka.client.register-with-eureka",
        "eureka.registration.enabled",
    ),
    _to("fetch_registry", "eureka.client.fetch-registry", "eureka.shouldFetchRegistry"),
    _to(
        "replication_queue_limit",
        "eureka.server.max-elements-in-peer-replication-pool",
        "eureka.maxElementsInPeerReplicationPool",
    ),
    _to(
        "replication_max_age_s",
        "eureka.server.max-time-for-replication",
        "eureka.maxTimeForReplication",
        scale=_MS,
    ),
    _to(
        "peer_connect_timeout_s",
        "eureka.server.peer-node-connect-timeout-ms",
        "eureka.peerNodeConnectTimeoutMs",
        scale=_MS,
    ),
    _to(
        "peer_read_timeout_s",
        "eureka.server.peer-node-read-timeout-ms",
        "eureka.peerNodeReadTimeoutMs",
        scale=_MS,
    ),
    _to(
        "eviction_interval_s",
        "eureka.server.eviction-interval-timer-in-ms",
        "eureka.evictionIntervalTimerInMs",
        scale=_MS,
    ),
    _to(
        "self_preservation",
        "eureka.server.enable-self-preservation",
        "eureka.enableSelfPreservation",
    ),
    _to(
        "renewal_threshold",
        "eureka.server.renewal-percent-threshold",
        "eureka.renewalPercentThreshold",
    ),
    _to(
        "expected_renewal_interval_s",
        "eureka.server.expected-client-renewal-interval-seconds",
        "eureka.expectedClientRenewalIntervalSeconds",
    ),
    _to(
        "threshold_update_interval_s",
        "eureka.server.renewal-threshold-update-interval-ms",
        "eureka.renewalThresholdUpdateIntervalMs",
        scale=_MS,
    ),
    _to(
        "sync_when_timestamp_differs",
        "eureka.server.sync-when-timestamp-differs",
        "eureka.syncWhenTimestampDiffers",
    ),
    _to(
        "delta_retention_s",
        "eureka.server.retention-time-in-m-s-in-delta-queue",
        "eureka.retentionTimeInMSInDeltaQueue",
        scale=_MS,
    ),
    _to("disable_delta", "eureka.server.disable-delta", "eureka.disableDelta"),
    _to(
        "wait_when_sync_empty_s",
        "eureka.server.wait-time-in-ms-when-sync-empty",
        "eureka.waitTimeInMsWhenSyncEmpty",
        scale=_MS,
    ),
    _to("remote_regions", "eureka.server.remote-region-urls-with-name.*"),
    _to("remote_regions", "eureka.remoteRegionUrlsWithName"),
    _to("remote_region_applications", "eureka.server.remote-region-app-whitelist.*"),
    _to(
        "remote_region_fetch_interval_s",
        "eureka.server.remote-region-registry-fetch-interval",
        "eureka.remoteRegion.registryFetchIntervalInSeconds",
    ),
    _to(
        "remote_region_fallback",
        "eureka.server.disable-transparent-fallback-to-other-region",
        "eureka.remoteRegion.disable.transparent.fallback",
        inverted=True,
    ),
    _to("rate_limit", "eureka.server.rate-limiter-enabled", "eureka.rateLimiter.enabled"),
    _to(
        "rate_limit_standard_clients",
        "eureka.server.rate-limiter-throttle-standard-clients",
        "eureka.rateLimiter.throttleStandardClients",
    ),
    _to(
        "rate_limit_privileged",
        "eureka.server.rate-limiter-privileged-clients",
        "eureka.rateLimiter.privilegedClients",
    ),
    _to(
        "rate_limit_burst",
        "eureka.server.rate-limiter-burst-size",
        "eureka.rateLimiter.burstSize",
    ),
    _to(
        "rate_limit_fetches_per_s",
        "eureka.server.rate-limiter-registry-fetch-average-rate",
        "eureka.rateLimiter.registryFetchAverageRate",
    ),
    _to(
        "rate_limit_full_fetches_per_s",
        "eureka.server.rate-limiter-full-fetch-average-rate",
        "eureka.rateLimiter.fullFetchAverageRate",
    ),
    _to("dashboard", "eureka.dashboard.enabled"),
    _to("dashboard_path", "eureka.dashboard.path"),
)
"""The properties that have a setting here."""

UNMAPPED: Final[tuple[Row, ...]] = (
    *_without(
        "reads are never stale; set read_only_cache_s to get Java's",
        """
        eureka.server.response-cache-update-interval-ms eureka.responseCacheUpdateIntervalMs
        eureka.server.use-read-only-response-cache eureka.shouldUseReadOnlyResponseCache
        eureka.server.response-cache-auto-expiration-in-seconds
        eureka.responseCacheAutoExpirationInSeconds
        eureka.server.initial-capacity-of-response-cache eureka.initialCapacityOfResponseCache
        """,
    ),
    *_without(
        "NOT APPLIED: set tls_cert, auth_file and their like instead (docs/security.md)",
        """
        spring.security.* security.basic.* security.user.* server.ssl.* eureka.client.tls.*
        eureka.instance.secure-port-enabled eureka.securePort.enabled
        """,
    ),
    *_without(
        "NOT READ: what these name; put it into the file that is read, or into variables",
        """
        spring.config.import spring.config.location spring.config.additional-location
        spring.config.name spring.profiles.default spring.cloud.config.*
        """,
    ),
    *_without(
        "peers are not found by TXT records; list them, or set peers_dns",
        """
        eureka.client.use-dns-for-fetching-service-urls eureka.shouldUseDns
        eureka.client.eureka-server-d-n-s-name eureka.eurekaServer.domainName
        eureka.client.eureka-server-port eureka.eurekaServer.port
        eureka.client.eureka-server-u-r-l-context eureka.eurekaServer.context
        """,
    ),
    *_without(
        "a start waits for its peers for sync_timeout_s and then goes on without them",
        """
        eureka.server.registry-sync-retries eureka.numberRegistrySyncRetries
        eureka.server.registry-sync-retry-wait-ms eureka.registrySyncRetryWaitMs
        eureka.instance.registry.* eureka.client.should-enforce-fetch-registry-at-init
        eureka.shouldEnforceFetchRegistryAtInit
        eureka.client.should-enforce-registration-at-init eureka.shouldEnforceRegistrationAtInit
        """,
    ),
    *_without(
        "one event loop: no thread pools, connections grow and shrink by themselves",
        """
        eureka.server.min-threads-for-peer-replication eureka.minThreadsForPeerReplication
        eureka.server.max-threads-for-peer-replication eureka.maxThreadsForPeerReplication
        eureka.server.max-idle-thread-age-in-minutes-for-peer-replication
        eureka.maxIdleThreadAgeInMinutesForPeerReplication
        eureka.server.min-threads-for-status-replication eureka.minThreadsForStatusReplication
        eureka.server.max-threads-for-status-replication eureka.maxThreadsForStatusReplication
        eureka.server.max-idle-thread-in-minutes-age-for-status-replication
        eureka.maxIdleThreadAgeInMinutesForStatusReplication
        eureka.server.max-elements-in-status-replication-pool
        eureka.maxElementsInStatusReplicationPool
        eureka.server.peer-node-total-connections eureka.peerNodeTotalConnections
        eureka.server.peer-node-total-connections-per-host eureka.peerNodeTotalConnectionsPerHost
        eureka.server.peer-node-connection-idle-timeout-seconds
        eureka.peerNodeConnectionIdleTimeoutSeconds
        eureka.server.remote-region-fetch-thread-pool-size eureka.remoteRegion.fetchThreadPoolSize
        eureka.server.remote-region-total-connections eureka.remoteRegionTotalConnections
        eureka.server.remote-region-total-connections-per-host
        eureka.remoteRegionTotalConnectionsPerHost
        eureka.server.remote-region-connection-idle-timeout-seconds
        eureka.remoteRegionConnectionIdleTimeoutSeconds
        """,
    ),
    *_without(
        "not used by Java either, or done here without a switch",
        """
        eureka.server.number-of-replication-retries eureka.numberOfReplicationRetries
        eureka.server.batch-replication eureka.shouldBatchReplication
        eureka.server.peer-eureka-status-refresh-time-interval-ms
        eureka.peerEurekaStatusRefreshTimeIntervalMs
        eureka.server.enable-replicated-request-compression
        eureka.enableReplicatedRequestCompression
        eureka.server.delta-retention-timer-interval-in-ms eureka.deltaRetentionTimerIntervalInMs
        eureka.server.min-available-instances-for-peer-replication
        eureka.minAvailableInstancesForPeerReplication
        eureka.server.json-codec-name eureka.jsonCodecName
        eureka.server.xml-codec-name eureka.xmlCodecName
        eureka.server.log-identity-headers eureka.auth.shouldLogIdentityHeaders
        eureka.server.metrics.enabled eureka.experimental.*
        eureka.server.remote-region-connect-timeout-ms eureka.remoteRegionConnectTimeoutMs
        eureka.server.remote-region-read-timeout-ms eureka.remoteRegionReadTimeoutMs
        eureka.server.g-zip-content-from-remote-region eureka.remoteRegion.gzipContent
        eureka.server.disable-delta-for-remote-regions eureka.disableDeltaForRemoteRegions
        eureka.server.remote-region-urls eureka.remoteRegionUrls
        eureka.server.remote-region-trust-store eureka.remoteRegion.trustStoreFileName
        eureka.server.remote-region-trust-store-password eureka.remoteRegion.trustStorePassword
        """,
    ),
    *_without(
        "there is no AWS here",
        """
        eureka.server.use-aws-asg-api eureka.shouldUseAwsAsgApi
        eureka.server.a-s-g-query-timeout-ms eureka.asgQueryTimeoutMs
        eureka.server.a-s-g-update-interval-ms eureka.asgUpdateIntervalMs
        eureka.server.a-s-g-cache-expiry-timeout-ms eureka.asgCacheExpiryTimeoutMs
        eureka.server.list-auto-scaling-groups-role-name eureka.listAutoScalingGroupsRoleName
        eureka.server.a-w-s-access-id eureka.awsAccessId
        eureka.server.a-w-s-secret-key eureka.awsSecretKey
        eureka.server.binding-strategy eureka.awsBindingStrategy
        eureka.server.e-i-p-bind-rebind-retries eureka.eipBindRebindRetries
        eureka.server.e-i-p-binding-retry-interval-ms eureka.eipBindingRetryIntervalMs
        eureka.server.e-i-p-binding-retry-interval-ms-when-unbound
        eureka.eipBindingRetryIntervalMsWhenUnbound
        eureka.server.route53-bind-rebind-retries eureka.route53BindRebindRetries
        eureka.server.route53-binding-retry-interval-ms eureka.route53BindingRetryIntervalMs
        eureka.server.route53-domain-t-t-l eureka.route53DomainTTL
        eureka.server.prime-aws-replica-connections eureka.primeAwsReplicaConnections
        """,
    ),
    *_without(
        "the server holds no Java client that could be tuned",
        """
        eureka.client.enabled
        eureka.client.registry-fetch-interval-seconds eureka.client.refresh.interval
        eureka.client.instance-info-replication-interval-seconds eureka.appinfo.replicate.interval
        eureka.client.initial-instance-info-replication-interval-seconds
        eureka.appinfo.initial.replicate.time
        eureka.client.eureka-service-url-poll-interval-seconds eureka.serviceUrlPollIntervalMs
        eureka.client.eureka-server-read-timeout-seconds eureka.eurekaServer.readTimeout
        eureka.client.eureka-server-connect-timeout-seconds eureka.eurekaServer.connectTimeout
        eureka.client.eureka-server-total-connections eureka.eurekaServer.maxTotalConnections
        eureka.client.eureka-server-total-connections-per-host
        eureka.eurekaServer.maxConnectionsPerHost
        eureka.client.eureka-connection-idle-timeout-seconds
        eureka.eurekaServer.connectionIdleTimeoutInSeconds
        eureka.client.g-zip-content eureka.eurekaServer.gzipContent
        eureka.client.proxy-host eureka.eurekaServer.proxyHost
        eureka.client.proxy-port eureka.eurekaServer.proxyPort
        eureka.client.proxy-user-name eureka.eurekaServer.proxyUserName
        eureka.client.proxy-password eureka.eurekaServer.proxyPassword
        eureka.client.prefer-same-zone-eureka eureka.preferSameZone
        eureka.client.allow-redirects eureka.allowRedirects
        eureka.client.disable-delta
        eureka.client.log-delta-diff eureka.printDeltaFullDiff
        eureka.client.fetch-remote-regions-registry eureka.fetchRemoteRegionsRegistry
        eureka.client.filter-only-up-instances eureka.shouldFilterOnlyUpInstances
        eureka.client.registry-refresh-single-vip-address eureka.registryRefreshSingleVipAddress
        eureka.client.should-unregister-on-shutdown eureka.shouldUnregisterOnShutdown
        eureka.client.on-demand-update-status-change eureka.shouldOnDemandUpdateStatusChange
        eureka.client.heartbeat-executor-thread-pool-size eureka.client.heartbeat.threadPoolSize
        eureka.client.heartbeat-executor-exponential-back-off-bound
        eureka.client.heartbeat.exponentialBackOffBound
        eureka.client.cache-refresh-executor-thread-pool-size
        eureka.client.cacheRefresh.threadPoolSize
        eureka.client.cache-refresh-executor-exponential-back-off-bound
        eureka.client.cacheRefresh.exponentialBackOffBound
        eureka.client.dollar-replacement eureka.dollarReplacement
        eureka.client.escape-char-replacement eureka.escapeCharReplacement
        eureka.client.encoder-name eureka.encoderName
        eureka.client.decoder-name eureka.decoderName
        eureka.client.client-data-accept eureka.clientDataAccept
        eureka.client.backup-registry-impl eureka.backupregistry
        eureka.client.healthcheck.enabled eureka.client.bootstrap.enabled eureka.client.order
        eureka.client.refresh.enable eureka.client.transport.* eureka.transport.*
        eureka.client.restclient.* eureka.client.resttemplate.* eureka.client.webclient.*
        """,
    ),
    *_without(
        "a peer describes itself, from its hostname, port, zone and app_name",
        """
        eureka.instance.instance-id eureka.instanceId eureka.instance.ip-address
        eureka.instance.prefer-ip-address eureka.instance.app-group-name eureka.appGroup
        eureka.instance.non-secure-port eureka.instance.non-secure-port-enabled
        eureka.port.enabled eureka.instance.secure-port eureka.securePort
        eureka.instance.virtual-host-name eureka.vipAddress
        eureka.instance.secure-virtual-host-name eureka.secureVipAddress
        eureka.instance.lease-renewal-interval-in-seconds eureka.lease.renewalInterval
        eureka.instance.lease-expiration-duration-in-seconds eureka.lease.duration
        eureka.instance.instance-enabled-onit eureka.traffic.enabled
        eureka.instance.initial-status eureka.instance.metadata-map.* eureka.metadata.*
        eureka.instance.status-page-url-path eureka.statusPageUrlPath
        eureka.instance.status-page-url eureka.statusPageUrl
        eureka.instance.home-page-url-path eureka.homePageUrlPath
        eureka.instance.home-page-url eureka.homePageUrl
        eureka.instance.health-check-url-path eureka.healthCheckUrlPath
        eureka.instance.health-check-url eureka.healthCheckUrl
        eureka.instance.secure-health-check-url eureka.secureHealthCheckUrl
        eureka.instance.a-s-g-name eureka.asgName
        eureka.instance.default-address-resolution-order eureka.defaultAddressResolutionOrder
        eureka.broadcastPublicIpv4 eureka.instance.data-center-info.*
        eureka.instance.async-client-initialization eureka.instance.environment.*
        """,
    ),
)
"""The properties that have no meaning here, with the reason."""
