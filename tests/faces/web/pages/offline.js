// Speech through a node in an OfflineAudioContext.
import { createUndin } from "/undin/index.js";

export default async function ({ file, channels, sampleRate, renderSizeHint, ...options }) {
  const samples = new Float32Array(await (await fetch(`/${file}`)).arrayBuffer());
  const length = samples.length / channels;
  const context = new OfflineAudioContext({ numberOfChannels: channels, length, sampleRate, renderSizeHint });
  const buffer = context.createBuffer(channels, length, sampleRate);
  for (let c = 0; c < channels; c++) buffer.copyToChannel(samples.subarray(c * length, (c + 1) * length), c);
  const source = new AudioBufferSourceNode(context, { buffer });
  const undin = await createUndin(context, { channels, ...options });
  source.connect(undin.node).connect(context.destination);
  source.start();
  const rendered = await context.startRendering();
  await undin.ready;
  const output = new Float32Array(samples.length);
  for (let c = 0; c < channels; c++) output.set(rendered.getChannelData(c), c * length);
  return { samples: base64(output), latency: undin.latency, quantum: context.renderQuantumSize };
}

export function base64(floats) {
  const bytes = new Uint8Array(floats.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}
