/** What was chosen, for the next time, on this device; a browser that keeps nothing for pages is no error. */

/** @param {string} name @returns {string | null} */
export function kept(name) {
  try {
    return localStorage.getItem(`undin.${name}`);
  } catch {
    return null;
  }
}

/** @param {string} name @param {string} value */
export function keep(name, value) {
  try {
    localStorage.setItem(`undin.${name}`, value);
  } catch {
    // Then it is chosen again.
  }
}
