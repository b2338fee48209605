"""The training data of a model as counts: freeze once, then count anything against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline import counting, dependence, freezing, order, risks, scores, storage, training
from nb2prod.baseline.calibration import Calibration, isotonic
from nb2prod.baseline.columns import aligned
from nb2prod.baseline.feature import BODY, Feature, Floats, Ints
from nb2prod.baseline.pca import Pca
from nb2prod.baseline.scores import alike
from nb2prod.baseline.seasons import Seasons, learn, times_of, with_columns
from nb2prod.baseline.seasons import moments as moments_of

Counts = dict[str, Ints]
_EVEN = np.linspace(0.0, 1.0, 51)


@dataclass(frozen=True, eq=False)
class Baseline:
    """A model's training data, and what it said on its hold-out, as counts on frozen bins; no rows.

    `Baseline.from_frame` makes one; `count` anything against it, `merge` adds counts. Of dates the hour of the week is watched.

    Examples
    --------
    >>> import numpy as np
    >>> baseline = Baseline.from_frame({"age": np.arange(100.0)})
    >>> counts = baseline.count({"age": [3.0, None, "old"]})
    >>> int(counts["age"].sum())
    3
    """

    features: tuple[Feature, ...]
    rows: int
    target: scores.Target | None = None
    calibration: Calibration | None = None
    pca: Pca | None = None
    reference: Counts = field(default_factory=dict)
    calibrated: Floats = field(default_factory=lambda: np.empty(0))
    dependence: dict[str, float] = field(default_factory=dict)
    seasons: Seasons = field(default_factory=Seasons)
    note: str = ""

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        scores: Any = None,
        labels: Any = None,
        *,
        kinds: Mapping[str, str] | None = None,
        times: Any = None,
        holdout: Any = None,
        holdout_times: Any = None,
        seed: int = 0,
        classes: Sequence[Any] | None = None,
    ) -> Baseline:
        """Freeze training rows, and the scores and labels of a hold-out.

        Parameters
        ----------
        frame
            Training rows: a pandas frame, a mapping of columns, a list of mappings, a structured array, a 2-D array (columns
            `x0 … xn`) or a list of texts. Each name is there once.
        scores
            What the model said on hold-out rows: probabilities, (n,) of the positive class or (n, k); or predictions.
        labels
            The true labels of those same rows.
        kinds
            Column → `number`, `integer`, `boolean`, `category`, `text`, `datetime` or `other`; the others are told from
            their values.
        times
            When each training row happened (date-times, ISO 8601, epoch ms): seasons are learnt, so that they are told from
            drift. Left out, the frame's index where it is one of date-times; else the rows are taken to be in their order.
        holdout
            The hold-out's own rows, in the order of `scores`: with them a drift is ranked by what it does to the risk.
        holdout_times
            When each of them happened, as `times`; without it the scores' own seasons cannot be told from drift.
        seed
            Splits the rows that a vocabulary or the components are learnt from off those that they are measured on.
        classes
            The order of the columns of `scores`, where labels alone do not tell it.
        """
        columns, rows = training.read(frame, scores)
        alike(scores, labels)
        half = np.random.default_rng(seed).random(rows) < 0.5
        stated = kinds or {}
        found: list[Feature] = []
        moments = moments_of(times_of(frame) if times is None else times, rows)
        sequence = np.argsort(moments, kind="stable") if len(moments) else None
        hanging: dict[str, float] = {}
        timed: dict[str, tuple[Feature, Ints, Floats]] = {}
        for name, column in columns.items():
            for feature in freezing.features(name, column, stated.get(name) or freezing.kind_of(column), half):
                found.append(feature)
                hanging[feature.name] = dependence.factor(feature, column, sequence)
                if len(moments):
                    places, kept = dependence.places(feature, column), freezing.apart(feature, rows)
                    timed[feature.name] = feature, places[kept[: len(places)]], moments[kept]
        half, least = dependence.parted(half, columns, sequence, hanging)
        together = freezing.together(tuple(found), columns, rows, half, sequence)
        reference: Counts = {}
        model = None
        if together is not None:
            model, watched, reference["@multivariate.shares"], error, hanging[watched.name] = together
            found.append(watched)
            if len(moments):
                timed[watched.name] = watched, dependence.places_of(watched, error), moments[~half]
        hanging = {name: round(max(value, least), 4) for name, value in hanging.items()}
        bare = cls(tuple(found), rows, pca=model, reference=reference, dependence=hanging, seasons=learn(timed))
        told = _with_scores(bare, scores, labels, classes)
        when = times_of(holdout) if holdout_times is None else holdout_times
        return _with_risks(_with_score_seasons(told, scores, when), holdout, scores)

    # -- what it watches

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(dict.fromkeys(feature.column for feature in self.features if feature.role == "feature"))

    @cached_property
    def score_features(self) -> tuple[Feature, ...]:
        """Counters of what the model says."""
        return tuple(feature for feature in self.features if feature.role in ("prediction", "confidence"))

    @property
    def score_names(self) -> tuple[str, ...]:
        """Names of the counters of what the model says; empty where no hold-out gave scores."""
        return tuple(feature.name for feature in self.score_features)

    @property
    def has_scores(self) -> bool:
        """Did a hold-out give reference scores?"""
        return bool(self.score_features)

    @cached_property
    def _by_name(self) -> dict[str, Feature]:
        return {feature.name: feature for feature in self.features}

    def feature(self, name: str) -> Feature:
        """The counter of that name; KeyError for none."""
        return self._by_name[name]

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Length of every array that `count` and `count_labels` give."""
        sizes = {feature.name: feature.size for feature in self.features}
        if self.pca is not None:
            sizes["@multivariate.shares"] = len(self.pca.names)
        sizes[order.NAME] = order.size(self.features)
        sizes |= {scores.UNREAD: 2} if self.target is None else scores.label_sizes(self.target, self.score_edges)
        return sizes

    @property
    def score_edges(self) -> Floats:
        """Edges of the score's buckets in `@labels`: even ones where no hold-out gave any."""
        found = self._by_name.get("@score")
        return _EVEN if found is None else found.edges

    @cached_property
    def says_yes(self) -> Floats:
        """Which buckets of the score say positive; with several classes every row says that its first choice is right."""
        edges = self.score_edges
        if self.target is not None and self.target.task == "multiclass":
            return np.ones(len(edges) + 1)
        return np.concatenate(([edges[0] > 0.5 if len(edges) else False], edges >= 0.5)).astype(np.float64)

    @cached_property
    def right(self) -> Floats:
        """The chance that a row is answered rightly, by bucket of its score; empty where nothing is calibrated."""
        if self.calibration is None or not self.has_scores:
            return np.empty(0)
        return np.where(self.says_yes > 0, self.calibrated, 1 - self.calibrated)

    # -- counting

    def count(self, columns: Any, scores: Any = None, n: int | None = None, *, ordered: bool = False) -> Counts:
        """Counts of a batch, whole numbers by counter.

        Parameters
        ----------
        columns
            Column → values (plain lists from JSON or arrays), or any frame that `from_frame` takes. Extra columns are
            left out, one that is missing is null in every row, a value of another type counts as `type`, and so does a name
            that is there twice. An array, which has no names, is taken by position.
        scores
            What the model said for these rows; counted where the baseline has reference scores.
        n
            Number of rows, where no column tells it.
        ordered
            Count also how often rows that follow each other are alike: `@order`, which adds up but is of these batches.
        """
        found, rows = aligned(columns, self.names)
        rows = rows if n is None else n
        codes: order.Codes | None = {} if ordered else None
        counted = counting.batch(self._columns, found, rows, self.pca, codes)
        if scores is not None and self.target is not None and self.has_scores:
            counted |= counting.said(self.score_features, self.target, scores, rows, codes)
        if codes is not None:
            counted[order.NAME] = order.compared(self.features, codes, rows)
        return counted

    @cached_property
    def _columns(self) -> tuple[Feature, ...]:
        return tuple(feature for feature in self.features if feature.role == "feature") + tuple(
            feature for feature in self.features if feature.role == "multivariate"
        )

    def count_labels(self, scores: Any, labels: Any, predictions: Any = None) -> Counts:
        """Counts from which realised figures follow: `@labels`, `@confusion` or `@errors`; `@unread` of labels that say nothing.

        Parameters
        ----------
        scores
            What the model said for these rows, as in `count`; None where it only gave predictions.
        labels
            What came true.
        predictions
            Its classes, where they are not the likeliest ones.
        """
        from nb2prod.baseline import scores as said

        said.alike(scores, labels)
        said.alike(predictions, labels)
        if self.target is None:  # what a label means, or its unit, is not known
            return said.unread(labels)
        return said.label_counts(self.target, self.score_edges, scores, labels, predictions)

    @staticmethod
    def merge(a: Mapping[str, Any], b: Mapping[str, Any]) -> Counts:
        """Add two dictionaries of counts."""
        return add_counts(a, b)

    # -- what names it

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the columns' bins and counts, without scores and components."""
        return storage.digest(feature for feature in self.features if feature.role == "feature")

    @cached_property
    def scores_digest(self) -> str:
        """SHA-256 over the bins and counts of the reference scores; empty where there are none."""
        return storage.digest(self.score_features) if self.has_scores else ""

    # -- on disk

    def save(self, folder: Path | str) -> None:
        """Write baseline.json and baseline.npz into a folder, each by rename."""
        plain, arrays = storage.pack(self.features)
        document: dict[str, Any] = {"rows": self.rows, "note": self.note, "features": plain}
        document["dependence"] = self.dependence
        document["target"] = asdict(self.target) if self.target else None
        document["pca"] = list(self.pca.names) if self.pca else None
        arrays["calibrated"] = self.calibrated
        document["seasons"] = {name: getattr(self.seasons, name) for name in ("known", "weekly", "swings", "hanging")}
        arrays["seasons.cells"] = self.seasons.cells
        arrays |= {f"season.{name}": counts for name, counts in self.seasons.counts.items()}
        arrays |= {f"reference.{name}": counts for name, counts in self.reference.items()}
        if self.calibration is not None:
            arrays |= {"calibration.scores": self.calibration.scores, "calibration.values": self.calibration.values}
        if self.pca is not None:
            arrays |= {f"pca.{key}": getattr(self.pca, key) for key in ("centre", "scale", "components")}
        storage.write(Path(folder), document, arrays)

    @classmethod
    def load(cls, folder: Path | str) -> Baseline:
        """Read what `save` wrote."""
        document, arrays = storage.read(Path(folder))
        target = document["target"]
        keys = ("centre", "scale", "components")
        return cls(
            features=storage.unpack(document["features"], arrays),
            rows=document["rows"],
            target=scores.Target(target["task"], tuple(target["classes"]), target["scale"]) if target else None,
            calibration=_calibration(arrays),
            pca=Pca(tuple(document["pca"]), *(arrays[f"pca.{key}"] for key in keys)) if document["pca"] else None,
            reference={name[10:]: array for name, array in arrays.items() if name.startswith("reference.")},
            calibrated=arrays["calibrated"],
            dependence=document["dependence"],
            seasons=_seasons(document, arrays),
            note=document["note"],
        )


