"""Reports as LAPD publishes them: columns, codes, parsers, readers of tables, and counts by place and day."""
