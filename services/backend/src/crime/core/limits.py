"""Every limit on what clients, files and models may take, in one place. docs/capacity.md tells what a pod then needs.

Limits are enforced while something is read, before it is in memory. Those that an installation may want to change are
settings (`crime.core.settings`), whose defaults are here. Sizes are in bytes, times in seconds.
"""

KIB, MIB = 1 << 10, 1 << 20

# A request's head
URL_BYTES = 8 * KIB
HEADER_BYTES = 16 * KIB  # all header lines together
HEADER_LINES = 100
HEAD_SECONDS = 10.0  # for the whole head, from its first byte
IDLE_SECONDS = 75  # between requests: longer than clients keep connections (httpx: 5 s), so that they close first
LINGER_SECONDS = 2.0  # in which a client that was refused may read why, while what it still sends is thrown away

# Bodies and answers. A client that is slower than this for so long loses its connection.
BYTES_PER_SECOND = 32 * KIB
SLOW_SECONDS = 20.0
BODY_BYTES = 32 * KIB  # that holds no table: a report takes 2 KiB
UPLOAD_BYTES = 200 * MIB  # of a table, as it is sent, and out of its Content-Encoding
GZIP_MEMBERS = 20_000  # of a body in this Content-Encoding, or of a table in it; bgzip makes one of each 64 KB
UNPACKED_BYTES = 1024 * MIB  # of a table out of gzip or zip
ZIP_DIRECTORY_BYTES = MIB  # a zip's list of files, about 60 bytes each
# A list with fewer marks (commas and line ends) has fewer reports. It is answered in the event loop, in 2 ms at most.
SMALL_LIST_BYTES, SMALL_LIST_MARKS = 4 * KIB, 127
LIST_REPORTS = 50_000  # reports in one list, which is in memory as a whole
LIST_BYTES_PER_REPORT, LIST_VALUES_PER_REPORT = 1024, 48  # on average
LIST_MEMORY_PER_REPORT = 4608  # once parsed, on average, as `serving.bodies` estimates it

# How many at once
CONNECTIONS = 1_000  # of a process; of more, the client that has kept its connection waiting longest loses it
PIPELINED = 16  # requests that wait for the answer to the one before on the same connection
REQUESTS = 250  # being answered, tables aside: 75 ms of predictions of one report each
TABLES = 2  # being answered, read by blocks; one that is in memory as a whole, as a long list is, takes all places
WAITING_TABLES = 16  # whole, on disk; more are refused
RATED_CLIENTS = 10_000  # whose rate is known; of more, the one seen longest ago is forgotten
SPOOL_BYTES = 1280 * MIB  # on disk: bodies of tables and answers to them
SPOOL_MEMORY_BYTES = 32 * KIB  # of each of them, before it goes to disk

# Tables
COLUMNS = 1_000
TABLE_LINES = 5_000_000  # of a CSV table, empty ones too: they take time
ROW_CHARACTERS = 256 * KIB
NUMBER_CHARACTERS = 100  # of a report's number, which is kept until it is recorded; the rest is cut off
PLACE_CHARACTERS = 2_000  # of a cell in which coordinates are looked for, in time that grows with their square
DATES = 200_000  # different ones of a table's column, from which the order of day and month is learnt
MO_CODES = 40  # of a report; LAPD's have 10 at most
NAMED_MO_CODES = 5  # of those that nobody knows, in an answer about a report; the others are counted
BLOCK_ROWS = 5_000  # scored at a time
BLOCK_CELLS = 500_000
BLOCK_CHARACTERS = 4 * MIB
ARROW_BLOCK_ROWS = 10_000  # of a batch, scored at a time
ARROW_BATCH_ROWS = 100_000
ARROW_BATCH_BYTES = 32 * MIB  # decompressed
ARROW_METADATA_BYTES = MIB  # of one message: the schema, or where a batch's buffers are
ARROW_VALUES = 1_000_000  # of one column of a batch: those of lists together, or a dictionary's
ARROW_DEPTH = 16  # of nested columns
COMMAND_BYTES = 1280 * MIB  # of memory, for reading one block of a table by a command
WORKBOOK_BYTES = 1900 * MIB  # of memory, for a workbook, which is in it as a whole
COMMAND_BLOCK_BYTES = 256 * MIB  # of a block's text, which is then parsed
PARQUET_FOOTER_BYTES = 64 * MIB  # it takes some ten times as much once read
JSON_LINE_BYTES = MIB
REVIEWED_RECORDS = 1_000_000

