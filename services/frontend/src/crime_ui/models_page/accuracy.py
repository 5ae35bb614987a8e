"""How good versions are, on the same reports: by detail level, category and area, and whether they know it."""

import datetime
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from crime_ui import address
from crime_ui.charts import scores
from crime_ui.charts.scores import Dots
from crime_ui.charts.shown import show
from crime_ui.client import cached
from crime_ui.client.answers import DetailLevel, ServingModel
from crime_ui.client.answers_models import CategoryScores, Evaluation, LevelScores, ModelVersion
from crime_ui.client.models import CATEGORY_MODEL
from crime_ui.client.reports import SYSTEM_NAMES
from crime_ui.client.transport import Refused
from crime_ui.language import _, long_day, number, percent
from crime_ui.literal import literal, refusal_text
from crime_ui.models_page.plain import level_names, reports_text

NAIVE_BAYES_PREFIX = "evidence_"  # of inputs that are answers of the model's naive Bayes


def show_accuracy() -> None:
    versions = cached.registered(CATEGORY_MODEL)["versions"]
    evaluation = chosen_evaluation(versions)
    if evaluation is None:
        return
    champion = next((version["version"] for version in versions if "champion" in version["aliases"]), None)
    names = {
        scores["version"]: _version_name(scores["version"], scores["version"] == champion)
        for scores in evaluation["versions"]
    }
    show_reports(evaluation)
    show_levels(evaluation, names)
    level = address.switch(st, _("Known of the report"), "level", level_names(), "report")
    left, right = st.columns(2, gap="large")
    with left:
        show_categories(evaluation, names, level)
    with right:
        show_areas(evaluation, names, level)
    left, right = st.columns(2, gap="large")
    with left:
        show_confusion(evaluation, names, level)
    with right:
        show_calibration(evaluation, names, level)
    serving = cached.category_model()["serving"]
    show_systems(serving)
    show_features(serving)


def _version_name(version: str, is_champion: bool) -> str:
    return (
        _("Version {version}, champion").format(version=version)
        if is_champion
        else _("Version {version}").format(version=version)
    )


def chosen_evaluation(versions: list[ModelVersion]) -> Evaluation | None:
    """Of the chosen versions, or else of the champion and the newest other version; None after saying why not."""
    is_champion = {version["version"]: "champion" in version["aliases"] for version in versions}
    options = {version: _version_name(version, champion) for version, champion in is_champion.items()}
    chosen = address.pick_many(
        st,
        _("Versions side by side"),
        "versions",
        options,
        max_selections=6,
        placeholder=_("The champion and the newest other"),
    )
    if not chosen:
        champions = [version for version, champion in is_champion.items() if champion]
        others = [version for version, champion in is_champion.items() if not champion]
        chosen = [*champions, *others[:1]]
    try:
        with st.spinner(_("Versions answer the same reports")):
            return cached.evaluation(tuple(chosen))
    except Refused as refusal:
        st.info(
            _("These versions have no figures to compare: {reason}").format(reason=refusal_text(refusal)),
            icon=":material/info:",
        )
    if len(chosen) < 2:
        return None
    try:
        return cached.evaluation(tuple(chosen[:1]))
    except Refused:
        return None


def show_reports(evaluation: Evaluation) -> None:
    """Of which reports the figures are."""
    first, last = (datetime.date.fromisoformat(day) for day in (evaluation["first"], evaluation["last"]))
    st.caption(
        _(
            "All figures are of the same {reports}, from {first} to {last}, which none of these versions learnt from: "
            "each is answered by a model that was trained as the version, but only on earlier reports. Always "
            "answering “{guess}” would be right in {share} of them."
        ).format(
            reports=reports_text(evaluation["reports"]),
            first=long_day(first),
            last=long_day(last),
            guess=literal(_(evaluation["guess"])),
            share=percent(evaluation["guess_accuracy"], 1),
        )
    )


