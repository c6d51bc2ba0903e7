// PURE. Our peer id for trackers and peers (BEP 20).

/**
 * Azureus style: `-MR`, one digit (0–9, A–Z) for each part of the version, `0-`; 12 random bytes
 * follow. BEP 20 lists `MR` as Miro, a discontinued player; the client name in the extended
 * handshake (`Millrace 0.2.0`, BEP 10) distinguishes the two.
 */
export function peerIdPrefix(version: string): string {
  const [major = '0', minor = '0', patch = '0'] = version.split('.');
  const digit = (text: string): string =>
    Math.min(35, Number.parseInt(text, 10)).toString(36).toUpperCase();
  return `-MR${digit(major)}${digit(minor)}${digit(patch)}0-`;
}
