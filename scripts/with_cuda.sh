#!/usr/bin/env bash
# Runs a command with this machine's CUDA libraries on the library path, from the Python environment (PyTorch brings them
# as packages) or from a toolkit.
#
#   scripts/with_cuda.sh COMMAND...
#   scripts/with_cuda.sh --which      one line for each library: its place, or that it is missing and what needs it
set -u

wanted="libcublasLt.so.13 libcudnn.so.9 libnccl.so.2"
needed_by() {
  case $1 in
    libcublasLt*) echo "matrix products of --device cuda" ;;
    libcudnn*) echo "PyTorch's cuDNN attention" ;;
    *) echo "several GPUs" ;;
  esac
}

# The folders to search, likeliest first.
folders() {
  command -v python3 >/dev/null && python3 - <<'END' 2>/dev/null
import glob, importlib.util
spec = importlib.util.find_spec("nvidia")
for place in (spec.submodule_search_locations or []) if spec else []:
    print(*sorted(glob.glob(place + "/*/lib")), sep="\n")
END
  for root in ${CUDA_HOME:-} /usr/local/cuda /usr/local/cuda-13*; do
    for folder in "$root"/lib64 "$root"/lib "$root"/targets/x86_64-linux/lib; do [ -d "$folder" ] && echo "$folder"; done
  done
  echo /usr/lib/x86_64-linux-gnu
}

path=
found=
places=$(folders)
for library in $wanted; do
  place=
  while read -r folder; do
    [ -n "$folder" ] && [ -e "$folder/$library" ] && { place=$folder; break; }
  done <<<"$places"
  if [ -n "$place" ]; then
    found="$found$library: $place
"
    case :$path: in *:$place:*) ;; *) path=$path${path:+:}$place ;; esac
  else
    found="${found}missing: $library ($(needed_by "$library"))
"
  fi
done

if [ "${1-}" = --which ]; then
  printf '%s' "$found"
  exit 0
fi
[ $# -gt 0 ] || { echo "with_cuda.sh: no command: usage: with_cuda.sh COMMAND... | --which" >&2; exit 2; }
export LD_LIBRARY_PATH=$path${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
exec "$@"
