// Speech through `Stream` in blocks of all lengths, and its end.
import { readFileSync, writeFileSync } from "node:fs";

const [index, options] = process.argv.slice(2);
const { Stream } = await import(index);
const { in: from, out: to, sampleRate, seed = 1, ...rest } = JSON.parse(options);
const { channels } = rest;
const samples = new Float32Array(new Uint8Array(readFileSync(from)).buffer);
const length = samples.length / channels;
const planes = Array.from({ length: channels }, (_, c) => samples.subarray(c * length, (c + 1) * length));

const stream = await Stream.open(sampleRate, rest);
const output = planes.map(() => new Float32Array(length + stream.latencySamples));
let random = seed;
for (let begin = 0; begin < length;) {
  random = (random * 1103515245 + 12345) % 2 ** 31;
  const count = Math.min(length - begin, random % 5 === 0 ? random % 3 : random % 1000);
  const block = planes.map((plane) => plane.subarray(begin, begin + count));
  const result = stream.process(channels === 1 ? block[0] : block);
  (channels === 1 ? [result] : result).forEach((plane, c) => output[c].set(plane, begin));
  begin += count;
}
const { levels } = stream;
stream.flush().forEach((plane, c) => output[c].set(plane, length));
writeFileSync(to, Buffer.concat(output.map((plane) => Buffer.from(plane.buffer))));
console.log(JSON.stringify({ latencySamples: stream.latencySamples, levels }));
