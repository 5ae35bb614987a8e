"""`python -m crime.serving`: run the backend with settings from the environment."""

from crime.core.settings import Settings
from crime.serving.server import serve

serve(Settings())
