"""Reading and writing: the only place where results touch the disk."""

from ..core.files._files import write_json as write_json, write_text as write_text
from ._manifest import (
    Manifest as Manifest,
    Run as Run,
    data_digest as data_digest,
    write_manifest as write_manifest,
)
from ._parquet import read_parquet as read_parquet, write_parquet as write_parquet
from ._policyengine import (
    read_policyengine_h5 as read_policyengine_h5,
    read_policyengine_h5_with_report as read_policyengine_h5_with_report,
)
from ._save import load as load, save as save
