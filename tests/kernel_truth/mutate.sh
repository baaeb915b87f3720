#!/bin/bash
# Shows that kernel truth notices: changes the walk in a scratch copy, one line of mutations.txt at a time, and expects
# the named rule sets to fail. Needs what kernel_truth needs, and perl. Prints one line for each change; exit status 1
# if any was not noticed, or no longer applies.
#
#   tests/kernel_truth/mutate.sh [WORD...]   only changes whose line contains one of these
#
# Those of IPVS need ../shared/vm as well.
set -u
root=$(git -C "$(dirname "$0")" rev-parse --show-toplevel) || exit 2
scratch=$root/target/mutants
rm -rf "$scratch" && mkdir -p "$scratch" || exit 2
trap 'rm -rf "$scratch"' EXIT
(cd "$root" && git ls-files -z | xargs -0 cp --parents -t "$scratch") || exit 2
# The scratch copy stands elsewhere: what lies beside the tree must lie beside it too.
[ -d "$root/../shared" ] && ln -sfn "$(realpath "$root/../shared")" "$root/target/shared"
# A folder of its own: artifacts of the changed walk must not be taken for the real one.
export CARGO_TARGET_DIR=$root/target/mutation
cd "$scratch" || exit 2

caught=0 missed=0
while IFS= read -r line; do
	case $line in '#'* | '') continue ;; esac
	chosen=$#
	for word in "$@"; do
		case $line in *"$word"*) chosen=0 ;; esac
	done
	[ "$chosen" = 0 ] || continue
	file=src/$(awk -F ' [|] ' '{print $1}' <<<"$line")
	# The text may hold bars itself: the middle is cut in two where the two halves are alike in length.
	cp "$file" "$scratch/before"
	out=$(LINE=$line perl -0e '
		my ($name, @parts) = split / \| /, $ENV{LINE};
		my $sets = pop @parts;
		open my $in, "<", "src/$name" or die; local $/; my $text = <$in>; close $in;
		for my $cut (1 .. $#parts) {
			my $from = join " | ", @parts[0 .. $cut - 1];
			my $to = join " | ", @parts[$cut .. $#parts];
			$to =~ s/<bang>/|holds| !holds/g;
			my $pattern = join "\\s*", map { quotemeta } split /\s+/, $from;
			my $copy = $text;
			if (@parts % 2 == 0 && $cut != @parts / 2) { next }
			if ($copy =~ s/$pattern/$to/) {
				open my $o, ">", "src/$name" or die; print $o $copy; close $o;
				print $sets; exit 0;
			}
		}
		exit 1;
	')
	if [ -z "$out" ]; then
		echo "STALE   $line"
		missed=$((missed + 1))
		continue
	fi
	# shellcheck disable=SC2086 # names of rule sets, one word each
	if ! cargo build -q --test kernel_truth 2>"$scratch/errors"; then
		echo "BROKEN  $line"
		grep -m1 -A4 '^error' "$scratch/errors"
		missed=$((missed + 1))
	elif result=$(cargo test -q --test kernel_truth -- $out 2>&1 | grep '^kernel_truth: .* [1-9][0-9]* failed'); then
		echo "caught  ${result#kernel_truth: } :: $line"
		caught=$((caught + 1))
	else
		echo "MISSED  $line"
		missed=$((missed + 1))
	fi
	cp "$scratch/before" "$file"
	touch "$file"
done <"$root/tests/kernel_truth/mutations.txt"
echo "$caught caught, $missed not"
[ "$missed" = 0 ]
