// Formats what limited a transfer, as one line of text and as JSON.

import type { LimitBehind, TransferAccount, TransferLimit } from '../../index';

/** The name of each limit. */
const NAMES: Readonly<Record<TransferLimit, string>> = {
  network: 'the network',
  unchoke: 'choking',
  rateLimit: 'the rate limit',
  requestDepth: 'the request depth',
  memory: 'memory',
  peers: 'the peers',
  cpu: 'the processor',
};

/** Its explanation, worded to follow "71 % of the time". */
const SIGNS: Readonly<Record<TransferLimit, string>> = {
  network: 'the peers or the way to them set the pace',
  unchoke: 'no peer that had what was missing let us download',
  rateLimit: 'it held back requests to peers',
  requestDepth: 'every allowed request was out and the round trip set the pace',
  memory: 'pieces filled the memory',
  peers: 'nobody connected had what was missing',
  cpu: 'a thread of the engine or all processors had no rest',
};

const BEHIND: Readonly<Record<LimitBehind, { readonly name: string; readonly sign: string }>> = {
  write: { name: 'the disk', sign: 'memory waited for writes' },
  hash: { name: 'hashing', sign: 'memory waited for the hash check' },
  fill: { name: 'memory', sign: 'unfinished pieces filled it (--memory gives more)' },
};

/** The closing line; undefined for a transfer of less than a second. */
export function limitLine({ limit }: TransferAccount): string | undefined {
  if (limit === undefined) return undefined;
  const { name, sign } =
    limit.behind === undefined
      ? { name: NAMES[limit.what], sign: SIGNS[limit.what] }
      : BEHIND[limit.behind];
  const most = limit.share >= 0.5 ? 'mostly' : 'most often';
  const share = Math.max(1, Math.floor(limit.share * 100));
  return `limited ${most} by ${name}: ${share} % of the time ${sign}`;
}

/** Seconds to the millisecond, and `null` for unknown values. */
export function accountJson(account: TransferAccount): object {
  const { seconds, memoryBehind, limit, bytesInFlight, verifyQueue, work } = account;
  return {
    seconds: toMillisecond(seconds),
    memoryBehind: toMillisecond(memoryBehind),
    limit: limit === undefined ? null : { ...limit, behind: limit.behind ?? null },
    bytesInFlight,
    verifyQueue,
    work: toMillisecond(work),
    hashMs: account.hashMs,
    writeMs: account.writeMs,
  };
}

function toMillisecond(seconds: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(seconds).map(([name, sec]) => [name, Math.round(sec * 1000) / 1000]),
  );
}
