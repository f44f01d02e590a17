"""The rules a second time: plain, row by row, slow, and written from rules.md alone.

What belongs here: what the rules say about a world, in the simplest Python there is. What must not: pandas, or anything
of the package, for the fast rules are held against this.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property

from cwa_pipeline_tests.worlds import Computer, Subscription, World

Issue = tuple[str, str | None, str, int]  # issue, reason, severity, the id of what it is about


def normalised(text: str | None) -> str:
    """Trimmed, inner white space collapsed to one blank, case-folded."""
    return re.sub(r"\s+", " ", (text or "").strip()).casefold()


def whole_number(text: str | None) -> int | None:
    """An id that was typed in, trimmed."""
    trimmed = (text or "").strip()
    return int(trimmed) if re.fullmatch("-?[0-9]+", trimmed) else None


class PlainRules:
    """What the rules say about one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.blacklist = {"", *(normalised(line) for line in world.blacklist)}
        self.plan_of_name = {normalised(plan): plan for plan in world.plans}
        self.plan_of_cwa_group = {
            group.cwa_group_id: self.plan_of_name[normalised(group.name)]
            for group in world.groups
            if normalised(group.name) in self.plan_of_name
        }
        self.group_of_pcid = {pcid.pcid: pcid.group_id for pcid in world.pcids}
        self.pcids_of_serial: dict[str, list[int]] = defaultdict(list)
        for pcid in world.pcids:
            if normalised(pcid.serial_number) not in self.blacklist:
                self.pcids_of_serial[normalised(pcid.serial_number)].append(pcid.pcid)
        self.plans_of_computer: dict[int, set[str]] = defaultdict(set)
        for computer_id, cwa_group_id in world.members:
            if cwa_group_id in self.plan_of_cwa_group:
                self.plans_of_computer[computer_id].add(self.plan_of_cwa_group[cwa_group_id])

    # Clients to groups

    @cached_property
    def client_groups(self) -> dict[int, tuple[int | None, str | None]]:
        """For each client its group, or the reason why there is none."""
        existing = {group.group_id for group in self.world.pcrt_groups}
        result: dict[int, tuple[int | None, str | None]] = {}
        for client in self.world.clients:
            number = whole_number(client.external_id)
            if (client.external_id or "").strip() in ("", "0"):
                result[client.client_id] = (None, "external_id_missing")
            elif number is None:
                result[client.client_id] = (None, "external_id_invalid")
            elif number not in existing:
                result[client.client_id] = (None, "group_does_not_exist")
            else:
                result[client.client_id] = (number, None)
        return result

    @cached_property
    def tied_groups(self) -> set[int]:
        return {group_id for group_id, _ in self.client_groups.values() if group_id is not None}

    def group_of_client(self, client_id: int | None) -> int | None:
        if client_id is None or client_id not in self.client_groups:
            return None
        return self.client_groups[client_id][0]

    # Computers to PCIDs

    def match(self, computer: Computer) -> tuple[int | None, str | None, str | None]:
        """The PCID, what it was matched by, and the reason why not."""
        serial = normalised(computer.serial_number)
        if normalised(computer.asset_tag) not in self.blacklist:
            pcid = whole_number(computer.asset_tag)
            if pcid in self.group_of_pcid:
                return pcid, "asset_tag", None
            return None, None, "asset_tag_unknown"
        if serial in self.blacklist:
            return None, None, "generic_serial"
        candidates = self.pcids_of_serial.get(serial, [])
        if not candidates:
            return None, None, "no_pcid_with_serial"
        if len(candidates) > 1:
            return None, None, "duplicate_serial"
        return candidates[0], "serial", None

    @cached_property
    def matches(self) -> dict[int, tuple[int | None, str | None, str | None]]:
        return {computer.computer_id: self.match(computer) for computer in self.world.computers}

    def computer_match_rows(self) -> list[tuple[object, ...]]:
        """computer_id, client_id, expected_group_id, pcid, matched_by, reason, pcid_group_id."""
        rows: list[tuple[object, ...]] = []
        for computer in self.world.computers:
            pcid, matched_by, reason = self.matches[computer.computer_id]
            expected = self.group_of_client(computer.client_id)
            in_group = None if pcid is None else self.group_of_pcid[pcid]
            rows.append((computer.computer_id, computer.client_id, expected, pcid, matched_by, reason, in_group))
        return rows

    # Issues

    def client_issues(self) -> list[Issue]:
        issues: list[Issue] = []
        clients_of_group = Counter(group_id for group_id, _ in self.client_groups.values() if group_id is not None)
        for client_id, (group_id, reason) in self.client_groups.items():
            if group_id is None:
                issues.append(("no_pcrt_group", reason, "error", client_id))
            elif clients_of_group[group_id] > 1:
                issues.append(("shared_external_id", None, "warning", client_id))
        return issues

    def computer_issues(self) -> list[Issue]:
        issues: list[Issue] = []
        for computer in self.world.computers:
            _, _, reason = self.matches[computer.computer_id]
            if reason == "asset_tag_unknown":
                issues.append(("pcid_does_not_exist", reason, "error", computer.computer_id))
            elif reason is not None:
                issues.append(("no_matching_pcid", reason, "error", computer.computer_id))
            issues += [(issue, None, "error", computer.computer_id) for issue in self._errors_of(computer)]
            issues += [(issue, None, "warning", computer.computer_id) for issue in self._warnings_of(computer)]
        return issues

    def _errors_of(self, computer: Computer) -> Iterator[str]:
        pcid, _, _ = self.matches[computer.computer_id]
        expected = self.group_of_client(computer.client_id)
        if pcid is not None and expected is not None:
            if self.group_of_pcid[pcid] is None:
                yield "not_in_group"
            elif self.group_of_pcid[pcid] != expected:
                yield "in_wrong_group"
        if not self.plans_of_computer.get(computer.computer_id):
            yield "no_cwa_group"

    def _warnings_of(self, computer: Computer) -> Iterator[str]:
        pcid, matched_by, _ = self.matches[computer.computer_id]
        serial = normalised(computer.serial_number)
        if pcid is not None and [other for other, _, _ in self.matches.values()].count(pcid) > 1:
            yield "shared_pcid"
        if matched_by == "asset_tag":
            of_serial = self.pcids_of_serial.get(serial, [])
            if len(of_serial) == 1 and of_serial[0] != pcid:
                yield "override_disagrees"
        if serial not in self.blacklist and len(self.clients_of_serial[serial]) > 1:
            yield "suspected_generic_serial"
        if len(self.plans_of_computer.get(computer.computer_id, ())) > 1:
            yield "several_plans"

    @cached_property
    def clients_of_serial(self) -> dict[str, set[int]]:
        """The clients whose computers carry a serial."""
        result: dict[str, set[int]] = defaultdict(set)
        for computer in self.world.computers:
            if computer.client_id is not None:
                result[normalised(computer.serial_number)].add(computer.client_id)
        return result

    def plan_of(self, subscription: Subscription) -> str | None:
        """The valid plan the CWA Group field names."""
        by_name = self.plan_of_name.get(normalised(subscription.cwa_group))
        number = whole_number(subscription.cwa_group)
        return by_name or (None if number is None else self.plan_of_cwa_group.get(number))

    def group_of(self, subscription: Subscription) -> int | None:
        """Its own group id, or that of the PCID it hangs on."""
        if subscription.group_id is not None:
            return subscription.group_id
        return None if subscription.pcid is None else self.group_of_pcid.get(subscription.pcid)

    def is_bizcare(self, subscription: Subscription) -> bool:
        filled = normalised(subscription.cwa_group) not in ("", "0")
        return filled or (subscription.name or "").startswith(self.world.bizcare_prefix)

    @cached_property
    def active(self) -> list[Subscription]:
        return sorted((s for s in self.world.subscriptions if s.active), key=lambda s: s.subscription_id)

    def computers_of_group(self, group_id: int) -> list[Computer]:
        return [c for c in self.world.computers if self.group_of_client(c.client_id) == group_id]

    def group_issues(self) -> list[Issue]:
        issues: list[Issue] = []
        for group_id in sorted(self.tied_groups):
            issues += self._issues_of_tied_group(group_id)
        for subscription in self.active:
            group_id_or_none = self.group_of(subscription)
            if group_id_or_none is None or group_id_or_none in self.tied_groups:
                continue
            if self.is_bizcare(subscription) and self.plan_of(subscription) is not None:
                issues.append(("no_cwa_client", None, "warning", subscription.subscription_id))
        return issues

    def _issues_of_tied_group(self, group_id: int) -> list[Issue]:
        issues: list[Issue] = []
        of_computers = {
            plan
            for computer in self.computers_of_group(group_id)
            for plan in self.plans_of_computer.get(computer.computer_id, ())
        }
        subscriptions = [s for s in self.active if self.group_of(s) == group_id]
        of_subscriptions = {self.plan_of(s) for s in subscriptions} - {None}
        if not of_subscriptions:
            reason = "unlinked" if any(self.is_bizcare(s) for s in subscriptions) else "missing"
            issues.append(("no_cwa_subscriptions", reason, "error", group_id))
        elif len(of_computers) > len(of_subscriptions):
            issues.append(("too_few_subscriptions", None, "error", group_id))
        seen_plans: set[str] = set()
        for subscription in subscriptions:
            plan = self.plan_of(subscription)
            if plan is None:
                if self.is_bizcare(subscription):
                    issues.append(("no_valid_cwa_group", None, "error", subscription.subscription_id))
                continue
            if of_computers and plan not in of_computers:
                issues.append(("wrong_cwa_group", None, "error", subscription.subscription_id))
            if not of_computers:
                issues.append(("subscription_without_computers", None, "warning", subscription.subscription_id))
            if plan in seen_plans:
                issues.append(("duplicate_subscription", None, "warning", subscription.subscription_id))
            seen_plans.add(plan)
        return issues

    # Additional Members

    def covered(self, group_id: int) -> dict[int, set[str]]:
        """The covered PCIDs of a group, each with the plans of the computers that are it."""
        result: dict[int, set[str]] = defaultdict(set)
        for computer in self.computers_of_group(group_id):
            pcid = self.matches[computer.computer_id][0]
            in_plans = self.plans_of_computer.get(computer.computer_id)
            if pcid is not None and self.group_of_pcid[pcid] == group_id and in_plans:
                result[pcid] |= in_plans
        return result

    def additional_members(self, mode: str) -> dict[int, list[int]]:
        """The list of each subscription that is written, as it ought to be."""
        lists: dict[int, list[int]] = {}
        for subscription in self.active:
            group_id, plan = self.group_of(subscription), self.plan_of(subscription)
            if plan is None or group_id is None or group_id not in self.tied_groups:
                continue
            covered = self.covered(group_id)
            lists[subscription.subscription_id] = sorted(
                pcid for pcid, in_plans in covered.items() if mode == "every_plan" or plan in in_plans
            )
        return lists
