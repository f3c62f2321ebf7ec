// A microphone that changes its rate, as a headset does when a call begins: the track that comes next has another one.
import { processTrack } from "/undin/index.js";
import { level, noise, seconds, started } from "/pages/live.js";

export default async function ({ rates, ...options }) {
  const context = await started({ sampleRate: rates[0] });
  const told = [];
  for (const sampleRate of rates) {
    const device = await started({ sampleRate });
    const destination = new MediaStreamAudioDestinationNode(device);
    noise(device).connect(destination);
    const [track] = destination.stream.getAudioTracks();
    try {
      const processed = await processTrack(track, { audioContext: context, ...options });
      const analyser = new AnalyserNode(context);
      context.createMediaStreamSource(new MediaStream([processed.track])).connect(analyser);
      await seconds(1);
      const enhanced = await level(analyser, 0.5);
      processed.undin.bypass = true;
      await seconds(0.4);
      told.push({ enhanced, bypassed: await level(analyser, 0.5) });
      await processed.dispose();
    } catch (error) {
      told.push({ name: error.name, code: error.code, message: error.message });
    }
    await device.close();
  }
  await context.close();
  return told;
}
