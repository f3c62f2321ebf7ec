import { useEffect, useRef, useState } from "react";

import { processTrack } from "./track.js";

/**
 * Denoise a track while a component shows.
 *
 * @param {MediaStreamTrack | null | undefined} track nothing is done until there is one
 * @param {object} options those of `processTrack`. `attenLimDb` and `bypass` may change while sound runs; with another
 *   `model`, `audioContext` or `baseUrl` it starts again.
 * @returns {{ track?: MediaStreamTrack, undin?: Undin, error?: Error }} what to send, once it works
 */
export function useUndin(track, options = {}) {
  const { model, audioContext, baseUrl, attenLimDb = null, bypass = false } = options;
  const [result, setResult] = useState({});
  const latest = useRef(options);
  latest.current = options;

  useEffect(() => {
    if (!track) return undefined;
    let isOver = false;
    const processed = processTrack(track, latest.current);
    processed.then(
      (done) => {
        if (isOver) return;
        done.undin.attenLimDb = latest.current.attenLimDb ?? null;
        done.undin.bypass = latest.current.bypass ?? false;
        setResult({ track: done.track, undin: done.undin });
      },
      (error) => isOver || setResult({ error }),
    );
    return () => {
      isOver = true;
      setResult({});
      processed.then((done) => done.dispose(), () => {});
    };
  }, [track, model, audioContext, baseUrl]);

  useEffect(() => {
    if (!result.undin) return;
    result.undin.attenLimDb = attenLimDb;
    result.undin.bypass = bypass;
  }, [result.undin, attenLimDb, bypass]);

  return result;
}
