"""Pieces of a page on an imputed column, beside the truth that was withheld."""

from typing import TYPE_CHECKING

from ..core._arguments import as_text
from ..core._arrays import check_table
from ._charts import bars, curves
from ._page import figure, table

if TYPE_CHECKING:
    import pandas as pd

_SIDES = {"imputed": "imputed", "withheld truth": "truth"}
_SCORES = {
    "forest": "loss of the forest",
    "donors_quantile": "loss of the donors' quantile",
    "skill": "share of loss removed",
}


def imputation_pieces(
    curve: "pd.DataFrame",
    by_group: "pd.DataFrame",
    scores: "pd.DataFrame",
    distribution: "pd.DataFrame",
    *,
    amount: str = "Amount, dollars",
    group: str = "Group",
    rows: str = "rows",
) -> list[str]:
    """Distributions, means by group, scores and statistics of an imputed column.

    Args:
        curve: of `shares_below` with the columns `imputed` and `truth`.
        by_group: labels in the first column, then `imputed` and `truth`, as of `means_by_band`.
        scores: `level`, the losses `forest` and `donors_quantile`, and `skill`.
        distribution: of `pejax.impute.compare`.
        amount: what was imputed, and its unit.
        group: what the groups are.
        rows: what the shares are of.

    >>> import pandas as pd
    >>> curve = pd.DataFrame({"amount": [0, 9], "imputed": [0.4, 1], "truth": [0.5, 1]})
    >>> means = pd.DataFrame({"age": ["under 50"], "imputed": [3.0], "truth": [4.0]})
    >>> scores = pd.DataFrame([(0.5, 1.0, 2.0, 0.5)],
    ...     columns=["level", "forest", "donors_quantile", "skill"])
    >>> distribution = pd.DataFrame([("mean", 3.0, 4.0)], columns=["statistic", "imputed", "truth"])
    >>> len(imputation_pieces(curve, means, scores, distribution))
    4
    """
    for name, text in {"amount": amount, "group": group, "rows": rows}.items():
        as_text(text, name)
    check_table(curve, "curve", ("amount", *_SIDES.values()))
    check_table(by_group, "by_group", _SIDES.values())
    check_table(scores, "scores", ("level", *_SCORES))
    check_table(distribution, "distribution")
    lines = {name: (curve["amount"], curve[side]) for name, side in _SIDES.items()}
    means = {name: by_group[side] for name, side in _SIDES.items()}
    formats = {"level": ".2f", "share of loss removed": ".1%"}
    formats |= dict.fromkeys(("loss of the forest", "loss of the donors' quantile"), ",.0f")
    return [
        figure(
            curves(lines, amount, f"Share of {rows} at or below", x_format="$"),
            "The weighted distribution, the share without any included.",
        ),
        figure(
            bars(by_group.iloc[:, 0], means, group, f"{amount}, mean", y_format="$"),
            "What the amount has to do with the group, imputed and in truth.",
        ),
        table(
            scores.rename(columns=_SCORES),
            "Pinball loss of predicted quantiles, dollars; the alternative knows no predictor.",
            formats,
        ),
        table(distribution, "The imputed distribution and the withheld one, dollars."),
    ]
