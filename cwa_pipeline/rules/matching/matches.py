"""Which group a client is tied to and which PCID a computer is matched to, or the reason why not."""

import pandas as pd

from cwa_pipeline.rules.frames import as_table, first_true, lookup
from cwa_pipeline.rules.matching.numbers import is_whole_number, whole_number
from cwa_pipeline.rules.matching.serials import is_generic, normalise
from cwa_pipeline.tables import ClientGroups, ComputerMatches

UNSET_EXTERNAL_IDS = ["", "0"]  # an External ID, trimmed, that nobody filled in


def client_groups(cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame) -> pd.DataFrame:
    """A client is tied to group `int(External ID)` when that is a whole number and the group exists.

    Otherwise the reason says why not. Returns a `client_groups` table.
    """
    external_id = cwa_clients["external_id"]
    number = whole_number(external_id)
    missing = normalise(external_id).isin(UNSET_EXTERNAL_IDS)
    tied = ~missing & number.isin(pcrt_groups["group_id"])
    reason = first_true(
        {
            "external_id_missing": missing,
            "external_id_invalid": ~is_whole_number(external_id),
            "group_does_not_exist": ~tied,
        }
    )
    return as_table(
        pd.DataFrame({"client_id": cwa_clients["client_id"], "group_id": number.where(tied), "reason": reason}),
        ClientGroups,
    )


def pcids_with_serial(serials: pd.Series, pcrt_pcids: pd.DataFrame, serial_blacklist: pd.DataFrame) -> pd.DataFrame:
    """How many PCIDs have each serial (normalised), and the PCID if it is one; generic serials in PCRT never count.

    Returns how_many and pcid (0 for none, any of them for several), one row per serial, with the index of `serials`.
    """
    counts = ~is_generic(pcrt_pcids["serial_number_normalised"], serial_blacklist)
    found = pcrt_pcids[counts].groupby("serial_number_normalised")["pcid"].agg(["size", "max"])
    found = found.set_axis(["how_many", "pcid"], axis="columns").astype("int64")
    return found.reindex(serials, fill_value=0).set_axis(serials.index)


def computer_matches(
    cwa_computers: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
    client_groups: pd.DataFrame,
) -> pd.DataFrame:
    """Match each computer, in this order.

    1. Asset Tag set: it must be a whole number naming an existing PCID; an override never falls back to the serial.
    2. Serial generic: no match.
    3. PCIDs with that serial: none or several, no match and no guess; exactly one, matched by serial.

    An Asset Tag that is blank, or on the same blacklist, is unset. Returns a `computer_matches` table.
    """
    serial = cwa_computers["serial_number_normalised"]
    tag_is_set = ~is_generic(normalise(cwa_computers["asset_tag"]), serial_blacklist)
    tagged_pcid = whole_number(cwa_computers["asset_tag"])
    by_tag = tag_is_set & tagged_pcid.isin(pcrt_pcids["pcid"])
    of_serial = pcids_with_serial(serial, pcrt_pcids, serial_blacklist)
    by_serial = ~tag_is_set & (of_serial["how_many"] == 1)

    pcid = tagged_pcid.where(by_tag, of_serial["pcid"].astype("Int64").where(by_serial))
    client_id = cwa_computers["client_id"]
    return as_table(
        pd.DataFrame(
            {
                "computer_id": cwa_computers["computer_id"],
                "client_id": client_id,
                "expected_group_id": lookup(client_id, client_groups.set_index("client_id")["group_id"]),
                "pcid": pcid,
                "matched_by": first_true({"asset_tag": by_tag, "serial": by_serial}),
                "reason": first_true(
                    {
                        "asset_tag_unknown": tag_is_set & ~by_tag,
                        "generic_serial": ~tag_is_set & is_generic(serial, serial_blacklist),
                        "no_pcid_with_serial": ~tag_is_set & (of_serial["how_many"] == 0),
                        "duplicate_serial": ~tag_is_set & (of_serial["how_many"] > 1),
                    }
                ),
                "pcid_group_id": lookup(pcid, pcrt_pcids.set_index("pcid")["group_id"]),
            }
        ),
        ComputerMatches,
    )
