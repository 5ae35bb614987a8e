"""Review of recorded crime codes: which records look as if another code were right. docs/method.md#record-review"""
