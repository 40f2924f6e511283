"""`python -m eureka_sidecar.commands.reference`: writes docs/sidecar-settings.md from the table."""

from __future__ import annotations

import sys

from ..core.settings import SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.settings import Setting

_INTRODUCTION = """\
# Settings of the sidecar

Made by `make docs` from `sidecar/eureka_sidecar/core/settings.py`. A setting is a flag of
`eureka-sidecar run`, or a field of the JSON object in `EUREKA_SIDECAR_CONFIG` or in the file of
`--config`. Flags win; they describe one instance, and registries that share their credentials.

```json
{
  "instances": [{"app": "orders", "port": 8080}, {"app": "orders-grpc", "port": 9000}],
  "registries": [{"urls": ["https://peer1:8761/eureka/"], "caFile": "/tls/ca.crt"}],
  "listen": "127.0.0.1:8078"
}
```

| flag | field | meaning |
|---|---|---|
"""


def page() -> str:
    """The page."""
    return _INTRODUCTION + "".join(_row(each) for each in SETTINGS)


def _row(setting: Setting) -> str:
    section = f"{setting.section}[]." if setting.section else ""
    flag = f"{setting.flag} {setting.value}".strip()
    return f"| `{flag}` | `{section}{setting.field}` | {setting.meaning} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
