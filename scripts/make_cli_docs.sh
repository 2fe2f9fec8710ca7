#!/usr/bin/env bash
# Makes docs/cli.md: the --help all of every program on one page.
#
#   scripts/make_cli_docs.sh [BIN_DIR]            writes docs/cli.md from the programs of BIN_DIR (build/bin)
#   scripts/make_cli_docs.sh --check [BIN_DIR]    writes nothing; prints the difference and exits with 1 if it is stale
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
page=$root/docs/cli.md
check=no
if [ "${1-}" = --check ]; then check=yes; shift; fi
bin=${1:-$root/build/bin}
[ $# -le 1 ] && [ -d "$bin" ] || { echo "usage: make_cli_docs.sh [--check] [BIN_DIR] (a folder with the programs)" >&2; exit 2; }

# In the order in which users meet them; a program that is not listed here goes to the end.
first="dapt_train tapt_train finetune report mlm_eval predict fill_mask embed tokenize train_tokenizer init_model trace domain_overlap select_data"
programs=$first
for source in "$root"/apps/*.cpp; do
  name=$(basename "$source" .cpp)
  case " $first " in *" $name "*) ;; *) programs="$programs $name" ;; esac
done

work=$(mktemp -d "${TMPDIR:-/tmp}/encore_cli.XXXXXX")
trap 'rm -rf "$work"' EXIT
for name in $programs; do
  "$bin/$name" --help all >"$work/$name" || { echo "make_cli_docs.sh: $bin/$name --help all failed: build it first" >&2; exit 1; }
done

{
  cat <<'HEAD'
# Programs and their flags

What `--help all` of each program prints. Made by `scripts/make_cli_docs.sh`, and a test compares: do not edit it here.
[training.md](training.md) says what the flags mean together, and what the exit codes are.

HEAD
  for name in $programs; do
    # The description: "name: ..." up to the first empty line, its first sentence.
    description=$(sed '/^$/q' "$work/$name" | tr '\n' ' ' | sed -E "s/^$name: //; s/ +/ /g; s/\. .*/./; s/ $//; s/</\\&lt;/g")
    printf -- '- [%s](#%s) %s\n' "$name" "$name" "$description"
  done
  for name in $programs; do
    printf '\n## %s\n\n```\n' "$name"
    cat "$work/$name"
    printf '```\n'
  done
} >"$work/page"

if [ "$check" = no ]; then
  cp "$work/page" "$page"
  echo "$page"
elif ! diff -u "$page" "$work/page"; then
  echo "docs/cli.md is not what the programs print: run scripts/make_cli_docs.sh" >&2
  exit 1
fi
