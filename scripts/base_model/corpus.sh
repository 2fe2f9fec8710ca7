#!/bin/sh
# Builds the text that encore-mini is pretrained on.
#
#   scripts/base_model/corpus.sh OUT [GENERAL.jsonl.zst]
#
# Takes free English prose from Debian packages (fetched, not installed; about 550 MB unpacked, kept in
# OUT/debs) and the free parts of the shared general corpus if it is given. Writes
# OUT/general_train.jsonl, OUT/general_heldout.jsonl ({"text", "src"} a line) and OUT/table.md.
# The same packages give the same bytes. Needs python3, zstd and apt; takes about two minutes.
set -eu

die() {
  printf 'corpus.sh: %s\n' "$*" >&2
  exit 2
}

[ $# -ge 1 ] && [ $# -le 2 ] || die "usage: corpus.sh OUT [GENERAL.jsonl.zst]"
here=$(cd "$(dirname "$0")" && pwd)
fetch=$here/../fetch_deb.sh
mkdir -p "$1" || die "cannot make the folder $1"
out=$(cd "$1" && pwd)
general=${2:-$here/../../../shared/data/corpora/general.jsonl.zst}
debs=$out/debs
parts=$out/parts
export PYTHONDONTWRITEBYTECODE=1

campaigns="httt low utbs nr trow sof did dm thot dw tsg"
for package in dict-gcide dict-devil wordnet-base anarchism golang-1.19-src endless-sky-data \
  crawl-common sword-comm-mhcc sword-comm-scofield sword-comm-tdavid sword-text-web; do
  echo "fetching $package" >&2
  "$fetch" "$package" "$debs/$package"
done
for campaign in $campaigns; do
  echo "fetching wesnoth-1.16-$campaign" >&2
  "$fetch" "wesnoth-1.16-$campaign" "$debs/wesnoth-1.16-$campaign"
done

rm -rf "$parts"
mkdir -p "$parts"
extract() {
  script=$1
  shift
  python3 "$here/extract_$script.py" "$@"
}
extract gcide "$debs/dict-gcide/usr/share/dictd/gcide.dict.dz" "$parts/gcide.jsonl"
extract wordnet "$debs/wordnet-base/usr/share/wordnet" "$parts/wordnet.jsonl"
for module in comm-mhcc comm-scofield comm-tdavid text-web; do
  for conf in "$debs/sword-$module/usr/share/sword/mods.d/"*.conf; do
    extract sword "$conf" "${module#*-}" "$parts/${module#*-}.jsonl"
  done
done
extract books anarchism "$debs/anarchism/usr/share/doc/anarchism/html" "$parts/anarchism.jsonl"
extract books devil "$debs/dict-devil/usr/share/dictd/devil.dict.dz" "$parts/devil.jsonl"
extract books gutenberg \
  "$debs/golang-1.19-src/usr/share/go-1.19/src/testdata/Isaac.Newton-Opticks.txt" "$parts/opticks.jsonl"
extract games endless-sky "$debs/endless-sky-data/usr/share/games/endless-sky/data" "$parts/endless-sky.jsonl"
extract games crawl "$debs/crawl-common/usr/share/crawl/dat/descript" "$parts/crawl.jsonl"
mkdir -p "$parts/wesnoth"
for campaign in $campaigns; do
  ln -sfn "$debs/wesnoth-1.16-$campaign" "$parts/wesnoth/$campaign"
  extract games wesnoth "$parts/wesnoth/$campaign/usr/share/games" "$parts/wesnoth-$campaign.jsonl"
done

if [ -e "$general" ]; then
  zstd -dcq "$general" >"$parts/general.tmp"
  extract shared "$parts/general.tmp" "$parts"
  rm -f "$parts/general.tmp"
else
  echo "no shared general corpus at $general: the Debian packages alone" >&2
fi

python3 "$here/assemble.py" "$parts" "$debs" "$out" "$out/table.md"
