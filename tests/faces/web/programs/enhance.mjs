// Speech through `enhance`, with what its progress told.
import { readFileSync, writeFileSync } from "node:fs";

const [index, options] = process.argv.slice(2);
const { enhance } = await import(index);
const { in: from, out: to, channels, sampleRate, ...rest } = JSON.parse(options);
const samples = new Float32Array(new Uint8Array(readFileSync(from)).buffer);
const length = samples.length / channels;
const planes = Array.from({ length: channels }, (_, c) => samples.subarray(c * length, (c + 1) * length));
const progress = [];
const output = await enhance(planes, sampleRate, { ...rest, onProgress: (share) => progress.push(share) });
writeFileSync(to, Buffer.concat(output.map((plane) => Buffer.from(plane.buffer))));
console.log(JSON.stringify({ progress }));
