"""The invented managed-service provider of the demo: a few customers who together have every kind of issue."""

from datetime import UTC, datetime

from cwa_pipeline.commands.demo.pcrt_stand_in import Pcid, PcrtGroup, PcrtWorld, Subscription
from cwa_pipeline.commands.demo.stand_in import Client, Computer, CwaWorld, Group
from cwa_pipeline.config.settings import DEFAULT_PLANS

PLAN_GROUPS = {plan: 850 + number for number, plan in enumerate(DEFAULT_PLANS)}
BASIC, PLUS, PREMIUM, BASIC_NON_PROFIT, *_ = DEFAULT_PLANS
TOMS_GARAGE = 100


class _Msp:
    """Both systems while they are filled."""

    def __init__(self) -> None:
        self.cwa = CwaWorld(
            groups=[Group(PLAN_GROUPS[plan], plan) for plan in DEFAULT_PLANS] + [Group(900, "Windows 11")]
        )
        self.pcrt = PcrtWorld()

    def customer(self, client_id: int, name: str, external_id: str | None, group_id: int | None) -> None:
        self.cwa.clients.append(Client(client_id, name, external_id))
        if group_id is not None and all(group.group_id != group_id for group in self.pcrt.groups):
            self.pcrt.groups.append(PcrtGroup(group_id, name))

    def computer(self, computer_id: int, client_id: int, serial: str, *plans: str, asset_tag: str = "") -> None:
        name = f"{'DESKTOP' if computer_id % 3 else 'LAPTOP'}-{computer_id:04}"
        user = f"user{computer_id % 7}"
        contact = datetime(2026, 11, 1 + computer_id % 20, 8, computer_id % 60, tzinfo=UTC)
        self.cwa.computers.append(Computer(computer_id, name, client_id, serial, asset_tag, contact, user))
        self.cwa.memberships.update((computer_id, PLAN_GROUPS[plan]) for plan in plans)
        self.cwa.memberships.add((computer_id, 900))

    def pcid(self, pcid: int, group_id: int, serial: str | None, extra: str | None = None) -> None:
        self.pcrt.pcids.append(Pcid(pcid, f"PC {pcid}", group_id, serial, "Examplebook 14", extra))

    def machine(self, number: int, client_id: int, group_id: int, *plans: str) -> None:
        """A computer without issues: one PCID with the same serial in its customer's group."""
        self.computer(number, client_id, f"EX{number:05}Q", *plans)
        self.pcid(1000 + number, group_id, f"EX{number:05}Q")

    def subscription(self, subscription_id: int, group_id: int, cwa_group: str, name: str = "", **more: object) -> None:
        self.pcrt.subscriptions.append(
            Subscription(subscription_id, name or cwa_group or "BizCare", group_id, cwa_group=cwa_group, **more)  # type: ignore[arg-type]
        )


def invented_msp() -> tuple[CwaWorld, PcrtWorld]:
    """The records of CWA and of PCRT, with at least one case of every issue."""
    msp = _Msp()
    _toms_garage(msp)
    _clients_without_a_group(msp)
    _computers_without_a_pcid(msp)
    _computers_in_the_wrong_place(msp)
    _subscriptions_that_do_not_fit(msp)
    _what_only_warns(msp)
    return msp.cwa, msp.pcrt


def _toms_garage(msp: _Msp) -> None:
    """All correct: eight computers on BizCare Plus, two on BizCare Premium, and a subscription for each. The lists are a day old."""
    msp.customer(1, "Tom's Garage", str(TOMS_GARAGE), TOMS_GARAGE)
    for number in range(1, 11):
        msp.machine(number, 1, TOMS_GARAGE, PLUS if number <= 8 else PREMIUM)
    msp.subscription(501, TOMS_GARAGE, PLUS, additional_members="_1001_1002_1003_")
    msp.subscription(502, TOMS_GARAGE, PREMIUM)


def _clients_without_a_group(msp: _Msp) -> None:
    """no_pcrt_group in its three reasons."""
    msp.customer(2, "Blue Heron Bakery", None, None)
    msp.customer(3, "Corner Flowers", "see notes", None)
    msp.customer(4, "Dune Surf School", "999", None)
    msp.computer(21, 2, "EX00021Q", BASIC)