def show_levels(evaluation: Evaluation, names: dict[str, str]) -> None:
    """Right answers by what is known of a report."""
    st.subheader(_("Right answers, by what is known"))
    levels = level_names()
    total, guess = evaluation["reports"], evaluation["guess_accuracy"]
    always = _("Always the most frequent")
    table: dict[str, list[str | float]] = {_("Known"): list(levels.values())}
    shown = dict(table)
    drawn = []
    for version in evaluation["versions"]:
        by_level = [version["levels"][level] for level in levels]
        shares = [of_level["accuracy"] for of_level in by_level]
        name = names[version["version"]]
        shown[name] = [percent(share, 1) for share in shares]
        drawn.append(Dots(name, shares, [_of(round(share * total), total) for share in shares]))
        table[_("{version}: right").format(version=name)] = [round(share, 4) for share in shares]
        table[_("{version}: log loss").format(version=name)] = [round(each["log_loss"], 4) for each in by_level]
        table[_("{version}: probabilities off by").format(version=name)] = [
            round(each["calibration_error"], 4) for each in by_level
        ]
    shown[always] = [percent(guess, 1)] * len(levels)
    table[always] = [round(guess, 4)] * len(levels)
    guesses = Dots(always, [guess] * len(levels), [_of(round(guess * total), total)] * len(levels))
    left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
    with left:
        show(scores.dots(list(levels.values()), drawn, guesses), "levels", _("Right answers by what is known"), table)
    right.dataframe(pd.DataFrame(shown), hide_index=True)


def _of(right: int, whole: int) -> str:
    """The counts behind a share: 21 of 27."""
    return _("{right} of {whole}").format(right=number(right), whole=number(whole))


def show_categories(evaluation: Evaluation, names: dict[str, str], level: DetailLevel) -> None:
    """Of each category, how many of its reports are found, and how many answers of it are right."""
    st.subheader(_("By category"))
    side = address.switch(
        st,
        _("Share of"),
        "share",
        {"found": _("its reports that are found"), "right": _("answers of it that are right")},
        "found",
        help=_("Recall and precision: of 27 sexual crimes 21 are found; of 25 answers of it 21 are right."),
    )
    by_version = {names[each["version"]]: each["levels"][level]["categories"] for each in evaluation["versions"]}
    first = next(iter(by_version.values()))
    rows = [_(each["category"]).capitalize() for each in first]
    table: dict[str, Sequence[Any]] = {_("Category"): rows, _("Reports"): [each["reports"] for each in first]}
    counts: dict[str, Sequence[Any]] = {_("Category"): rows}
    drawn = []
    for name, categories in by_version.items():
        key, whole = ("recall", "reports") if side == "found" else ("precision", "answered")
        shares: list[float | None] = [dict(each)[key] for each in categories]  # type: ignore[misc]
        hover = [_of(each["right"], dict(each)[whole]) for each in categories]  # type: ignore[arg-type]
        drawn.append(Dots(name, shares, hover))
        counts[name] = hover
        table[_("{version}: answered").format(version=name)] = [each["answered"] for each in categories]
        table[_("{version}: right").format(version=name)] = [each["right"] for each in categories]
        table[_("{version}: share found").format(version=name)] = [each["recall"] for each in categories]
        table[_("{version}: share right").format(version=name)] = [each["precision"] for each in categories]
    guess = _guess_dots(evaluation, first, side)
    show(scores.dots(rows, drawn, guess), "categories", _("Right answers by category"), table)
    st.dataframe(pd.DataFrame(counts), hide_index=True)


def _guess_dots(evaluation: Evaluation, categories: list[CategoryScores], side: str) -> Dots:
    """What always guessing finds: all of one category, and nothing of the others."""
    is_guess = [each["category"] == evaluation["guess"] for each in categories]
    always = _("Always the most frequent")
    if side == "found":
        wholes = [each["reports"] for each in categories]
        counts = [_of(whole if guess else 0, whole) for guess, whole in zip(is_guess, wholes, strict=True)]
        return Dots(always, [float(guess) for guess in is_guess], counts)
    share, total = evaluation["guess_accuracy"], evaluation["reports"]
    counts = [_of(round(share * total), total) if guess else "" for guess in is_guess]
    return Dots(always, [share if guess else None for guess in is_guess], counts)


def show_areas(evaluation: Evaluation, names: dict[str, str], level: DetailLevel) -> None:
    """Right answers in each area, beside always guessing."""
    st.subheader(_("By area"))
    areas = evaluation["versions"][0]["levels"][level]["areas"]
    rows = [area["name"] for area in areas]
    table: dict[str, list[str | int]] = {_("Area"): list(rows), _("Reports"): [area["reports"] for area in areas]}
    drawn = []
    for version in evaluation["versions"]:
        counts = [area["right"] for area in version["levels"][level]["areas"]]
        name = names[version["version"]]
        drawn.append(_area_dots(name, counts, [area["reports"] for area in areas]))
        table[_("{version}: right").format(version=name)] = list(counts)
    guesses = [area["guess_right"] for area in areas]
    table[_("Always the most frequent")] = list(guesses)
    guess = _area_dots(_("Always the most frequent"), guesses, [area["reports"] for area in areas])
    show(scores.dots(rows, drawn, guess), "areas", _("Right answers by area"), table)


