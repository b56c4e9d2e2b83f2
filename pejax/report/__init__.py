"""Self-contained HTML pages with figures and tables, made from plain arrays and data frames.

Figures are drawn in SVG by this room itself: no script, nothing to fetch, as small as what is
shown. It reads tables, not the rooms that make them, and needs none of these.
"""

from ._calibration import calibration_page as calibration_page
from ._charts import (
    bars as bars,
    curves as curves,
    dots as dots,
    histogram as histogram,
    ranked as ranked,
    scatter as scatter,
    shares as shares,
)
from ._conformity import conformity_page as conformity_page
from ._drawing import Chart as Chart, below as below
from ._imputation import imputation_pieces as imputation_pieces
from ._page import (
    Section as Section,
    facts as facts,
    figure as figure,
    page as page,
    paragraph as paragraph,
    table as table,
)
from ._reform import change_pieces as change_pieces, parameter_pieces as parameter_pieces
from ._run import run_pieces as run_pieces
from ._selections import selection_chart as selection_chart, selection_page as selection_page
from ._tables import (
    change_by_decile as change_by_decile,
    means_by_band as means_by_band,
    means_by_decile as means_by_decile,
    quantile_scores as quantile_scores,
    shares_below as shares_below,
)
from ._weights import weights_pieces as weights_pieces