# Files of bundles and backups
BUNDLE_FILE_BYTES = 64 * MIB  # of one file, as it is stored and unpacked: 1,000,000 reports take 12 MB
BUNDLE_BYTES = 256 * MIB  # of all files of a bundle
BUNDLE_FILES = 20
SPEC_BYTES, SPEC_DEPTH = 4 * MIB, 20  # of `spec.json`, and how deep its lists and objects are nested
FEATURES = 1_000  # of a category model
COUNTED_REPORTS = 5_000_000  # that a bundle counts: 65 MB
BACKUP_BYTES = 8192 * MIB  # unpacked
BACKUP_FILES = 1_000_000
BACKUP_INDEX_BYTES = 64 * MIB
VERSION_NUMBER = 999_999_999  # databases keep it in 32 bits
RESTORED_VERSION_NUMBER = 10_000  # numbers that are free in a backup are registered and deleted again, each in turn

# Files of the record, beside the models
STORED_FILE_BYTES = 16 * MIB  # any of them, packed or unpacked: 10,000 recorded predictions take 3 MiB
ENTRY_BYTES = 64 * KIB  # one decision
RECORDED_ROWS = 20_000  # of one file of the prediction log, which has 10,000 at most
RECORDED_BYTES = 32 * MIB  # of the prediction log that are read back, unpacked
MEASURE_SECONDS = 900.0  # between two measurements of drift and accuracy that nobody asked for
TOKEN_BYTES = 4 * KIB

# Sign-in
JWT_BYTES = 8 * KIB  # of a token that tells who somebody is
SIGNED_IN = 10_000  # tokens whose check is remembered; of more, the one seen longest ago is checked again
PROVIDER_SECONDS = 5.0  # for an answer of the provider as a whole
PROVIDER_ANSWER_BYTES = 256 * KIB
PROVIDER_KEYS = 100

# Trees of a category model, in the file of one detail level. `crime tune` tries up to 63 leaves, training 400 rounds.
TREE_ROUNDS = 1_000
TREE_LEAVES, TREE_BYTES = 256, 128 * KIB  # of a tree
TREE_DEPTH = 64
FOREST_BYTES = 4 * MIB  # of the tables that predict many reports at once; larger models are left to LightGBM
TREE_STEPS = 100_000_000  # leaves times the square of the depth, over all trees: explaining a report takes 0.1 s then

# The registry's answers
REGISTRY_SECONDS = 10.0  # for an answer as a whole
REGISTRY_FILE_SECONDS = 60.0  # for a file, or all files of a bundle
REGISTRY_ANSWER_BYTES = 16 * MIB  # that is no file
REGISTRY_REQUESTS, REGISTRY_WAITING = 8, 64  # of clients, that ask it at once, or wait to; more are refused
REGISTRY_ALIASES = 100  # of a model, of which it is asked whether their versions were deleted

# JSON that is parsed as a whole: of bundles, the registry and the record
PARSED_BYTES = 48 * MIB  # of memory, as `core.json_memory` estimates it: 16 MiB of `[],` would take 430 MiB

# A webhook
WEBHOOK_SECONDS = 10.0  # for its whole answer
WEBHOOK_ANSWER_BYTES = MIB

# Memory of a backend process at most. `scripts/test hostile` measures each; docs/capacity.md has their sum.
IDLE_MEMORY = 185 * MIB  # after many requests, while a model replaces another
LIST_MEMORY = 230 * MIB  # of a table that is in memory as a whole
TABLE_MEMORY = 110 * MIB  # of a table that is read by blocks
RECORD_MEMORY = 25 * MIB  # of what reads recorded predictions, or counts or evaluates reports
CONNECTION_MEMORY = 64 * KIB
