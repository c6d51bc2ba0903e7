// EDGE. Name look-ups, each done once, for both the trackers and the report.

import { unlessStopped } from '../async/on-abort';
import { resolveHost } from '../http/resolve';
import type { Resolve, ResolvedAddress } from '../http/resolve';

export class Names {
  private readonly resolver: Resolve;
  private readonly timeoutMs: number;
  private readonly lookups = new Map<string, Promise<readonly ResolvedAddress[]>>();

  constructor(timeoutMs: number, resolve: Resolve = resolveHost) {
    this.timeoutMs = timeoutMs;
    this.resolver = resolve;
  }

  /** Like `resolveHost`; rejects with `ETIMEOUT` after the time limit. */
  readonly resolve: Resolve = (host, stop) => {
    let lookup = this.lookups.get(host);
    if (lookup === undefined) {
      lookup = this.lookUp(host);
      lookup.catch(() => undefined); // The callers that wait for it get the error.
      this.lookups.set(host, lookup);
    }
    return unlessStopped(lookup, stop);
  };

  private async lookUp(host: string): Promise<readonly ResolvedAddress[]> {
    const limit = AbortSignal.timeout(this.timeoutMs);
    try {
      return await unlessStopped(this.resolver(host, limit), limit);
    } catch (error) {
      if (!limit.aborted) throw error;
      throw Object.assign(new Error('no answer in time'), { code: 'ETIMEOUT' });
    }
  }
}
