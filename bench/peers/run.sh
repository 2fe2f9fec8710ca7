#!/usr/bin/env bash
# Compares Encore with PyTorch, transformers, tokenizers, scikit-learn and ONNX Runtime: measures the rows, prints the table (README.md).
#   run.sh [--rows NAME,NAME...] [--json FILE] [--list]
set -eu
cd "$(dirname "$0")/../.."
venv=${ENCORE_PEERS_VENV:-build/peers-venv}
modules="torch transformers tokenizers datasets onnxruntime onnx sklearn"
if ! "$venv/bin/python" -c "import ${modules// /, }" 2>/dev/null; then
  echo "installing the peers into $venv" >&2
  python3 -m venv "$venv"
  # The CPU-only build if the package index has it; else the common build, which runs on CPUs too.
  # shellcheck disable=SC2086
  "$venv/bin/pip" install --quiet ${modules/sklearn/scikit-learn}
fi
exec "$venv/bin/python" bench/peers/table.py "$@"
