"""The records a CWA stand-in serves, and the JSON that ConnectWise Automate makes of each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

NO_CONTACT = "0001-01-01T00:00:00"  # CWA's value for a computer that never had contact
MEMBERSHIP_ID_FACTOR = 1_000_000  # makes a membership's id from its two ids

Row = dict[str, Any]
AsId = Callable[[int], str | int]


@dataclass(frozen=True)
class Client:
    """A customer."""

    id: int
    name: str | None
    external_id: str | int | None = None


@dataclass(frozen=True)
class Computer:
    """A machine with an agent; `last_contact` is served without its zone, as UTC."""

    id: int
    name: str | None
    client_id: int | None
    serial_number: str | int | None = None
    asset_tag: str | int | None = None
    last_contact: datetime | None = None
    last_user: str | None = None
    make: str | None = "Dell Inc."


@dataclass(frozen=True)
class Group:
    """A group of computers."""

    id: int
    name: str | None


@dataclass
class CwaWorld:
    """Everything that the stand-in serves. Can be changed while it runs."""

    clients: list[Client] = field(default_factory=list)
    computers: list[Computer] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    memberships: set[tuple[int, int]] = field(default_factory=set)  # computer id, group id


def zoneless(moment: datetime) -> str:
    """A time as the API writes it: UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def client_row(as_id: AsId, client: Client) -> Row:
    """A client as `v1/Clients` has it."""
    return {
        "Id": as_id(client.id),
        "Name": client.name,
        "Company": client.name,
        "ExternalId": client.external_id,
        "City": "Springfield",
        "Country": "United States",
        "Locations": [{"Id": client.id * 10, "Name": "Main"}],
    }


def group_row(as_id: AsId, group: Group, computers: tuple[int, ...] | None) -> Row:
    """A group as `v1/Groups` has it; with its computers if `expand` requests them."""
    row: Row = {
        "Id": as_id(group.id),
        "ParentId": "1",
        "Name": group.name,
        "FullName": f"Service Plans.{group.name}",
        "TypeId": "4",
        "TypeName": "Service Plan",
        "Parents": [{"ID": 1}],
    }
    return row if computers is None else {**row, "Computers": [{"Id": as_id(computer)} for computer in computers]}


def computer_row(as_id: AsId, computer: Computer, client_name: str | None) -> Row:
    """A computer with the weight of a real one, about 1.3 KB."""
    number = computer.id
    contact = NO_CONTACT if computer.last_contact is None else zoneless(computer.last_contact)
    client = None if computer.client_id is None else {"Id": as_id(computer.client_id), "Name": client_name}
    return {
        "Id": as_id(number),
        "ComputerName": computer.name,
        "Client": client,
        "Location": {"Id": number % 97 + 1, "Name": "Main"},
        "SerialNumber": computer.serial_number,
        "AssetTag": computer.asset_tag,
        "Type": "Workstation",
        "Status": "Online",
        "RemoteAgentVersion": "250.123",
        "RemoteAgentLastContact": contact,
        "RemoteAgentLastInventory": contact,
        "LastUserName": computer.last_user,
        "LoggedInUsers": [{"LoggedInUserName": computer.last_user, "ConsoleId": 1}],
        "BiosManufacturer": computer.make,
        "BiosName": "1.21.0",
        "BiosVersion": "DELL - 1072009",
        "OperatingSystemName": "Microsoft Windows 11 Pro x64",
        "OperatingSystemVersion": "10.0.26100",
        "MACAddress": f"02:00:00:{number >> 16 & 255:02X}:{number >> 8 & 255:02X}:{number & 255:02X}",
        "LocalIPAddress": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        "GatewayIPAddress": "192.0.2.1",
        "DomainName": "WORKGROUP",
        "CpuUsage": 7,
        "TotalMemory": 16384,
        "FreeMemory": 9012,
        "IsVirtualMachine": False,
        "IsRebootNeeded": False,
        "DateAdded": "2023-04-05T06:07:08",
        "WindowsUpdateDate": "2026-01-03T02:11:00",
        "AntivirusDefinitionInfo": "1.421.17.0",
        "VirusScanner": {"Id": "12", "Name": "Windows Defender", "Date": "2026-01-06T00:00:00"},
        "OpenPortsTCP": [135, 139, 445, 3389, 5040, 7680, 49664, 49665, 49666, 49667, 49668, 49669],
        "OpenPortsUDP": [123, 137, 138, 500, 1900, 4500, 5050, 5353, 5355],
        "PowerProfiles": ["Balanced", "High performance", "Power saver"],
        "UserAccounts": ["Administrator", "DefaultAccount", "Guest", "WDAGUtilityAccount"],
        "Comment": "",
    }


def membership_row(as_id: AsId, computer_id: int, group_id: int, with_id: bool) -> Row:
    """A membership as `v1/GroupComputers` has it."""
    row: Row = {"GroupId": as_id(group_id), "ComputerId": as_id(computer_id)}
    return {"Id": as_id(computer_id * MEMBERSHIP_ID_FACTOR + group_id), **row} if with_id else row
