"""Ways to choose records, side by side: their figure and their page."""

from typing import TYPE_CHECKING

from ..core._arguments import as_text, at_least
from ..core._arrays import as_names, check_table
from ._charts import dots
from ._drawing import Chart
from ._page import Section, figure, page, table

if TYPE_CHECKING:
    import pandas as pd

_MEANS = ("fitted, mean", "held out, mean")
_SHARES = ("mean", "median", "p95")  # how the names of columns end that are relative errors


def selection_chart(means: "pd.DataFrame") -> Chart:
    """The mean error of the fitted and of the held-out targets, a row a method.

    Args:
        means: a row a method, as the table of `pejax.calibrate.compare_selections`.

    >>> import pandas as pd
    >>> selection_chart(pd.DataFrame({"fitted, mean": [0.01, 0.2]}, index=["cube", "random"]))
    Chart(dots: Mean absolute error in units of the scale, of fitted, mean)
    """
    check_table(means, "means", _MEANS[:1])
    series = {name: means[name] for name in _MEANS if name in means}
    title = "Mean absolute error in units of the scale"
    return dots(list(means.index), series, title, x_format="%")


def selection_page(means: "pd.DataFrame", runs: int, title: str = "Choices of records") -> str:
    """Table and figure of several ways to choose records as one document.

    Args:
        means: a row a method, as the table of `pejax.calibrate.compare_selections`.
        runs: how many there were.
        title: the heading.

    >>> import pandas as pd
    >>> means = pd.DataFrame({"fitted, mean": [0.01]}, index=pd.Index(["cube"], name="method"))
    >>> selection_page(means, 3).count("<svg")
    1
    """
    as_text(title, "title")
    runs = at_least(1, "runs")(runs)
    check_table(means, "means", _MEANS[:1])
    as_names(list(means.columns), "the columns of means")
    shown = means.reset_index()
    formats = {name: ".2%" for name in shown.columns if str(name).endswith(_SHARES)}
    formats |= dict.fromkeys(("records", "effective sample size"), ",.0f")
    formats |= {"seconds": ",.1f", "largest weight": ",.1f"}
    caption = "Mean absolute errors over seeds, in units of each target's scale."
    sections = [
        Section("By method", [table(shown, formats=formats)]),
        Section("Fit", [figure(selection_chart(means), caption)]),
    ]
    return page(title, f"{runs} runs beside the whole file.", sections)
