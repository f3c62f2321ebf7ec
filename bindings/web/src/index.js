export { enhance } from "./enhance.js";
export { UndinError } from "./errors.js";
export { UndinProcessor } from "./livekit.js";
export { DEFAULT_MODEL, defaultModel, loadModel, Model, models } from "./models.js";
export { createUndin } from "./node.js";
export { Stream } from "./stream.js";
export { processTrack } from "./track.js";
