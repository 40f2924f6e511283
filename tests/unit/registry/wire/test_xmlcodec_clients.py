"""What clients that write XML post (`docs/protocol/clients.md#go`)."""

from eureka_registry.core.model import DataCenter, LeaseInfo, Port, Status
from eureka_registry.wire import xmlcodec

NOW = 1_795_000_000_000

FARGO = (  # the defaults of Go in every field that was not set
    b"<instance><hostName>h</hostName><homePageUrl></homePageUrl><statusPageUrl></statusPageUrl>"
    b"<healthCheckUrl></healthCheckUrl><app>ORDERS</app><ipAddr>10.0.0.1</ipAddr>"
    b"<vipAddress>orders</vipAddress><secureVipAddress></secureVipAddress><status>UP</status>"
    b'<overriddenstatus></overriddenstatus><port enabled="true">8080</port>'
    b'<securePort enabled="false">0</securePort><dataCenterInfo><name>MyOwn</name>'
    b"<metadata></metadata></dataCenterInfo><leaseInfo>"
    b"<renewalIntervalInSecs>0</renewalIntervalInSecs><durationInSecs>0</durationInSecs>"
    b"</leaseInfo><metadata></metadata><countryId>0</countryId></instance>"
)


def test_fargo_registers() -> None:
    """As fargo sent it."""
    shown = xmlcodec.decode_instance(FARGO, NOW)

    assert (shown.port, shown.secure_port) == (Port(8080, enabled=True), Port(0, enabled=False))
    assert shown.overridden_status is Status.UNKNOWN
    assert shown.lease == LeaseInfo()
    assert shown.data_center == DataCenter("MyOwn")
