"""Review of recorded crime codes: doubts, their kinds and reasons, and how many are wrong.

docs/method.md#record-review
"""
