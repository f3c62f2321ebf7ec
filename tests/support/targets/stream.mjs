// stream.mjs: node stream.mjs MODULE MODEL SAMPLE_RATE_HZ CHANNELS BLOCK: what stream.c does, in WebAssembly.
import { readFileSync, writeFileSync } from "node:fs";

const [path, model, ...numbers] = process.argv.slice(2);
const [sampleRate, channels, block] = numbers.map(Number);
const { instance } = await WebAssembly.instantiate(readFileSync(path));
const { memory, __heap_base, ...undin } = instance.exports;
const address = undin[model].value;

const stream = (__heap_base.value + 7) & ~7;
const samples = stream + ((undin.undin_stream_bytes(address, sampleRate, channels) + 7) & ~7);
const longest = Math.max(block, 4800) * channels;
memory.grow((samples + 4 * longest - memory.buffer.byteLength + 65535) >> 16);
if (undin.undin_stream_init(stream, address, sampleRate, channels)) process.exit(1);

const input = readFileSync(0), output = [];
const place = new Float32Array(memory.buffer, samples, longest);
const take = (count) => output.push(Buffer.from(place.slice(0, count).buffer));
for (let start = 0; start + 4 * block * channels <= input.length; start += 4 * block * channels) {
    new Uint8Array(memory.buffer, samples).set(input.subarray(start, start + 4 * block * channels));
    undin.undin_stream_process_interleaved(stream, samples, samples, block);
    take(block * channels);
}
undin.undin_stream_flush_interleaved(stream, samples);
take(undin.undin_stream_latency_samples(stream) * channels);
writeFileSync(1, Buffer.concat(output));
