"""Updates the leases of one EurekaCluster to what its EurekaRegistrations want."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from eureka_operator.core.instances import NoInstancesError
from eureka_operator.core.pausing import ClusterName
from eureka_operator.core.registrations.held import RegisteredInstance, read_registered
from eureka_operator.core.registrations.wanted import DesiredInstances, Key, Place
from eureka_operator.shell.client import ApiError
from eureka_operator.shell.leases import Entry, Leases
from eureka_operator.shell.registry import RegistryError
from eureka_operator.shell.unwanted import Owner, RemovalCheck, owner_of

_READ_EVERY_S: Final = 60.0
"""How often a registry is read for leases that nobody wants."""
_ASIDE_S: Final = 10.0
"""So long a lease whose removal was refuted by a second look is not looked at again."""

_log = logging.getLogger(__name__)

Unsure = tuple[list[Entry], list[RegisteredInstance]]
"""Leases of this leader, and of a former one, that seem to be unwanted."""


class ClusterLeases:
    """One EurekaCluster; `clock` never jumps."""

    def __init__(
        self,
        cluster: ClusterName,
        leases: Leases,
        removals: RemovalCheck,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._leases = leases
        self._removals = removals
        self._clock = clock
        self._since: set[str] = set()
        self._tag = ""
        self._next_read_s = 0.0
        self._postponed: dict[Key, float] = {}
        self._problem = ""

    async def compare(
        self, wanted: Mapping[str, DesiredInstances], unknown: frozenset[str], place: Place
    ) -> set[str]:
        """Register what is wanted and remove what is not.

        The leases of a registration begin only after the registry was read: if a former leader has
        begun them, they are renewed.

        Args:
            wanted: the wanted instances of each registration here, by its uid.
            unknown: registrations whose wanted instances are not known; what they have stays.
            place: in which Kubernetes cluster this is.

        Returns:
            Registrations that wait, as no peer answers.
        """
        new = {uid for uid, each in wanted.items() if each.instances} - self._since
        held = await self._read(place, anew=bool(new))
        waiting = new if held is None else set()
        self._since = ((self._since | new) & (wanted.keys() | unknown)) - waiting
        present = held or {}
        for uid in wanted.keys() - waiting:
            for key, each in wanted[uid].instances.items():
                self._leases.want(self._cluster, uid, each, present.get(key))
        keys = {key for each in wanted.values() for key in each.instances}
        await self._remove(self._unsure(keys, present, unknown), place)
        return waiting

    async def _read(self, place: Place, *, anew: bool) -> dict[Key, RegisteredInstance] | None:
        """The instances of former leaders, if it is time to look; `None`: no peer answers."""
        now_s = self._clock()
        if not anew and now_s < self._next_read_s:
            return {}
        try:
            found = await self._leases.full_list(self._cluster, "" if anew else self._tag)
            held = {} if found is None else read_registered(found[1], place.cluster_uid)
        except (RegistryError, NoInstancesError) as error:
            self._note(f"its registry cannot be read: {error}")
            return None
        self._next_read_s = now_s + _READ_EVERY_S
        if found is not None:
            self._tag = found[0]
        return held

    def _unsure(
        self, keys: set[Key], former: Mapping[Key, RegisteredInstance], unknown: frozenset[str]
    ) -> dict[Owner, Unsure]:
        """The instances that seem unwanted, by registration."""
        now_s = self._clock()
        self._postponed = {key: end_s for key, end_s in self._postponed.items() if end_s > now_s}
        passed_over = keys | self._postponed.keys()
        here = self._leases.of(self._cluster)
        found: dict[Owner, Unsure] = defaultdict(lambda: ([], []))
        for key, entry in here.items():
            if key not in passed_over and entry.wanted is not None and entry.owner not in unknown:
                owner = owner_of(self._cluster, entry.owner, entry.wanted)
                found[owner][0].append(entry)
        for key, each in former.items():
            if key not in passed_over | here.keys() and each.registration_uid not in unknown:
                owner = Owner(
                    self._cluster, each.namespace, each.registration, each.registration_uid
                )
                found[owner][1].append(each)
        return found

    async def _remove(self, uncertain: Mapping[Owner, Unsure], place: Place) -> None:
        """Remove those that a second look finds unwanted, too."""
        for owner, (entries, held) in uncertain.items():
            instances = [each.wanted for each in entries if each.wanted is not None]
            try:
                keys = await self._removals.removable(owner, instances, held, place)
            except ApiError as error:
                self._note(f"leases that seem to be unwanted are not removed now: {error}")
                return
            for entry in entries:
                if entry.key in keys:
                    self._leases.remove(entry)
            for each in held:
                if each.key in keys:
                    self._leases.remove_registered(self._cluster, each)
            until_s = self._clock() + _ASIDE_S
            kept = {each.key for each in entries} | {each.key for each in held}
            self._postponed |= dict.fromkeys(kept - keys, until_s)
        self._problem = ""

    def _note(self, problem: str) -> None:
        """Log a problem once, not on every turn."""
        if problem != self._problem:
            _log.warning("EurekaCluster %s: %s", self._cluster, problem)
        self._problem = problem
