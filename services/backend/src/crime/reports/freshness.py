"""How far reports are behind today."""

USUAL_LAG_DAYS = 12
LONGEST_USUAL_LAG_DAYS = 26
