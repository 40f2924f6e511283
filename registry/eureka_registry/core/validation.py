"""Which instances may be registered (Netflix `ApplicationResource.addInstance`)."""

from __future__ import annotations

from eureka_registry.core.model import Instance


def problem(instance: Instance, app: str) -> str | None:
    """Say in the Java server's words why `instance` cannot be registered below `app`, else `None`.

    `app` is the upper-cased name from the request's path. Blank means empty, not white space.
    """
    center = instance.data_center
    checks = (
        (not instance.id, "Missing instanceId"),
        (not instance.host_name, "Missing hostname"),
        (not instance.ip_addr, "Missing ip address"),
        (not instance.app, "Missing appName"),
        (instance.app != app, f"Mismatched appName, expecting {app} but was {instance.app}"),
        (center is None, "Missing dataCenterInfo"),
        (center is not None and not center.name, "Missing dataCenterInfo Name"),
    )
    return next((sentence for wrong, sentence in checks if wrong), None)
