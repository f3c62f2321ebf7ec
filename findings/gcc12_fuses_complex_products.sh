#!/usr/bin/env bash
# gcc 12 with -ffp-contract=off: does it fuse a multiplication with an addition all the same?
#
# Guess, written down before: no. The manual says that `off` disables contraction, and for the sums and products of plain
# loops that is so.
# Seen: a loop of complex products, x·re − y·im beside x·im + y·re, is recognised by the vectoriser as one pattern and
# becomes vfmaddsub, a fused instruction, whose results differ in the last bit from those of a processor or a compiler
# that rounds each product. Without the vectoriser nothing is fused. Whoever promises the same bits on every machine must
# keep the two halves of a complex product in loops of their own, or look at the assembly.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
version=12.2.0-14+deb12u1
apt-get download -qq "cpp-12=$version" "gcc-12=$version" 2>/dev/null # of Debian 12; cc1 wants libisl, libmpc and libmpfr
for package in *.deb; do dpkg-deb -x "$package" .; done

cat >turn.c <<'END'
void turn(float *restrict z, const float *restrict w, int count) {
    for (int i = 0; i < count; ++i) {
        const float re = z[2 * i], im = z[2 * i + 1];
        z[2 * i] = w[2 * i] * re - w[2 * i + 1] * im;
        z[2 * i + 1] = w[2 * i] * im + w[2 * i + 1] * re;
    }
}
END
cc1=$(find . -name cc1 | head -n 1)
"$cc1" -quiet -version -O0 turn.c -o /dev/null 2>&1 | sed -n 1p
declare -A fused
for level in -O2 -O3; do
	"$cc1" -quiet $level -fno-tree-vectorize -mavx2 -mfma -ffp-contract=off turn.c -o plain.s
	"$cc1" -quiet $level -ftree-vectorize -mavx2 -mfma -ffp-contract=off turn.c -o vector.s
	fused[$level]="$(grep -c vfm plain.s || true) $(grep -c vfm vector.s || true)"
	echo "$level -ffp-contract=off: fused instructions without the vectoriser and with it: ${fused[$level]}" \
		"$(grep -o 'vfm[a-z0-9]*' vector.s | sort -u | tr '\n' ' ')"
done
[ "${fused[-O2]}" = "0 2" ] && [ "${fused[-O3]}" = "0 2" ] || {
	echo "that has changed"
	exit 1
}
