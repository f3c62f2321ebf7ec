#!/usr/bin/env bash
# Node: is a worker that is started from a string a script with `require`, whatever its parent is?
#
# Guess, written down before: yes. The manual says of `eval: true` that the first argument is "a script that is executed
# once the worker is online", and examples in strings call `require`.
# Seen: with node --input-type=module the worker's string is a module, too: the flag comes along in execArgv. `require` is
# not defined then, and the worker ends with a ReferenceError. Whoever ships a worker as a string passes `execArgv: []`.
set -euo pipefail
program='
import { Worker } from "node:worker_threads";
const text = "require(\"node:worker_threads\").parentPort.postMessage(\"a script\")";
for (const options of [{ eval: true }, { eval: true, execArgv: [] }]) {
  const told = await new Promise((resolve) => {
    new Worker(text, options).on("message", resolve).on("error", ({ message }) => resolve(message.split("\n")[0]));
  });
  console.log(JSON.stringify(options), told);
}'
node --version
seen=$(node --input-type=module -e "$program")
echo "$seen"
grep -q '{"eval":true} require is not defined' <<<"$seen" && grep -q '"execArgv":\[\]} a script' <<<"$seen" || {
	echo "that has changed"
	exit 1
}
