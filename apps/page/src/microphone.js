/** Microphones: which there are, and one of them opened as undin wants it. */

// Echo cancellation compares the microphone with the loudspeaker, so it comes first; the rest would take from speech
// what undin tells it from noise by.
const WANTED = { noiseSuppression: false, autoGainControl: false, echoCancellation: true };

/**
 * @param {string} deviceId "" for the usual one
 * @returns {Promise<MediaStream>}
 * @throws {DOMException} NotAllowedError, NotFoundError, NotReadableError; SecurityError without https
 */
export async function openMicrophone(deviceId) {
  if (!navigator.mediaDevices) throw new DOMException("no https", "SecurityError");
  const audio = deviceId ? { ...WANTED, deviceId: { exact: deviceId } } : WANTED;
  return navigator.mediaDevices.getUserMedia({ audio });
}

/** @param {MediaStream | undefined} stream */
export function close(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/**
 * Keep a list of microphones up to date; they have names once one was allowed.
 *
 * @param {HTMLSelectElement} select
 * @param {() => string} usual the first entry's name
 */
export function listMicrophones(select, usual) {
  const list = async () => {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const named = devices.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId && deviceId !== "default");
    const chosen = select.value;
    const options = named.map(({ label, deviceId }, i) => new Option(label || `${i + 1}`, deviceId));
    select.replaceChildren(new Option(usual(), ""), ...options);
    select.value = named.some(({ deviceId }) => deviceId === chosen) ? chosen : "";
  };
  navigator.mediaDevices?.addEventListener("devicechange", list);
  return list;
}
