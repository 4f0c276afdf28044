#!/bin/sh
# comments.sh [FILE]...: reports the comment lines of Go files that are wider
# than 80 columns, and fails if there are any. A leading tab counts as 4.
# Without arguments it checks every Go file of the tree but those in testdata.
#
# Exempt are directives, such as //go:build, generated files, and a URL that has
# a line of its own. Bytes that continue a UTF-8 character are not counted.
set -eu
cd "$(dirname "$0")/.."

if [ "$#" -eq 0 ]; then
	# shellcheck disable=SC2046 # no name in this tree has a space
	set -- $(find . -type d \( -name testdata -o -name '.?*' \) -prune -o -type f -name '*.go' -print | sort)
fi

LC_ALL=C awk '
FNR == 1 { generated = 0 }
/^\/\/ Code generated .* DO NOT EDIT\.$/ { generated = 1 }
generated || !/^[ \t]*\/\// { next }
/^[ \t]*\/\/[a-z]+:[a-z]/ { next }
/^[ \t]*\/\/ *[^ ]*[a-z]:\/\/[^ ]*$/ { next }
{
	match($0, /^\t*/)
	width = length($0) + 3 * RLENGTH
	text = $0
	width -= gsub(/[\200-\277]/, "", text)
	if (width > 80) {
		printf "%s:%d: %d columns\n", FILENAME, FNR, width
		wide++
	}
}
END {
	if (wide > 0) {
		printf "comments.sh: comment lines wider than 80 columns: %d\n", wide
		exit 1
	}
}' "$@"
