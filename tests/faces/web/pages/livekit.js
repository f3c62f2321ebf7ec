// livekit-client's own track, with our processor, without a server.
import { UndinProcessor } from "/undin/index.js";
import { seconds, started } from "/pages/live.js";

export default async function () {
  const { createLocalAudioTrack } = await import("/npm/livekit-client/dist/livekit-client.esm.mjs");
  const context = await started();
  const track = await createLocalAudioTrack({ noiseSuppression: false, autoGainControl: false, echoCancellation: false });
  track.setAudioContext(context);
  const processor = new UndinProcessor({ model: "undin-nano" });
  await track.setProcessor(processor);
  const told = { name: track.getProcessor().name, isProcessed: track.mediaStreamTrack === processor.processedTrack };
  await seconds(2);
  told.reduced = processor.undin.levels.reductionDb;
  processor.setEnabled(false);
  await seconds(1);
  told.bypassed = processor.undin.levels.reductionDb;
  await processor.restart({ track: processor.processedTrack.clone(), audioContext: context });
  told.restarted = processor.undin.bypass;
  await track.stopProcessor();
  told.isStopped = track.getProcessor() === undefined && processor.undin === undefined;
  told.supported = UndinProcessor.isSupported();
  track.stop();
  await context.close();
  return told;
}
