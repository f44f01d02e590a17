"""What each issue means and how a technician resolves it: one entry for every issue and reason."""

from typing import NamedTuple


class Instructions(NamedTuple):
    """A heading, what the issue means for the customer, and the steps that resolve it."""

    title: str
    means: str
    steps: tuple[str, ...]


_NEXT_NIGHT = "The issue is gone after the next sync."
_OPEN_CLIENT = "In CWA's Control Center open the client (Browse → Clients → the client's own screen)."
_OPEN_COMPUTER = "In CWA open the computer's management screen."
_OPEN_PCID = "In PCRT open the asset by its PCID."
_OPEN_SUBSCRIPTION = "In PCRT open the customer's group, then the subscription."

INSTRUCTIONS: dict[tuple[str, str | None], Instructions] = {
    ("no_pcrt_group", "external_id_missing"): Instructions(
        "External ID is empty",
        "The client's External ID in CWA is empty, so the pipeline does not know which customer in PCRT this is. None of the client's "
        "computers can be listed in a subscription.",
        (
            "In PCRT search for the customer's group and note its group id; make the group if there is none.",
            f"{_OPEN_CLIENT} Put that number into External ID and save.",
            _NEXT_NIGHT,
        ),
    ),
    ("no_pcrt_group", "external_id_invalid"): Instructions(
        "External ID is not a number",
        "The client's External ID in CWA holds something other than a whole number, so it names no group in PCRT. None of the client's "
        "computers can be listed in a subscription.",
        (
            "In PCRT search for the customer's group and note its group id.",
            f"{_OPEN_CLIENT} Replace all of External ID with that number: digits only. If it holds a note, move the note elsewhere.",
            _NEXT_NIGHT,
        ),
    ),
    ("no_pcrt_group", "group_does_not_exist"): Instructions(
        "External ID names a group that PCRT does not have",
        "The External ID is a number, but PCRT has no group with it: it was mistyped, or the group was deleted or merged. None of the "
        "client's computers can be listed in a subscription.",
        (
            "In PCRT search for the customer's group by name and compare its group id with the External ID shown here.",
            f"{_OPEN_CLIENT} Correct External ID to the group's id.",
            "If the group is gone, create it again in PCRT and use its new id.",
        ),
    ),
    ("shared_external_id", None): Instructions(
        "Two clients are tied to one group",
        "Two or more clients in CWA name the same group in PCRT. That is right for a customer with two entries in CWA; otherwise one "
        "customer's machines are counted for another.",
        (
            "Compare the names of the clients with the name of the group.",
            "If one of them is another customer: open that client in CWA and correct External ID.",
            "If both are the same customer, snooze the issue with a note.",
        ),
    ),
    ("pcid_does_not_exist", "asset_tag_unknown"): Instructions(
        "Asset Tag names no PCID",
        "Somebody typed an Asset Tag in CWA to say which PCID this computer is, but PCRT has no such PCID. An Asset Tag always counts "
        "before the serial number, so the computer is matched to nothing.",
        (
            "In PCRT find the machine: by `serial:` and its serial number, or by the customer's name. The likeliest PCIDs are shown here.",
            f"{_OPEN_COMPUTER} Correct Asset Tag to the PCID: digits only.",
            "Or empty Asset Tag, so that the serial number counts.",
        ),
    ),
    ("no_matching_pcid", "generic_serial"): Instructions(
        "The serial number is a placeholder",
        "The computer's BIOS gives a serial number that many machines share (none at all, or the maker's filler text), so it cannot tell "
        "which PCID this is.",
        (
            "In PCRT find the machine in the customer's group, by its name or its user; note its PCID. Make the asset if there is none.",
            f"{_OPEN_COMPUTER} Put the PCID into Asset Tag. It stands for the serial number from then on.",
            _NEXT_NIGHT,
        ),
    ),
    ("no_matching_pcid", "no_pcid_with_serial"): Instructions(
        "No PCID has this serial number",
        "No machine in PCRT has the computer's serial number: it was never entered, it was mistyped, or the machine is not in PCRT yet. "
        "Until then the computer is not covered.",
        (
            "Look at the likeliest PCIDs shown here. If one of them is this machine, open it in PCRT and correct its serial number.",
            "Otherwise search PCRT for the text `serial: …` shown here, and for the customer's machines by name.",
            "If the machine is not there, make the asset in the customer's group with exactly this serial number.",
        ),
    ),
    ("no_matching_pcid", "duplicate_serial"): Instructions(
        "Several PCIDs have this serial number",
        "Two or more machines in PCRT have the computer's serial number. The pipeline does not guess which one it is, so none is covered.",
        (
            "In PCRT search for the text `serial: …` shown here: all machines that have it come up.",
            "Merge them if they are one machine entered twice; otherwise correct the serial number of the wrong one.",
            "If both have to stay, put the right PCID into the computer's Asset Tag in CWA.",
        ),
    ),
    ("not_in_group", None): Instructions(
        "The PCID is in no group",
        "The computer was matched to its PCID, but in PCRT that PCID belongs to no customer's group, so no subscription lists it.",
        (
            f"{_OPEN_PCID} Check that it is this machine.",
            "Put it into the customer's group (the expected one is shown here).",
        ),
    ),
    ("in_wrong_group", None): Instructions(
        "The PCID is in another customer's group",
        "In CWA the computer belongs to one customer; in PCRT its PCID belongs to another. It is listed for neither.",
        (
            "Find out whose machine it is now: its last user and the customer's name help.",
            "If PCRT is wrong: open the asset by its PCID and move it to the expected group.",
            "If CWA is wrong: move the computer to the right client in CWA.",
        ),
    ),
    ("no_cwa_group", None): Instructions(
        "In no plan",
        "The computer carries an agent but is in none of the groups in CWA that stand for a plan, so it is not covered, whatever the "
        "customer pays for.",
        (
            "Look up which plan the customer has for this machine.",
            "In CWA add the computer to that plan's group (Browse → Groups → the plan → Computers).",
            "If the machine is not to be covered, retire the agent, or snooze the issue with a note.",
        ),
    ),
    ("shared_pcid", None): Instructions(
        "Two computers are matched to one PCID",
        "Two or more computers in CWA lead to the same PCID: an agent installed twice, a board swapped, or an Asset Tag copied. The PCID "
        "is listed once.",
        (
            "Compare their serial numbers and Asset Tags here.",
            "If one is an old agent of the same machine, retire it in CWA.",
            "Otherwise correct the Asset Tag or the serial number of the one that is wrong.",
        ),
    ),
    ("override_disagrees", None): Instructions(
        "Asset Tag and serial number disagree",
        "The Asset Tag says one PCID, but the serial number belongs to another one. The Asset Tag counts; if it is out of date, the wrong "
        "machine is listed.",
        (
            "Compare both PCIDs in PCRT with the machine.",
            "If the Asset Tag is wrong: empty it in CWA, so that the serial number counts.",
            "If the serial number in PCRT is wrong: correct it there.",
        ),
    ),
    ("suspected_generic_serial", None): Instructions(
        "A serial number that several customers have",
        "Computers of two or more clients report this serial number, though it is not on the list of generic serials. It is probably a "
        "placeholder of the board's maker.",
        (
            "If it looks like a placeholder, give the maintainer the ready line below for generic_serials.txt.",
            "Then put the PCID of each of these computers into its Asset Tag in CWA.",
            "If it is a real serial number, one machine may be registered for two clients: retire the wrong agent in CWA.",
        ),
    ),
    ("several_plans", None): Instructions(
        "In two plans or more",
        "The computer is in the groups of several plans. It is covered once, but counts for each of them when subscriptions are compared.",
        (
            "Look up which plan the customer has for this machine.",
            "In CWA take the computer out of the other plan's group.",
        ),
    ),
    ("no_cwa_subscriptions", "missing"): Instructions(
        "No BizCare subscription",
        "A client in CWA is tied to this group, but in PCRT the group has no active BizCare subscription. Its covered machines are listed "
        "nowhere, and nothing is billed.",
        (
            "Ask the person who sells the plans whether the customer has one.",
            "If so: in PCRT add the subscription to the group and fill in its CWA Group with the plan's name.",
            "If not: take the customer's computers out of the plans' groups in CWA.",
        ),
    ),
    ("no_cwa_subscriptions", "unlinked"): Instructions(
        "BizCare subscriptions, but none is linked to a plan",
        "The group has a BizCare subscription, but none whose CWA Group names a plan, so no list is kept for it.",
        (
            _OPEN_SUBSCRIPTION,
            "Fill in its CWA Group with the plan's exact name, or with the CWA group's id.",
        ),
    ),
    ("too_few_subscriptions", None): Instructions(
        "More plans in CWA than subscriptions in PCRT",
        "The customer's computers are in more plans than the group has subscriptions for: a plan is delivered and not billed, or a "
        "computer is in the wrong plan's group.",
        (
            "Compare the plans of the computers with those of the subscriptions, shown here.",
            "If a subscription is missing: add it in PCRT with the plan's name in CWA Group.",
            "If a computer is in the wrong plan: move it to the right group in CWA.",
        ),
    ),
    ("wrong_cwa_group", None): Instructions(
        "No computer is in the subscription's plan",
        "The subscription names a plan that none of the customer's computers is in, although they are in others.",
        (
            "Compare the plans of the computers with those of the subscriptions, shown here.",
            "If the subscription is wrong: correct its CWA Group in PCRT.",
            "If the computers are wrong: move them to the plan's group in CWA.",
        ),
    ),
    ("no_valid_cwa_group", None): Instructions(
        "CWA Group names no plan",
        "It is a BizCare subscription, but its CWA Group is empty or names no plan, so no list is kept for it.",
        (
            _OPEN_SUBSCRIPTION,
            "Fill in its CWA Group with the plan's exact name, or with the CWA group's id.",
            "If it is no BizCare subscription: empty its CWA Group and rename it.",
        ),
    ),
    ("duplicate_subscription", None): Instructions(
        "A second subscription of the same plan",
        "The group has an earlier active subscription of the same plan. Both list the same machines; the customer may be billed twice.",
        (
            "Compare the two in PCRT.",
            "End the one that is not wanted; if both are, snooze the issue with a note.",
        ),
    ),
    ("subscription_without_computers", None): Instructions(
        "A subscription, and nothing to cover",
        "The subscription names a plan, but none of the customer's computers is in a plan's group in CWA: it is billed and covers nothing.",
        (
            "In CWA look at the customer's computers. If they are to be covered, add them to the plan's group.",
            "If the customer has left, end the subscription in PCRT.",
        ),
    ),
    ("members_held", "members_removed"): Instructions(
        "Held: a list would lose too many members",
        "One of the group's subscriptions would lose more machines in one night than is plausible. Nothing of this group is written until "
        "a person has looked; every other customer goes on.",
        (
            "See what would go: `cwa-pipeline plan`.",
            "If something is wrong in CWA (computers moved, a plan's group emptied), correct it there: the hold then ends by itself.",
            "If the change is right, release it: `cwa-pipeline sync --release` and the group's id.",
        ),
    ),
    ("members_held", "undone"): Instructions(
        "Held: the last write was undone",
        "Somebody undid what a sync wrote for this group. Nothing is written until it is released, so that the next sync does not "
        "repeat it.",
        (
            "Correct what was wrong, in CWA or in PCRT.",
            "See what would be written: `cwa-pipeline plan`.",
            "Then release it: `cwa-pipeline sync --release` and the group's id.",
        ),
    ),
    ("no_cwa_client", None): Instructions(
        "No client in CWA is tied to the group",
        "The group has a BizCare subscription, but no client in CWA names the group, so nothing is matched and its list is not kept.",
        (
            "In CWA find the client by the group's name.",
            "Put the group's id, shown here, into the client's External ID.",
            "If the customer has left, end the subscription in PCRT.",
        ),
    ),
}
