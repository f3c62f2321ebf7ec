#!/usr/bin/env bash
# Trains a recipe on any machine that has Python with PyTorch and numpy, and goes on where the last call ended.
# Nothing is installed and nothing outside the run's folder and the user's cache is written. docs/training.md tells more.
set -euo pipefail

usage() {
	cat <<-END
		usage: scripts/train-anywhere.sh [OPTION]… RECIPE.toml RUN AUDIO [ARCHIVE]…

		  RECIPE.toml  what to train, such as recipes/undin-tiny.toml
		  RUN          folder that gets last.pt, best.pt, log.jsonl and console.log
		  AUDIO        folder with train/speech, train/noise, and valid/clean and valid/noisy if there are any
		  ARCHIVE      if there is no AUDIO yet: what it is unpacked from, tar archives or the parts of one in order

		  --minutes N          end cleanly after this time
		  --wheels FOLDER      Python packages that the machine lacks: wheels of soundfile, cffi, pycparser and tqdm
		  --set KEY=VALUE      change a key of the recipe, as undin train does; may be given again
		  --processes N        on a machine without a GPU (default: one a core)

		It starts from RUN/last.pt or checkpoints/RECIPE.pt, whichever has more steps; without either from the recipe's
		training.init, or from fresh weights. SIGINT and SIGTERM end it with a checkpoint. \$PYTHON (default: python3) runs
		it; put \`nice\` before it for the lowest priority.
	END
}

fail() {
	echo "train-anywhere.sh: error: $1" >&2
	exit 1
}

minutes=inf wheels='' processes='' changes=()
while [[ ${1-} == -* ]]; do
	case $1 in
	-h | --help) usage && exit ;;
	--minutes) minutes=${2-} ;;
	--wheels) wheels=${2-} ;;
	--set) changes+=("${2-}") ;;
	--processes) processes=${2-} ;;
	*) fail "there is no option $1; --help lists them" ;;
	esac
	[ $# -ge 2 ] || fail "$1 needs a value"
	shift 2
done
[ $# -ge 3 ] || { usage >&2 && exit 2; }
recipe=$(realpath "$1") run=$(realpath -m "$2") audio=$(realpath -m "$3")
shift 3
python=${PYTHON:-python3}

mkdir -p "$run"
exec 9>"$run/.lock"
flock --nonblock 9 || fail "another call trains in $run"
archives=()
for archive; do archives+=("$(realpath "$archive")"); done
[ -z "$wheels" ] || wheels=$(realpath "$wheels")
[[ $python != */* ]] || python=$(realpath --no-symlinks "$python")
cd "$(dirname "$0")/.."
exec > >(trap '' INT TERM && exec tee --append "$run/console.log" 9>&-) 2>&1
echo "$(date '+%F %T') $recipe on $(uname -n)"

# Whatever lies in the folder of wheels and fits this machine: no package index, and nothing that is there is replaced.
export PYTHONPATH=$PWD/src:$run/packages${PYTHONPATH:+:$PYTHONPATH}
if [ -n "$wheels" ]; then
	rm -rf "$run/packages"
	mapfile -t names < <(cd "$wheels" && printf '%s\n' *.whl | sed 's/-.*//' | sort --unique)
	"$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --find-links "$wheels" \
		--target "$run/packages" "${names[@]}"
fi
lacking=$("$python" -c '
import importlib.util, sys
assert sys.version_info >= (3, 11), "undin needs Python 3.11 or newer"
print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name) is None))' torch numpy soundfile tqdm)
[ -z "$lacking" ] || fail "$python lacks $lacking: bring wheels in a folder and name it with --wheels"

if [ ! -d "$audio" ]; then
	[ ${#archives[@]} -gt 0 ] || fail "there is no folder $audio, and no archive to unpack it from"
	rm -rf "$audio.partial" && mkdir -p "$audio.partial"
	# parts and whole archives alike: between two archives in one stream there are zeros
	cat "${archives[@]}" | tar --extract --ignore-zeros --directory "$audio.partial"
	mv "$audio.partial" "$audio"
fi
for folder in speech noise; do
	[ -d "$audio/train/$folder" ] || fail "there is no folder $audio/train/$folder"
done
valid=$audio/valid
if [ ! -d "$valid" ]; then
	valid=$run/valid
	[ -d "$valid" ] || "$python" -m undin data mix --speech "$audio/train/speech" --noise "$audio/train/noise" \
		--recipe "$recipe" --count 50 --seed 1000 --set mixing.clean_probability=0 --set mixing.noise_alone_probability=0 -o "$valid"
fi
# Relative, as in recipes/: a recipe goes where its model goes, and others need not know the folders of this machine.
from_here() { realpath --no-symlinks -m --relative-to=. "$1"; }
changes=("data.speech=['$(from_here "$audio/train/speech")']" "data.noise=['$(from_here "$audio/train/noise")']"
	"validation.folder='$(from_here "$valid")'" "${changes[@]}")

# One process on a GPU; without one, as many as there are cores and as share a batch evenly.
{ read -r processes && read -r start && read -r fresh; } < <("$python" - "$run" "$recipe" "${processes:-0}" "${changes[@]}" <<-'END'
	import os, sys, torch
	from pathlib import Path
	from undin.train.checkpoint import Checkpoint
	from undin.train.recipe import load_recipe

	run, recipe, processes, *changes = sys.argv[1:]
	recipe = load_recipe(recipe, overrides=changes)
	cores = int(processes) or len(os.sched_getaffinity(0))
	shares = [count for count in range(1, cores + 1) if recipe.training.batch_size % count == 0]
	print(1 if torch.cuda.is_available() else shares[-1])
	there = [path for path in (f"{run}/last.pt", f"checkpoints/{recipe.name}.pt") if Path(path).exists()]
	print(max(there, key=lambda path: Checkpoint.load(path).step, default=""))
	print(recipe.training.init or "fresh weights")
	END
) || fail "the recipe or a checkpoint cannot be used; see above"
echo "processes: $processes, start: ${start:-$fresh}"

train=(-m undin train "$recipe" -o "$run" --minutes "$minutes" ${start:+--resume "$start"} --set "${changes[@]}")
[ "$processes" -eq 1 ] && exec "$python" "${train[@]}"
export OMP_NUM_THREADS=1 TORCH_ELASTIC_SHUTDOWN_TIMEOUT=600 # a validation may have to end before the checkpoint
exec "$python" -c '
from torch.distributed import run
from torch.distributed.elastic.multiprocessing import SignalException
try:
    run.main()
except SignalException:  # passed on to all processes, which have ended by now
    pass' --standalone --local-addr 127.0.0.1 --nproc-per-node "$processes" "${train[@]}" --threads 1
