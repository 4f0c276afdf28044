#!/bin/sh
# Compares the engine of this tree with that of an older revision: ci/compare.sh BASE, called by `make compare BASE=REV`.
#
# The harness of this tree verifies both engines in turn, old new old new, one engine process of each scenario at a time, so that
# what the machine does in the meantime hits both; both have the same faults at the same times. Then `chronus compare` judges.
# Exits as it does: 0 pass, 1 worse, 2 it could not be done.
#
# RUNS   engine processes a side and scenario (10)         COUNT  faults in each (10)
# MATCH  regular expression of the scenarios (three short ones)
# OUT    where the results go (results/latest/compare)
set -eu
cd "$(dirname "$0")/.."

base=${1:?usage: ci/compare.sh BASE (make compare BASE=REV)}
runs=${RUNS:-10} count=${COUNT:-10} out=${OUT:-results/latest/compare}
match=${MATCH:-'^(none|kill-primary|term-primary)$'}
limit=120 # seconds that one verification may take

commit=$(git rev-parse --verify --quiet "$base^{commit}") || {
	echo "compare: $base: no such revision" >&2
	exit 2
}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/chronus-compare.XXXXXX")
clean() {
	git worktree remove --force "$tmp/base" 2>/dev/null || true
	rm -rf "$tmp"
	git worktree prune
}
trap clean EXIT
trap 'exit 2' INT TERM

git worktree add --quiet --detach "$tmp/base" "$commit"
echo "compare: building $base ($(git log -1 --format='%h %s' "$commit"))"
${MAKE:-make} --no-print-directory -s -C "$tmp/base" build >&2 || {
	echo "compare: $base does not build" >&2
	exit 2
}
rm -rf "$out"
mkdir -p "$out/old" "$out/new"

# verify SIDE ENGINE ROUND: one engine process of each scenario, whose lines are added to those of its side.
verify() {
	code=0
	timeout "$limit" bin/chronus verify --engine "$2" --run "$match" --processes 1 --count "$count" --seed "$3" --out "$tmp/$1" \
		>"$tmp/$1.txt" 2>&1 || code=$?
	case $code in
	0) ;;
	1 | 3)
		echo "compare: round $3, $1: verify exits $code"
		cp "$tmp/$1.txt" "$out/$1/round-$3.txt"
		[ ! -d "$tmp/$1/failures" ] || cp -R "$tmp/$1/failures" "$out/$1/failures-$3"
		;;
	*)
		cat "$tmp/$1.txt" >&2
		echo "compare: round $3, $1: verify exits $code" >&2
		exit 2
		;;
	esac
	cat "$tmp/$1/runs.txt" >>"$out/$1/runs.txt"
}

round=1
while [ "$round" -le "$runs" ]; do
	verify old "$tmp/base/bin" "$round"
	verify new bin "$round"
	echo "compare: round $round of $runs"
	round=$((round + 1))
done
bin/chronus compare --min-runs "$runs" "$out/old" "$out/new"
