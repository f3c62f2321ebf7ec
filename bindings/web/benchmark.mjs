// Times of the package's models in node, beside RNNoise and onnxruntime-web: benchmark.py calls it.
//
//     node benchmark.mjs '{ "packages": folder with node_modules, "onnx": undin-tiny.onnx, "seconds": 3 }'
//
// Prints JSON: medians, in ms, of blocks that are shorter than a time slice; all take turns, so that other programs
// disturb all alike.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

import { loadModel, models, Stream } from "./dist/index.js";
import { WasmStream } from "./dist/wasm-stream.js";

const { packages, onnx, seconds } = JSON.parse(process.argv[2]);
const QUANTUM = 128;
const RATE = 48_000;
const LATE = 0.99; // of all quanta, those with a hop among them: as long as this share of them takes at most

const TURN = 32; // blocks at a time, so that caches hold what a task reads, as they do where it runs alone

const noise = Float32Array.from({ length: RATE }, (_, i) => 0.2 * Math.sin(i * i * 0.37) * Math.sin(i / 9000));
const tasks = new Map(); // names, with what to do and how many of it are a unit
const latencies = {}; // seconds, by model, at `RATE`

async function streams() {
  for (const name of models()) {
    const model = await loadModel(name);
    for (const channels of [1, 2]) {
      const stream = new WasmStream(await model.compile(), model.symbol, RATE, channels, QUANTUM);
      latencies[name] = stream.latencySamples / RATE;
      const block = wholeHops(stream.undin, model.symbol);
      let place = 0;
      const quantum = () => {
        for (const samples of stream.channels) samples.set(noise.subarray(place, place + QUANTUM));
        stream.run(QUANTUM);
        place = (place + QUANTUM) % (RATE - QUANTUM);
      };
      const hops = () => {
        for (let i = 0; i < block / QUANTUM; i++) quantum();
      };
      tasks.set(`${name} ${channels}`, { run: hops, unit: RATE / block });
      if (channels === 2) tasks.set(`${name} quantum`, { run: quantum, unit: 1, share: LATE, often: block / QUANTUM });
    }
    tasks.set(`${name} step`, { run: step(await model.compile(), model.symbol), unit: 1 });
    if (name === "undin-nano") {
      const open = await Stream.open(RATE, { model });
      const block = noise.slice(0, 768);
      tasks.set("Stream of undin-nano", { run: () => open.process(block, block), unit: RATE / block.length });
    }
  }
}

/** Samples at `RATE` of the fewest quanta that a whole number of the model's hops falls into. */
function wholeHops(undin, symbol) {
  const [, sampleRate, hop] = new Int32Array(undin.memory.buffer, undin[symbol].value, 3);
  let samples = QUANTUM;
  while ((samples * sampleRate) % (RATE * hop)) samples += QUANTUM;
  return samples;
}

/** The network alone: spectrum and state in, both out. */
function step(module, symbol) {
  const { exports } = new WebAssembly.Instance(module);
  const { memory } = exports;
  const start = (exports.__heap_base.value + 63) & ~63;
  const missing = start + 2 ** 20 - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65536));
  const [spec, state, enhanced, next, arena] = [0, 8192, 65536 * 2, 65536 * 3, 65536 * 4].map((at) => start + at);
  new Float32Array(memory.buffer, spec, 962).set(noise.subarray(0, 962));
  const run = exports[`${symbol}_run`];
  return () => run(spec, state, enhanced, next, arena);
}

async function rnnoise() {
  const file = join(packages, "node_modules/@jitsi/rnnoise-wasm/dist/rnnoise-sync.js");
  // It asks for `self`, `document` or `location`, depending on the version: in node it wants them made up.
  const text = readFileSync(file, "utf8").replace("import.meta.url", '"file:///rnnoise-sync.js"');
  globalThis.self ??= globalThis;
  globalThis.location ??= { href: "file:///" };
  const { default: create } = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
  const module = create();
  await module.ready;
  const state = module._rnnoise_create();
  const at = module._malloc(480 * 4);
  const frame = module.HEAPF32.subarray(at / 4, at / 4 + 480);
  const queue = new Float32Array(1920);
  tasks.set("rnnoise", {
    run() { // 15 quanta are 4 frames
      for (let i = 0; i < 1920; i += QUANTUM) queue.set(noise.subarray(i, i + QUANTUM), i);
      for (let i = 0; i < 1920; i += 480) {
        for (let k = 0; k < 480; k++) frame[k] = 32768 * queue[i + k];
        module._rnnoise_process_frame(state, at, at);
        for (let k = 0; k < 480; k++) queue[i + k] = frame[k] / 32768;
      }
    },
    unit: RATE / 1920,
  });
}

async function onnxruntime() {
  const dist = join(packages, "node_modules/onnxruntime-web/dist");
  const ort = await import(pathToFileURL(join(dist, "ort.node.min.mjs")).href)
    .catch(() => import(pathToFileURL(join(dist, "ort.min.mjs")).href));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = pathToFileURL(`${dist}/`).href;
  const session = await ort.InferenceSession.create(readFileSync(onnx), { executionProviders: ["wasm"] });
  const [spec, state] = session.inputNames;
  const shape = session.inputMetadata?.find(({ name }) => name === state)?.shape ?? [1, 2561];
  const feeds = {
    [spec]: new ort.Tensor("float32", noise.slice(0, 514), [1, 1, 257, 2]),
    [state]: new ort.Tensor("float32", new Float32Array(shape.reduce((a, b) => a * b)), shape),
  };
  tasks.set("onnxruntime", { run: () => session.run(feeds), unit: 1 });
}

const notes = [];
await streams();
for (const other of [rnnoise, onnxruntime]) {
  await other().catch((error) => notes.push(`${other.name}: ${error.message}`));
}
const times = Object.fromEntries([...tasks.keys()].map((name) => [name, []]));
for (const warm of [true, false]) {
  const end = performance.now() + 1000 * (warm ? 1 : seconds) * tasks.size * 0.3;
  while (performance.now() < end) {
    for (const [name, { run, often = 1 }] of tasks) {
      for (let k = 0; k < TURN * often; k++) {
        const begin = performance.now();
        await run();
        if (!warm) times[name].push(performance.now() - begin);
      }
    }
  }
}
const result = {};
for (const [name, { unit, share = 0.5 }] of tasks) {
  const sorted = times[name].sort((a, b) => a - b);
  result[name] = unit * sorted[Math.floor(share * sorted.length)];
}
console.log(JSON.stringify({ times: result, latencies, notes, node: process.version }));