def _area_dots(name: str, right: list[int], reports: list[int]) -> Dots:
    pairs = list(zip(right, reports, strict=True))
    return Dots(name, [count / whole for count, whole in pairs], [_of(count, whole) for count, whole in pairs])


def show_confusion(evaluation: Evaluation, names: dict[str, str], level: DetailLevel) -> None:
    """Which categories are taken for which, by the first version."""
    version = evaluation["versions"][0]
    st.subheader(_("Taken for another category"))
    st.caption(literal(names[version["version"]]))
    of_level: LevelScores = version["levels"][level]
    categories = [_(category["category"]).capitalize() for category in of_level["categories"]]
    counts = of_level["confusion"]
    columns = {category: [row[index] for row in counts] for index, category in enumerate(categories)}
    name = _("Reports by category, reported and answered")
    show(scores.confusion(counts, categories), "confusion", name, {_("Reported"): categories, **columns})


def show_calibration(evaluation: Evaluation, names: dict[str, str], level: DetailLevel) -> None:
    """Whether an answer given 70 % is right in 70 % of the reports."""
    st.subheader(_("Do the probabilities hold?"))
    st.caption(_("On the dotted line, an answer given 70 % is right 70 % of the time."))
    bins = {names[version["version"]]: version["levels"][level]["calibration"] for version in evaluation["versions"]}
    rows = [(name, bin_) for name, of_version in bins.items() for bin_ in of_version]
    table: dict[str, Sequence[Any]] = {
        _("Version"): [name for name, _bin in rows],
        _("Probability given"): [round(bin_["confidence"], 4) for _name, bin_ in rows],
        _("Share that was right"): [round(bin_["accuracy"], 4) for _name, bin_ in rows],
        _("Share of the reports"): [round(bin_["share"], 4) for _name, bin_ in rows],
    }
    show(scores.calibration(bins), "calibration", _("Share that was right by probability given"), table)


def show_systems(serving: ServingModel) -> None:
    """Right answers of the served version for the reports of each system, where there are two."""
    by_system = serving.get("by_system", {})
    if not by_system:
        return
    st.subheader(_("By report system"))
    held_out = reports_text(serving["data"]["held_out"])
    note = _("Version {version} on all {reports} held out of its training.")
    st.caption(note.format(version=literal(serving["version"]), reports=held_out))
    levels = level_names()
    table = {_("Known"): list(levels.values())} | {
        _("{system}: right").format(system=_(SYSTEM_NAMES[system])): [metrics[level]["accuracy"] for level in levels]
        for system, metrics in by_system.items()
    }
    numbers = {column: st.column_config.NumberColumn(format="%.3f") for column in list(table)[1:]}
    st.dataframe(pd.DataFrame(table), hide_index=True, column_config=numbers)


def show_features(serving: ServingModel) -> None:
    """What the served version looks at, and what it was trained on."""
    data = serving["data"]
    with st.expander(_("What version {version} looks at").format(version=literal(serving["version"]))):
        gain: dict[tuple[str, str], float] = {}
        for feature in cached.report_features():
            is_bayes = feature["name"].startswith(NAIVE_BAYES_PREFIX)
            about = (
                _("how likely each crime code is, from all that is known (naive Bayes)")
                if is_bayes
                else feature["about"]
            )
            key = about, _("all columns") if is_bayes else ", ".join(feature["source"])
            gain[key] = gain.get(key, 0.0) + feature["share_of_gain"]
        ranked = sorted(gain.items(), key=lambda item: -item[1])
        share = _("Share of what it learnt")
        st.dataframe(
            pd.DataFrame({_("Input"): about, _("Columns"): source, share: value} for (about, source), value in ranked),
            hide_index=True,
            column_config={share: st.column_config.ProgressColumn(format="percent", max_value=1.0)},
        )
        st.caption(
            _(
                "Victim attributes, status and anything that follows from the crime code are not used. It was trained "
                "on {trained_on} until {until}; rows read {rows}, rejected {rejected}; fingerprint {fingerprint}."
            ).format(
                trained_on=reports_text(data["trained_on"]),
                until=long_day(datetime.date.fromisoformat(data["until"])),
                rows=number(data["rows"]),
                rejected=number(sum(data["rejected"].values())),
                fingerprint=literal(data["fingerprint"][:12]),
            )
        )
