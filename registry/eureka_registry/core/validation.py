"""Which instances may be registered (Netflix `ApplicationResource.addInstance`)."""

from __future__ import annotations

from eureka_registry.core.model import Instance


def problem(instance: Instance, app: str) -> str | None:
    """Say in the Java server's words why `instance` cannot be registered below `app`, else `None`.

    `app` is the upper-cased name from the request's path. Blank means empty, not white space.
    """
    if not instance.id:
        return "Missing instanceId"
    if not instance.host_name:
        return "Missing hostname"
    if not instance.ip_addr:
        return "Missing ip address"
    if not instance.app:
        return "Missing appName"
    if instance.app != app:
        return f"Mismatched appName, expecting {app} but was {instance.app}"
    if instance.data_center is None:
        return "Missing dataCenterInfo"
    if not instance.data_center.name:
        return "Missing dataCenterInfo Name"
    return None
