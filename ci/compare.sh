#!/bin/sh
# compare.sh BASE compares the engine of this tree with that of an older
# revision. `make compare BASE=REV` calls it.
#
# The harness of this tree verifies both engines in turns, old, new, old, new,
# with one engine process per scenario each time, so that whatever else the
# machine does affects both. Both get the same faults at the same times. Then
# `chronus compare` judges. The exit code is the same: 0 pass, 1 worse, 2 the
# comparison could not be done.
#
# RUNS   engine processes per side and scenario (10)
# COUNT  faults per engine process (10)
# MATCH  regular expression that selects scenarios (three short ones)
# OUT    directory of the results (results/latest/compare)
set -eu
cd "$(dirname "$0")/.."

base=${1:?usage: ci/compare.sh BASE (make compare BASE=REV)}
runs=${RUNS:-10} count=${COUNT:-10} out=${OUT:-results/latest/compare}
match=${MATCH:-'^(none|kill-primary|term-primary)$'}
limit=120 # seconds per verification

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

# verify SIDE ENGINE ROUND runs one engine process per scenario and appends the
# results to those of its side.
verify() {
	code=0
	timeout "$limit" bin/chronus verify --engine "$2" --run "$match" --processes 1 --count "$count" --seed "$3" --out "$tmp/$1" \
		>"$tmp/$1.txt" 2>&1 || code=$?
	case $code in
	0) ;;
	1 | 3)
		echo "compare: round $3, $1: verify exited with $code"
		cp "$tmp/$1.txt" "$out/$1/round-$3.txt"
		[ ! -d "$tmp/$1/failures" ] || cp -R "$tmp/$1/failures" "$out/$1/failures-$3"
		;;
	*)
		cat "$tmp/$1.txt" >&2
		echo "compare: round $3, $1: verify exited with $code" >&2
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
