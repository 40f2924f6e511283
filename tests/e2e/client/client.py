"""A program with py_eureka_client in it: registers itself, and says each second what it sees.

Its arguments are its application and the service URLs, separated by commas. A line of what it
sees is a JSON object: applications, and in them ids and statuses. The library's own lines are not.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading

from py_eureka_client import eureka_client


def main() -> None:
    """Register, and deregister on SIGTERM."""
    app, urls = sys.argv[1:]
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    client = eureka_client.init(
        eureka_server=urls,
        app_name=app,
        instance_id=f"{app.lower()}:1",
        instance_ip="127.0.0.1",
        instance_host=f"{app.lower()}.example",
        instance_port=9090,
        renewal_interval_in_secs=1,
        duration_in_secs=5,
    )
    while not over.wait(1.0):
        seen = {
            application.name: {each.instanceId: each.status for each in application.instances}
            for application in client.applications.applications
        }
        print(json.dumps(seen), flush=True)  # noqa: T201 - the test reads it
    eureka_client.stop()
    # Its heartbeat thread lives on and would register again within an interval.
    os._exit(0)


main()
