// EDGE. Name look-ups shared by all announces. The system looks up only two names at a time, so a
// tracker with a slow name server must not be looked up by every torrent and family.

import { unlessStopped } from '../async/on-abort';
import { resolveHost } from './resolve';
import type { Resolve, ResolvedAddress } from './resolve';

/**
 * How long a result is used: an announce, its two families and its redirects look a name up once.
 */
export const ANSWER_LIFE_MS = 60_000;

/** Most names remembered; each takes some 200 bytes. */
const MAX_NAMES = 256;

interface LookUp {
  readonly addresses: Promise<readonly ResolvedAddress[]>;
  untilMs: number;
}

/**
 * Looks each name up once for all callers in the meantime and for a minute after; failures are not
 * kept.
 */
export function sharedResolve(
  resolve: Resolve = resolveHost,
  nowMs: () => number = () => performance.now(),
): Resolve {
  const lookUps = new Map<string, LookUp>();
  // A caller that stops waiting must not end the look-up for others.
  const never = new AbortController().signal;

  const begin = (host: string): LookUp => {
    const lookUp: LookUp = { addresses: resolve(host, never), untilMs: Infinity };
    lookUps.delete(host);
    lookUps.set(host, lookUp);
    const [oldest] = lookUps.keys();
    if (lookUps.size > MAX_NAMES && oldest !== undefined) lookUps.delete(oldest);
    lookUp.addresses.then(
      () => (lookUp.untilMs = nowMs() + ANSWER_LIFE_MS),
      () => lookUps.get(host) === lookUp && lookUps.delete(host),
    );
    return lookUp;
  };

  return (host, stop) => {
    const known = lookUps.get(host);
    const lookUp = known !== undefined && nowMs() < known.untilMs ? known : begin(host);
    return unlessStopped(lookUp.addresses, stop);
  };
}
