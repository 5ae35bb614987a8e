"""Every limit on what visitors, files and models may take of a page's pod, in one place.

docs/capacity.md tells what a pod then needs; tests/unit/frontend/test_limits.py computes it. Sizes are in bytes, times
in seconds.
"""

KIB, MIB = 1 << 10, 1 << 20

# A request's head, and connections
HEAD_BYTES = 32 * KIB  # request line and headers together
HEAD_SECONDS = 10.0  # for the whole head, from the connection or the answer before on
CONNECTIONS = 500  # of a pod; of more, the one that has kept its request waiting longest is closed
ANSWER_SECONDS = 20.0  # after which an answer that is not taken at this rate is ended
ANSWER_BYTES_PER_SECOND = 4 * KIB
CERTIFICATE_SECONDS = 5.0  # between looks at the page's certificate

# Sessions, one for each open tab
SESSIONS = 100  # with a tab; of more, the one that was used last longest ago is closed
MESSAGE_BYTES = 256 * KIB  # from a browser: what was entered and chosen
MESSAGE_PARTS = 64

# Uploads, which Streamlit holds in memory as long as they are on the page
UPLOAD_BYTES = 200 * MIB  # server.maxUploadSize of .streamlit/config.toml
UPLOADS_BYTES = 210 * MIB  # of all sessions together; the oldest give way
UPLOAD_FRAME_BYTES = 64 * KIB  # around the file: boundaries and its name
UPLOAD_READ_SECONDS = 30.0  # after which an upload may give way to a newer one
SESSION_UPLOADS = 4  # at once
ARRIVING_UPLOADS = 8  # at once
UPLOAD_SECONDS = 20.0  # for an upload, and longer if it comes at this rate on average
UPLOAD_BYTES_PER_SECOND = 32 * KIB

# Workbooks, Parquet, Arrow and JSON, which a process of its own turns into CSV
CONVERSIONS = 1  # at once
CONVERSION_BYTES = 304 * MIB  # of that process
CONVERSION_SECONDS = 60  # of computing
CONVERSION_WAIT_SECONDS = 120.0  # for its turn, and then until it is done
CONVERTED_ROWS = 5_000  # at a time
COLUMNS = 1_000  # that a table may have, as at the backend
CONVERTED_BYTES = 400 * MIB  # of CSV, on disk

# What is kept of scored and reviewed tables
KEPT_TABLES = 10  # of all sessions together
TOP_ROWS = 500  # of a scored table, in each order
TOP_ROWS_BYTES = 512 * KIB
DISTINCT_REASONS = 200  # told apart, of why rows were rejected, repaired and warned of
REASON_CHARACTERS = 300
ROW_BYTES = 4 * MIB  # of an answered table
RESULTS_BYTES = 256 * MIB  # of all of them, on disk
RESULT_BYTES = 64 * MIB  # of an answered table, compressed, on disk
DOWNLOAD_BYTES = 16 * MIB  # of a result that is downloaded as CSV; larger ones are compressed
DOWNLOADS_BYTES = 64 * MIB  # of all sessions together
ANSWER_BYTES = 16 * MIB  # of the backend, tables aside

# Texts from outside
TEXT_CHARACTERS = 1_000
FILE_NAME_CHARACTERS = 100
LINK_CHARACTERS = 2_000  # of a followed link, which a cookie holds until somebody is signed in
CACHED_ANSWERS = 50  # of each kind

# What a pod takes besides, as measured: docs/capacity.md
BASELINE_BYTES = 220 * MIB  # Python, the libraries of charts and tables, and one page drawn
SESSION_BYTES = 1536 * KIB  # of a tab that asks for the largest page and reads nothing
CACHE_BYTES = 25 * MIB  # of CACHED_ANSWERS
