/** What a plain script tag gives: `undin`, with all that the package exports. */
import { enhance } from "./enhance.js";
import { UndinError } from "./errors.js";
import { UndinProcessor } from "./livekit.js";
import { DEFAULT_MODEL, defaultModel, loadModel, Model, models } from "./models.js";
import { createUndin } from "./node.js";
import { Stream } from "./stream.js";
import { processTrack } from "./track.js";

globalThis.undin = {
  createUndin, DEFAULT_MODEL, defaultModel, enhance, loadModel, Model, models, processTrack, Stream, UndinError, UndinProcessor,
};
