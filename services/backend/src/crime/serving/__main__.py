"""`python -m crime.serving`: run the backend with settings from the environment."""

import gc

gc.disable()  # until all is loaded: a tenth of the time to the first answer

from crime.core.settings import Settings  # noqa: E402
from crime.serving.server import serve  # noqa: E402

serve(Settings())
