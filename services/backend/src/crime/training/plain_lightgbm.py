"""LightGBM without scikit-learn and pandas: it imports them where it finds them, a second and 140 MB of each command.

Models are trained on arrays and sparse matrices, so neither is needed.
"""

import sys
from typing import Any

_loaded: dict[str, Any] = sys.modules
_hidden = [name for name in ("sklearn", "pandas") if name not in _loaded]
_loaded.update(dict.fromkeys(_hidden))  # with None, an import fails as if the package were not installed
try:
    import lightgbm
finally:
    for _name in _hidden:
        del _loaded[_name]

__all__ = ["lightgbm"]
