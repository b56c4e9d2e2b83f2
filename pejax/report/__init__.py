"""Self-contained HTML pages with figures and tables, made from plain arrays and data frames.

Every room may use it; it uses none of them.
"""

from ._charts import (
    bars as bars,
    curves as curves,
    dots as dots,
    histogram as histogram,
    ranked as ranked,
    scatter as scatter,
    shares as shares,
)
from ._page import (
    Section as Section,
    facts as facts,
    figure as figure,
    page as page,
    paragraph as paragraph,
    table as table,
)
