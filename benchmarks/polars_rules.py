"""The rules once more, written straight in Polars: the floor that our own are held against, and the right lists of a world.

What belongs here: the same tables as `cwa_pipeline.rules` gives, computed the fastest way known. What must not: anything that the
pipeline itself runs; it is no second implementation to keep, and only right for the worlds of `benchmarks.worlds` (texts in ASCII
blanks, no Asset Tag with a sign). `benchmarks.floors` compares its results with the pipeline's, so that a floor cannot cheat.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

Frame = pl.DataFrame
_COMPUTER = ["reason", "computer_id", "name", "client_id", "serial_number", "asset_tag", "pcid", "pcid_group_id"]


@dataclass(frozen=True)
class Sources:
    """What both systems hold: the columns of our tables of the same names, without the ones that a rule adds."""

    clients: Frame
    computers: Frame
    cwa_groups: Frame
    members: Frame
    groups: Frame
    pcids: Frame
    subscriptions: Frame
    blacklist: list[str]  # normalised
    plans: list[str]


def normalised(column: str) -> pl.Expr:
    text = pl.col(column).fill_null("").str.strip_chars().str.to_lowercase()
    return text.str.replace_all("  ", " ", literal=True)


def client_groups(sources: Sources) -> Frame:
    """client_id, group_id (null for a client tied to none)."""
    number = pl.col("external_id").str.strip_chars().cast(pl.Int64, strict=False)
    tied = sources.groups["group_id"].implode()
    return sources.clients.select("client_id", group_id=pl.when(number.is_in(tied)).then(number))


def matches(sources: Sources, tied: Frame) -> Frame:
    """One row a computer: pcid, how, why not, the group of the PCID and the expected one."""
    pcids = sources.pcids.with_columns(key=normalised("serial_number"))
    held = pcids.filter(~pl.col("key").is_in(sources.blacklist))
    by_serial = held.group_by("key").agg(how_many=pl.len(), serial_pcid=pl.col("pcid").first())
    tag = pl.col("asset_tag").str.strip_chars()
    tag_set = (normalised("asset_tag").is_in(sources.blacklist)).not_()
    in_group = sources.pcids.select("pcid", pcid_group_id="group_id")
    return (
        sources.computers.with_columns(key=normalised("serial_number"), tag_set=tag_set)
        .with_columns(generic=pl.col("key").is_in(sources.blacklist), tagged=tag.cast(pl.Int64, strict=False))
        .join(by_serial, on="key", how="left")
        .join(sources.pcids.select(tagged="pcid", tag_known=True), on="tagged", how="left")
        .with_columns(
            pcid=pl.when("tag_set")
            .then(pl.when("tag_known").then("tagged"))
            .otherwise(pl.when(pl.col("how_many") == 1).then("serial_pcid"))
        )
        .with_columns(
            matched_by=pl.when(pl.col("pcid").is_not_null()).then(
                pl.when("tag_set").then(pl.lit("asset_tag")).otherwise(pl.lit("serial"))
            ),
            reason=pl.when(pl.col("pcid").is_null()).then(
                pl.when("tag_set")
                .then(pl.lit("asset_tag_unknown"))
                .when("generic")
                .then(pl.lit("generic_serial"))
                .when(pl.col("how_many").is_null())
                .then(pl.lit("no_pcid_with_serial"))
                .otherwise(pl.lit("duplicate_serial"))
            ),
        )
        .join(in_group, on="pcid", how="left")
        .join(tied.rename({"group_id": "expected_group_id"}), on="client_id", how="left")
        .sort("computer_id")
    )


def computer_issues(sources: Sources, matched: Frame) -> Frame:
    """Every issue of a computer with what the table shows of it."""
    counts = _plans_of_computers(sources).group_by("computer_id").agg(plans=pl.len())
    computers = matched.join(counts, on="computer_id", how="left").with_columns(pl.col("plans").fill_null(0))
    computers = computers.join(sources.clients.select("client_id", client_name="name"), on="client_id", how="left")
    judged = pl.col("pcid").is_not_null() & pl.col("expected_group_id").is_not_null()
    tag_unknown = pl.col("reason") == "asset_tag_unknown"
    several = pl.col("client_id").n_unique().over("key") > 1
    overridden = (pl.col("matched_by") == "asset_tag") & (pl.col("how_many") == 1)
    cases = {
        "pcid_does_not_exist": tag_unknown,
        "no_matching_pcid": pl.col("reason").is_not_null() & ~tag_unknown,
        "not_in_group": judged & pl.col("pcid_group_id").is_null(),
        "in_wrong_group": judged & (pl.col("pcid_group_id") != pl.col("expected_group_id")),
        "no_cwa_group": pl.col("plans") == 0,
        "shared_pcid": pl.col("pcid").is_not_null() & (pl.len().over("pcid") > 1),
        "override_disagrees": overridden & (pl.col("serial_pcid") != pl.col("pcid")),
        "suspected_generic_serial": ~pl.col("generic") & several,
        "several_plans": pl.col("plans") > 1,
    }
    flags = computers.with_columns(**cases)
    shown = [*_COMPUTER, "client_name", "expected_group_id"]
    found = [
        flags.filter(pl.col(issue)).select(
            *shown, issue=pl.lit(issue), issue_key="computer:" + pl.col("computer_id").cast(pl.String) + f":{issue}"
        )
        for issue in cases
    ]
    return pl.concat(found).sort("issue_key")


def group_issues(sources: Sources, tied: Frame) -> Frame:
    """The issues of groups and subscriptions: issue, group_id, subscription_id."""
    in_plans = _plans_of_computers(sources)
    of_group = (
        sources.computers.select("computer_id", "client_id").join(tied, on="client_id").join(in_plans, "computer_id")
    )
    p = of_group.drop_nulls("group_id").group_by("group_id", "plan").agg(computers=pl.len())
    p_count = p.group_by("group_id").agg(p=pl.len())
    subscriptions = _with_plans(sources).filter("active").sort("subscription_id")
    ties = tied.select("group_id").drop_nulls().unique()
    judged = subscriptions.join(ties, "group_id", "semi").join(p_count, "group_id", "left")
    valid = judged.filter(pl.col("plan").is_not_null())
    s = valid.select("group_id", "plan").unique().group_by("group_id").agg(s=pl.len())
    groups = sources.groups.join(ties, "group_id", "semi").join(p_count, "group_id", "left").join(s, "group_id", "left")
    no_s, fewer = pl.col("s").is_null(), pl.col("p").fill_null(0) > pl.col("s")
    elsewhere = subscriptions.join(ties, "group_id", "anti").filter(pl.col("plan").is_not_null() & pl.col("is_bizcare"))
    found: dict[str, Frame] = {
        "no_cwa_subscriptions": groups.filter(no_s),
        "too_few_subscriptions": groups.filter(fewer),
        "wrong_cwa_group": valid.filter(pl.col("p").is_not_null()).join(p, ["group_id", "plan"], "anti"),
        "no_valid_cwa_group": judged.filter(pl.col("plan").is_null() & pl.col("is_bizcare")),
        "duplicate_subscription": valid.filter(~pl.struct("group_id", "plan").is_first_distinct()),
        "subscription_without_computers": valid.filter(pl.col("p").is_null()),
        "no_cwa_client": elsewhere,
    }
    return pl.concat([frame.select("group_id", issue=pl.lit(issue)) for issue, frame in found.items()]).sort(
        "group_id", "issue"
    )


def members(sources: Sources, tied: Frame, matched: Frame) -> Frame:
    """subscription_id, pcid of every covered PCID, sorted; every subscription of a group lists them all."""
    covered = (
        matched.filter(pl.col("pcid_group_id") == pl.col("expected_group_id"))
        .join(_plans_of_computers(sources).select("computer_id").unique(), "computer_id", "semi")
        .select("pcid", group_id="expected_group_id")
        .unique()
    )
    judged = judged_subscriptions(sources, tied)
    return judged.join(covered, "group_id").select("subscription_id", "pcid").sort("subscription_id", "pcid")


def lists(sources: Sources, tied: Frame, wanted: Frame) -> Frame:
    """subscription_id, before, after of every judged subscription."""
    texts = wanted.group_by("subscription_id").agg(pcids=pl.col("pcid").cast(pl.String).str.join("_"))
    judged = judged_subscriptions(sources, tied).join(texts, "subscription_id", "left")
    after = pl.when(pl.col("pcids").is_null()).then(pl.lit("_")).otherwise("_" + pl.col("pcids") + "_")
    return judged.select("subscription_id", before="additional_members", after=after).sort("subscription_id")


def judged_subscriptions(sources: Sources, tied: Frame) -> Frame:
    """The active subscriptions with a valid plan in a tied group."""
    valid = _with_plans(sources).filter(pl.col("active") & pl.col("plan").is_not_null())
    return valid.drop("pcid").join(tied.select("group_id").drop_nulls().unique(), "group_id", "semi")


def _with_plans(sources: Sources) -> Frame:
    by_field: dict[str, Any] = {plan.lower(): plan for plan in sources.plans}
    named = sources.cwa_groups.filter(pl.col("name").is_in(sources.plans))
    by_field |= dict(zip(named["cwa_group_id"].cast(pl.String), named["name"], strict=True))
    key = normalised("cwa_group")
    return sources.subscriptions.with_columns(
        plan=key.replace_strict(by_field, default=None, return_dtype=pl.String),
        is_bizcare=~key.is_in(["", "0"]) | pl.col("name").str.starts_with("BizCare"),
    )


def _plans_of_computers(sources: Sources) -> Frame:
    plans = sources.cwa_groups.filter(pl.col("name").is_in(sources.plans)).select("cwa_group_id", plan="name")
    return sources.members.join(plans, "cwa_group_id").select("computer_id", "plan").unique()
