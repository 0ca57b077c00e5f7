#!/usr/bin/env bash
# Training on a GPU machine that is lent for minutes and fetches nothing: the text is packed here and carried there in parts.
#
#   model/gpu.sh pack PARTS             here: .cache/corpus into .cache/gpu/part-01.tar.xz and so on
#   model/gpu.sh unpack                 there, once a part: what lies in .cache/gpu into $CORPUS, and away from there
#   model/gpu.sh compile HEADS ARGS     there: a step at each number of state heads, so that training finds their graphs
#   model/gpu.sh train MINUTES ARGS     there: trains, scores means of the last checkpoints, leaves both in $OUT
#
# ARGS are those of model/train.py and the same for both. JOBS is how many parts pack at once, or how many models compile.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

CORPUS=${CORPUS:-/tmp/corpus}
RUN=${RUN:-/tmp/run}
export TORCHINDUCTOR_CACHE_DIR=${TORCHINDUCTOR_CACHE_DIR:-/tmp/inductor}
SETTING=(--device cuda --readers 8 --rows 32 --length 2048 --corpus "$CORPUS")

pack() {
  local parts=$1
  rm -rf .cache/gpu
  mkdir -p .cache/gpu
  find .cache/corpus -name '*.jsonl' -printf '%P\n' | sort | split -n "r/$parts" --numeric-suffixes=1 - .cache/gpu/part-
  printf '%s\n' .cache/gpu/part-* | xargs -P "${JOBS:-2}" -I PART bash -o pipefail -c \
    'tar c -C .cache/corpus -T PART | xz --lzma2=preset=9e,dict=128MiB >PART.tar.xz && rm PART'
  ls -l .cache/gpu
}

unpack() {
  mkdir -p "$CORPUS"
  local part
  for part in .cache/gpu/*.tar.xz; do
    tar xJf "$part" -C "$CORPUS"
    rm "$part"
  done
  find "$CORPUS" -name '*.jsonl' | wc -l
}

compile() {
  local heads=$1
  shift
  seq 0 2 "$heads" | xargs -P "${JOBS:-3}" -I N \
    python3 model/train.py "${SETTING[@]}" "$@" --readers 0 --state-heads N --minutes 0.001 --out "$RUN-ahead-N"
}

train() {
  local minutes=$1 last checkpoints newest
  shift
  python3 model/train.py "${SETTING[@]}" "$@" --minutes "$minutes" --out "$RUN"
  # By their steps: decay-900.pt is older than decay-1000.pt, and the last of all has no number.
  mapfile -t checkpoints < <(find "$RUN" -name 'decay-*.pt' | sort -V && echo "$RUN/checkpoint.pt")
  for last in 1 3 5; do
    mapfile -t newest < <(printf '%s\n' "${checkpoints[@]}" | tail -n "$last")
    python3 model/export.py --checkpoint "${newest[@]}" --out "$OUT/mean-$last"
  done
  python3 model/evaluate/held_out.py --corpus "$CORPUS" model/weights "$OUT"/mean-? | tee "$OUT/held-out.txt"
  cp "$RUN/log.jsonl" "$OUT"
}

case ${1-} in
pack | unpack | compile | train) "$@" ;;
*) sed -n '2,/^$/p' "$0" >&2 && exit 2 ;;
esac
