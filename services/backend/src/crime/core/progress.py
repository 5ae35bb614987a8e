"""How good forecasts were: made anew at past origins from what was known then, held against what was reported.

Intervals come from a negative binomial whose variance is mean (1 + a) + b mean², fitted with its levels to forecasts
of earlier origins alone, for each method its own.
"""

from collections.abc import Callable

Progress = Callable[[str, float], None]
