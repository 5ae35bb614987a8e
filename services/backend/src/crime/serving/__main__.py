from crime.serving import run
from crime.settings import Settings

run(Settings())
