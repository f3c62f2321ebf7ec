// steps.mjs: node steps.mjs MODULE MODEL INPUTS OUTPUTS STATE_BYTES: what steps.c does, in WebAssembly.
import { readFileSync, writeFileSync } from "node:fs";

const [path, model, ...numbers] = process.argv.slice(2);
const [inputs, outputs, stateBytes] = numbers.map(Number);
const { instance } = await WebAssembly.instantiate(readFileSync(path));
const { memory, __heap_base, ...undin } = instance.exports;

const state = (__heap_base.value + 63) & ~63;
const input = state + stateBytes, output = input + 4 * inputs, arena = (output + 4 * outputs + 63) & ~63;
memory.grow(64); // 4 MB, more than any of these needs
undin[`${model}_reset`](state);

const frames = readFileSync(0), results = [];
for (let start = 0; start + 4 * inputs <= frames.length; start += 4 * inputs) {
    new Uint8Array(memory.buffer, input).set(frames.subarray(start, start + 4 * inputs));
    undin[`${model}_step`](state, input, output, arena);
    results.push(Buffer.from(memory.buffer.slice(output, output + 4 * outputs)));
}
writeFileSync(1, Buffer.concat(results));
