"""Finds which peer a pod is: its name, host name and URL, from the operator's peer list.

A pod of a StatefulSet with zones cannot know its number. It is told once, before it answers
anything by a name of its own; another name would be another instance, so it needs a restart.
"""

from __future__ import annotations

import asyncio

import msgspec

from eureka_registry.config.settings import Settings
from eureka_registry.peers.discovery import Peer, PeerList
from eureka_registry.peers.urls import host_and_port


class Naming:
    """The name of this pod by the peer list.

    `named` is set once the pod has its name or goes on without one, `listed` once its entry is
    among the peers or is not waited for any more; both at once where settings name the peer. `name`
    is the list's, empty if it has none. `problem` says in words that the list now has another name
    for the pod; `None`: it has not.
    """

    def __init__(self, settings: Settings) -> None:
        self.name = ""
        self.problem: str | None = None
        self.named = asyncio.Event()
        self.listed = asyncio.Event()
        self._configured = settings
        if not (settings.pod_name and settings.peers_file):
            self.named.set()
            self.listed.set()

    @property
    def first(self) -> Settings:
        """The settings to begin with: without a name yet, the peer has the pod's."""
        if self.named.is_set():
            return self._configured
        return msgspec.structs.replace(self._configured, name=self._configured.pod_name)

    def take(self, running: Settings, peers: PeerList) -> Settings:
        """The settings after a new list; `running` if the list says nothing new about us."""
        if self.listed.is_set():
            self.problem = self._other_name(running, peers)
            return running
        if peers.names is None:
            return self.give_up(running)
        name = self.name or peers.names.get(running.pod_name, "")
        if not name:
            return running
        self.name = name
        self.named.set()
        settings = msgspec.structs.replace(running, name=name)
        entry = next((peer for peer in peers.peers if peer.name == name), None)
        if entry is None:
            return settings
        self.listed.set()
        return _with_address(settings, entry)

    def give_up(self, running: Settings) -> Settings:
        """Wait no longer; a peer without a name yet keeps the configured one."""
        name = self.name or self._configured.name
        self.named.set()
        self.listed.set()
        return msgspec.structs.replace(running, name=name)

    def _other_name(self, running: Settings, peers: PeerList) -> str | None:
        name = (peers.names or {}).get(running.pod_name, running.name)
        if name == running.name:
            return None
        return (
            f"{running.peers_file} calls pod {running.pod_name} {name} by now; it stays "
            f"{running.name} until it is restarted"
        )


def _with_address(settings: Settings, entry: Peer) -> Settings:
    host, _ = host_and_port(entry.url)
    return msgspec.structs.replace(settings, hostname=host, my_url=entry.url)
