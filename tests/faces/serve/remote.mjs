// A stream on a server, by the JavaScript client; prints what it is told, and samples go to a file.
import { readFileSync, writeFileSync } from "node:fs";
const [module, url, input, output, channels] = process.argv.slice(2);
const { RemoteStream } = await import(module);

const all = new Float32Array(readFileSync(input).buffer.slice(0));
const planes = Array.from({ length: +channels }, (_, c) => all.filter((_, i) => i % +channels === c));
const stream = await RemoteStream.open(url, { sampleRate: 48000, channels: +channels, attenLimDb: 20 });
const parts = [];
const sizes = [1, 480, 960, 20_000, 0, planes[0].length];
let at = 0;
for (const size of sizes) {
  const block = planes.map((plane) => plane.subarray(at, at + size));
  parts.push(stream.process(+channels === 1 ? block[0] : block)); // none is waited for
  at += size;
  if (size === 960) stream.attenLimDb = null;
}
parts.push(stream.flush());
const enhanced = (await Promise.all(parts)).map((part) => (Array.isArray(part) ? part : [part]));
const length = enhanced.reduce((sum, [first]) => sum + first.length, 0);
const out = new Float32Array(length * +channels);
let place = 0;
for (const part of enhanced) {
  part.forEach((plane, c) => plane.forEach((value, i) => (out[(place + i) * +channels + c] = value)));
  place += part[0].length;
}
writeFileSync(output, out);
const refusals = [];
for (const wanted of [{ model: "undin-huge" }, { sampleRate: 1 }]) {
  await RemoteStream.open(url, wanted).catch(({ code, serverCode, message }) => refusals.push([code, serverCode, message]));
}
const { model, sampleRate, latencySamples } = stream;
stream.close();
const closed = await stream.process(new Float32Array(+channels ? 1 : 0)).catch((error) => error.message);
await RemoteStream.open("ws://127.0.0.1:9").catch(({ message }) => refusals.push(message));
console.log(JSON.stringify({ model, sampleRate, latencySamples, refusals, closed }));
