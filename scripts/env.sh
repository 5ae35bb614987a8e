# Sourced by the scripts: .tools on the path, and uv, installed into .tools/uv if this machine has none.
PATH="$PWD/.tools/bin:$PATH"
if ! command -v uv >/dev/null; then
    if [ ! -x .tools/uv/bin/uv ]; then
        python=$(command -v python3 || command -v python) || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
        "$python" -m venv .tools/uv && .tools/uv/bin/python -m pip install -q uv
    fi
    PATH="$PATH:$PWD/.tools/uv/bin"
fi
