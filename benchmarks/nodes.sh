#!/usr/bin/env bash
# How much of ideal two machines train at: two network namespaces with a link of RATE between them, a core each.
# As root, from the repository's root: benchmarks/nodes.sh [RATE=1gbit] [BATCH=64] [RECIPE=recipes/undin-tiny.toml] [STEPS=10]
# Ideal is the sum of what each core does by itself, with half the batch, while the other does the same: cores share
# caches and memory. All other load of the machine shows in the result.
set -euo pipefail
rate=${1:-1gbit} batch=${2:-64} recipe=${3:-recipes/undin-tiny.toml} steps=${4:-10} python=${PYTHON:-.venv/bin/python}
first=undin$$a second=undin$$b
export OMP_NUM_THREADS=1

trap 'ip netns del $first; ip netns del $second' EXIT
ip netns add $first && ip netns add $second
ip link add u$$a netns $first type veth peer name u$$b netns $second
ip -n $first addr add 10.79.0.1/24 dev u$$a && ip -n $second addr add 10.79.0.2/24 dev u$$b
for end in "$first u$$a" "$second u$$b"; do
	read -r node link <<<"$end"
	ip -n "$node" link set lo up && ip -n "$node" link set "$link" up
	ip netns exec "$node" tc qdisc add dev "$link" root tbf rate "$rate" burst 256kb latency 50ms
done

speed="benchmarks/training_speed.py $recipe --threads 1 --steps $steps"

# node NUMBER NAMESPACE LINK COMMAND...
node() {
	GLOO_SOCKET_IFNAME=$3 taskset -c "$1" ip netns exec "$2" "$python" -m torch.distributed.run --nnodes 2 \
		--nproc-per-node 1 --rdzv-backend static --master-addr 10.79.0.1 --master-port 29500 --node-rank "$1" "${@:4}"
}

alone() {
	taskset -c "$1" "$python" $speed --set training.batch_size=$((batch / 2))
}

echo "each of two cores by itself, at the same time, half the batch ($((batch / 2))):"
alone 1 2>/dev/null &
alone 0 2>/dev/null
wait
# both COMMAND...: on both nodes
both() {
	node 1 $second u$$b "$@" >/dev/null 2>&1 &
	node 0 $first u$$a "$@" 2>/dev/null
	wait
}

echo "two machines of one core, $rate between them:"
both $speed --set training.batch_size="$batch"
echo "their messages by themselves:"
both benchmarks/messages.py "$recipe"
