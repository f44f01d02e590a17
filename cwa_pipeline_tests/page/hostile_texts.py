"""Hostile texts, and a shop in which every text of both systems is one of them."""

from datetime import UTC, datetime

from cwa_pipeline.commands.demo.msp import PLAN_GROUPS, PLUS, PREMIUM
from cwa_pipeline.commands.demo.pcrt_stand_in import Pcid, PcrtGroup, PcrtWorld, Subscription
from cwa_pipeline.commands.demo.stand_in import Client, Computer, CwaWorld, Group
from cwa_pipeline.config.settings import DEFAULT_PLANS

CANARY = "canary"  # what a script that ran would have set on `window`
FORMULAS = ("=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(A1)", "\t=1", '=cmd|"/c calc"!A1')
SHORT = (
    "<script>window.canary=1</script>",
    "</script><script>window.canary=1</script>",
    "</style><img src=x onerror=window.canary=1>",
    "\"'><svg onload=window.canary=1>",
    "javascript:window.canary=1",
    "{{ 7 * 7 }}{% raw %}${window.canary=1}",
    "<!--<script>",
    "]]>&lt;&amp;&#x3c;",
    "\u202egnp.exe\u2066 ab\u200fc",
    "שלום עולם",
    "a\u2028b\u0000c\x1b[31m\x07",
    "__proto__",
    "{computer_name}",
    "$& $` $1",
    "Zoë 🖥️ e\u0301\u0301\u0301",
    *FORMULAS,
)
LONG = ("W" * 4000, "wide words " * 400, "<b>" * 1300)
ALL = (*SHORT, *LONG)


def _text(number: int) -> str:
    return ALL[number % len(ALL)]


def shop() -> tuple[CwaWorld, PcrtWorld]:
    """A shop that has every text in every column, in as many rows as there are texts, and most kinds of issue."""
    cwa = CwaWorld(groups=[Group(PLAN_GROUPS[plan], plan) for plan in DEFAULT_PLANS])
    pcrt = PcrtWorld()
    contact = datetime(2026, 11, 3, tzinfo=UTC)
    for number in range(len(ALL)):
        group, client = 100 + number, 1 + number
        tied = str(group) if number % 3 else _text(number)
        cwa.groups.append(Group(2000 + number, _text(number)))
        cwa.clients.append(Client(client, _text(number), tied))
        pcrt.groups.append(PcrtGroup(group, _text(number + 1)))
        for place in range(3):
            computer = 10 * number + place + 1
            serial = _text(number + place) if place else f"SN{computer}"
            tag = _text(number + 2) if place == 2 else ""
            cwa.computers.append(
                Computer(computer, _text(number), client, serial, tag, contact, _text(number + 4), _text(number + 5))
            )
            if computer % 4:
                cwa.memberships |= {(computer, PLAN_GROUPS[PLUS]), (computer, 2000 + number)}
        where = group if number % 2 else group + 1
        pcrt.pcids.append(Pcid(5000 + number, _text(number + 6), where, f"SN{10 * number + 1}", _text(number + 7)))
        pcrt.pcids.append(Pcid(6000 + number, _text(number), group, _text(number + 8), _text(number + 9)))
        for place, field in enumerate((PLUS, PREMIUM, _text(number + 10))):
            members = _text(number + 3)[:200] if number % 5 == 0 else "_5000_"
            pcrt.subscriptions.append(
                Subscription(10 * number + place + 1, f"BizCare {_text(number + place)}", group, 0, field, members)
            )
    return cwa, pcrt