def _calibration(arrays: Mapping[str, NDArray[Any]]) -> Calibration | None:
    if "calibration.scores" not in arrays:
        return None
    return Calibration(arrays["calibration.scores"], arrays["calibration.values"])


def _seasons(document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Seasons:
    plain = document.get("seasons")
    if plain is None:  # written before there were any
        return Seasons()
    counts = {name[7:]: array for name, array in arrays.items() if name.startswith("season.")}
    return Seasons(cells=arrays["seasons.cells"], counts=counts, **plain)


def _with_score_seasons(told: Baseline, raw: Any, times: Any) -> Baseline:
    """The seasons of what the model says, where the hold-out's times are known: in the seasons of the columns."""
    if times is None or told.target is None or not told.score_features or not told.seasons.counts:
        return told
    parts = scores.parts(raw, told.target)
    moments = moments_of(times, len(next(iter(parts.values()))))
    if not len(moments):
        return told
    timed = {one.name: (one, dependence.places(one, parts[one.name]), moments) for one in told.score_features}
    return replace(told, seasons=with_columns(told.seasons, timed))


def _with_scores(bare: Baseline, raw: Any, labels: Any, classes: Sequence[Any] | None) -> Baseline:
    target = scores.recognise(raw, labels, classes)
    if target is None or raw is None:
        return replace(bare, target=target)
    said = tuple(freezing.said(raw, target))
    parts = scores.parts(raw, target)
    hanging = {feature.name: round(dependence.factor(feature, parts[feature.name]), 4) for feature in said}
    told = replace(bare, target=target, features=(*bare.features, *said), dependence=bare.dependence | hanging)
    if labels is None:
        return told
    counts = told.count_labels(raw, labels)
    told = replace(told, reference=bare.reference | counts)
    return _calibrated(told, raw, labels) if target.task in ("binary", "multiclass") else told


def _with_risks(told: Baseline, holdout: Any, raw: Any) -> Baseline:
    """What the hold-out's rows risk by their scores, by each column's buckets."""
    if holdout is None or not len(told.right):
        return told
    assert told.target is not None
    columns, _ = training.holdout(holdout, raw, told.names)
    said = scores.parts(raw, told.target)["@score"]
    place = told.score_edges.searchsorted(np.nan_to_num(said), side="right")
    expected = np.where(np.isfinite(said)[:, None], risks.losses(told.right[place]), np.nan)
    own = [feature for feature in told.features if feature.role == "feature"]
    return replace(told, reference=told.reference | risks.tables(own, columns, expected))


def _calibrated(told: Baseline, raw: Any, labels: Any) -> Baseline:
    """Fit the isotonic knots, and the mean calibrated probability of each bucket of the score."""
    assert told.target is not None
    parts = scores.parts(raw, told.target)
    truth = told.target.index(scores.plain(labels))
    said = parts["@score"]
    right = truth == (
        1 if told.target.task == "binary" else np.array([-1 if c is None else int(c) for c in parts["@class"]])
    )
    good = np.isfinite(said) & (truth < len(told.target.classes))
    if len(np.unique(truth[good])) < 2:  # of one class every score is worth the same
        return told
    line = isotonic(said[good], right[good].astype(np.float64))
    watched = told.feature("@score")
    place = watched.edges.searchsorted(said[good], side="right")
    held = np.bincount(place, minlength=watched.size - BODY)
    sums = np.bincount(place, weights=line(said[good]), minlength=watched.size - BODY)
    values = np.where(held > 0, sums / np.maximum(held, 1), line(watched.centres))
    return replace(told, calibration=line, calibrated=values)


def add_counts(a: Mapping[str, Any], b: Mapping[str, Any]) -> Counts:
    """Add counts by name; a name that one side lacks is zero there."""
    total: Counts = {name: np.array(counts, dtype=np.int64) for name, counts in a.items()}
    for name, counts in b.items():
        total[name] = total[name] + counts if name in total else np.array(counts, dtype=np.int64)
    return total


def sparse(counts: Mapping[str, Any]) -> dict[str, list[tuple[int, int]]]:
    """Counts as (bucket, count) pairs without zeros; for JSON and the store."""
    found: dict[str, list[tuple[int, int]]] = {}
    for name, array in counts.items():
        places = np.flatnonzero(array)
        found[name] = list(zip(places.tolist(), np.asarray(array)[places].tolist(), strict=True))
    return found


def dense(pairs: Mapping[str, Sequence[tuple[int, int]]], baseline: Baseline) -> Counts:
    """The reverse of `sparse`; names and buckets that the baseline does not know are left out."""
    found: Counts = {}
    for name, cells in pairs.items():
        size = baseline.sizes.get(name)
        if size is None:
            continue
        found[name] = np.zeros(size, np.int64)
        for place, count in cells:
            if 0 <= place < size:
                found[name][place] = count
    return found
