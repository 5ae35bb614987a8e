# Sourced by the scripts: puts uv on the path, installed into .venv-uv if this machine has none.
if ! command -v uv >/dev/null; then
    if [ ! -x .venv-uv/bin/uv ]; then
        python=$(command -v python3 || command -v python) || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
        "$python" -m venv .venv-uv && .venv-uv/bin/python -m pip install -q uv
    fi
    PATH="$PWD/.venv-uv/bin:$PATH"
fi
export UV_LINK_MODE=${UV_LINK_MODE:-copy}
