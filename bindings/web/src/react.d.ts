import type { ProcessedTrack, TrackOptions, Undin } from "./index.js";

export interface UndinState {
  /** what to send, once it works */
  track?: ProcessedTrack["track"];
  undin?: Undin;
  error?: Error;
}

/** Denoise a track while a component shows. `attenLimDb` and `bypass` may change while sound runs. */
export function useUndin(track: MediaStreamTrack | null | undefined, options?: TrackOptions): UndinState;
