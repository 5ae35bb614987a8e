from crime.core.settings import Settings
from crime.serving.server import serve

serve(Settings())
