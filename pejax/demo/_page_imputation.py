"""The report's section on the imputation."""

from .. import report as rp
from ._imputation import Imputation


def imputation_section(imputation: Imputation) -> rp.Section:
    """Scores, the distribution and the conditional means beside the withheld truth."""
    curve, by_age = imputation.curve, imputation.by_age
    return rp.Section(
        "A column imputed and compared with the truth",
        [
            rp.paragraph(
                f"A quantile regression forest learnt social security income from"
                f" {imputation.donors:,} tax units (age, family, earnings, pensions, interest) and"
                f" drew it for the other {imputation.receivers:,}, whose own figures it never saw."
                " It was grown with scikit-learn, exported to arrays, and drew in JAX: each value"
                " is one donor's."
            ),
            rp.figure(
                rp.curves(
                    {
                        "imputed": (curve["amount"], curve["imputed"]),
                        "withheld truth": (curve["amount"], curve["truth"]),
                    },
                    "Social security income of a tax unit, dollars",
                    "Share of tax units at or below",
                ),
                "The weighted distribution, the large share without any included.",
            ),
            rp.figure(
                rp.bars(
                    by_age["age_of_head"],
                    {"imputed": by_age["imputed"], "withheld truth": by_age["truth"]},
                    "Age of the tax unit's head",
                    "Mean, dollars a tax unit",
                ),
                "The forest keeps what the income has to do with age.",
            ),
            rp.table(
                imputation.pinball.rename(
                    columns={
                        "forest": "loss of the forest",
                        "donors_quantile": "loss of the donors' quantile",
                        "skill": "share of loss removed",
                    }
                ),
                "Pinball loss of predicted quantiles, dollars; the alternative knows no predictor.",
                {
                    "level": ".2f",
                    "loss of the forest": ",.0f",
                    "loss of the donors' quantile": ",.0f",
                    "share of loss removed": ".1%",
                },
            ),
            rp.table(
                imputation.distribution,
                "The imputed distribution and the withheld one, dollars.",
            ),
        ],
    )