def _computers_without_a_pcid(msp: _Msp) -> None:
    """pcid_does_not_exist and no_matching_pcid, beside correct computers."""
    msp.customer(5, "Elm Street Dental", "104", 104)
    msp.machine(31, 5, 104, BASIC)
    msp.computer(32, 5, "EX00032Q", BASIC, asset_tag="4711")
    msp.computer(33, 5, "To be filled by O.E.M.", BASIC)
    msp.computer(34, 5, "EX00034Q", BASIC)
    msp.computer(35, 5, "EX00035Q", BASIC)
    msp.pcid(1135, 104, "EX00035Q")
    msp.pcid(1136, 104, "ex00035q ")
    msp.pcid(1137, 104, None, extra='a:1:{i:104;s:9:"cut sho')
    msp.subscription(511, 104, BASIC, additional_members="_1031_1137_")


def _computers_in_the_wrong_place(msp: _Msp) -> None:
    """not_in_group, in_wrong_group, no_cwa_group, and an Asset Tag that overrides a generic serial."""
    msp.customer(6, "Fern Valley Vets", "105", 105)
    msp.machine(41, 6, 105, PLUS)
    msp.machine(42, 6, 0, PLUS)
    msp.machine(43, 6, 104, PLUS)
    msp.machine(44, 6, 105)
    msp.computer(45, 6, "Default string", PLUS, asset_tag="1045")
    msp.pcid(1045, 105, "")
    msp.subscription(521, 105, str(PLAN_GROUPS[PLUS]), name="BizCare by id", additional_members="_1041_1044_1045_")


def _subscriptions_that_do_not_fit(msp: _Msp) -> None:
    """no_cwa_subscriptions (missing, unlinked), no_valid_cwa_group, too_few_subscriptions, wrong_cwa_group."""
    msp.customer(7, "Granite Gym", "106", 106)
    msp.machine(51, 7, 106, PREMIUM)
    msp.customer(8, "Harbor Lights Hotel", "107", 107)
    msp.machine(52, 8, 107, PREMIUM)
    msp.subscription(531, 107, "", name="BizCare Premium (not linked yet)")
    msp.customer(9, "Iris & Sons Printing", "108", 108)
    msp.machine(53, 9, 108, PLUS)
    msp.machine(54, 9, 108, PREMIUM)
    msp.subscription(541, 108, PLUS, additional_members="_1053_1054_")
    msp.customer(10, "Juniper Yoga", "109", 109)
    msp.machine(55, 10, 109, BASIC_NON_PROFIT)
    msp.subscription(551, 109, BASIC)
    msp.subscription(552, 109, "Bizcare Gold", name="BizCare Gold")
    msp.subscription(553, 109, PLUS, active=0, additional_members="_1055_")


def _what_only_warns(msp: _Msp) -> None:
    """The eight warnings."""
    msp.customer(11, "Kite Lake Lodge", "110", 110)
    msp.customer(12, "Kite Lake Lodge (boathouse)", "110", 110)
    msp.machine(61, 11, 110, PLUS, PREMIUM)
    msp.computer(62, 12, "EX00062Q", PLUS, asset_tag="1061")
    msp.computer(63, 11, "EX00064Q", PLUS, asset_tag="1063")
    msp.pcid(1063, 110, "EX00063Q")
    msp.pcid(1064, 110, "EX00064Q")
    msp.computer(65, 11, "Board-Serial-0000", PLUS)
    msp.computer(66, 10, "board-serial-0000", BASIC_NON_PROFIT)
    msp.subscription(561, 110, PLUS)
    msp.subscription(562, 110, PREMIUM)
    msp.subscription(563, 110, PLUS, name="BizCare Plus (second)")
    msp.customer(13, "Lakeside Library", "111", 111)
    msp.subscription(571, 111, BASIC_NON_PROFIT)
    msp.pcrt.groups.append(PcrtGroup(112, "Moss & Stone Landscaping"))
    msp.subscription(581, 112, BASIC, additional_members="_1199_")
