"""Reads an installed OpenFisca-family country package: the only room that imports one.

`import_country` names a package and loads it only when a formula is needed: importing
policyengine_us takes about a minute, which a program that is already saved need not pay.
"""

from ._country import (
    Country as Country,
    import_country as import_country,
    with_parameters as with_parameters,
    with_tree as with_tree,
)
from ._distribution import licence_of as licence_of
from ._source import (
    clear_caches as clear_caches,
    differences as differences,
    hoist as hoist,
    reformed as reformed,
    source_simulation as source_simulation,
    source_under as source_under,
    source_values as source_values,
)
