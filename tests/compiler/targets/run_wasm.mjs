// Runs a WebAssembly build as a page would: node run_wasm.mjs module.wasm hop_samples < in.f32 > out.f32
import { readFileSync, writeSync } from "node:fs";

const [path, hopSamples] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(path));
const imports = WebAssembly.Module.imports(module);
if (imports.length) throw new Error(`the module wants ${imports.map(({ name }) => name)}`);
const undin = new WebAssembly.Instance(module).exports;

// What lies behind __heap_base belongs to the page: the state, the arena and one hop of samples, at multiples of 64.
let free = undin.__heap_base.value;
const place = (bytes) => {
  const address = Math.ceil(free / 64) * 64;
  free = address + bytes;
  return address;
};
const hop = Number(hopSamples);
const state = place(undin.undin_small_step_state_size());
const arena = place(undin.undin_small_step_arena_size());
const samples = place(4 * hop);
const missing = free - undin.memory.buffer.byteLength;
if (missing > 0) undin.memory.grow(Math.ceil(missing / 65536));

const input = readFileSync(0);
const output = new Float32Array(input.buffer, input.byteOffset, input.length / 4).slice();
const view = new Float32Array(undin.memory.buffer, samples, hop);
undin.undin_small_step_reset(state);
for (let start = 0; start + hop <= output.length; start += hop) {
  view.set(output.subarray(start, start + hop));
  undin.undin_small_step_process(state, arena, samples, samples);
  output.set(view, start);
}
writeSync(1, new Uint8Array(output.buffer));
