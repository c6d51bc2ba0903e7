// EDGE. All checks of a diagnosis, in parallel, each with its own time limit; findings are reported
// when they are made. Disk and port checks depend on nothing else; peers are dialled as soon as a
// tracker returns them.

import { randomBytes, randomInt } from 'node:crypto';
import { isIP } from 'node:net';
import { unbracketed } from '../address/text';
import PQueue from 'p-queue';
import { onAbort } from '../async/on-abort';
import type { PeerAddress } from '../messages/control';
import type { AnnounceRequest } from '../tracker/announce';
import { TrackerClients } from '../tracker/clients';
import type { Resolve } from '../http/resolve';
import { UNKNOWN_LEFT_BYTES } from '../tracker/limits';
import { localIps } from '../tracker/own-addresses';
import { peerIdPrefix } from '../tracker/peer-id';
import { redactUrl, withoutSecrets } from '../text/redact';
import { PROBE_FIRST_WAIT_MS } from '../tracker/udp-exchange';
import type { Finding, TrackerFinding } from './findings';
import { Names } from './names';
import { probeDisk } from './probe-disk';
import { openPort } from './probe-port';
import type { OpenPort } from './probe-port';
import { probeTrackers } from './probe-tracker';
import type { TrackerProbe } from './probe-tracker';
import { Sampler } from './sampler';
import type { Subject } from './subject';
import { trackerFinding } from './tracker-finding';
import {
  addressFinding,
  clockFinding,
  dnsFinding,
  portFinding,
  spaceFinding,
  torrentFinding,
  writeFinding,
} from './words';

export interface ExamineOptions {
  /** Absolute. */
  readonly output: string;
  readonly peers: readonly PeerAddress[];
  readonly samplePeers: number;
  readonly port: number;
  readonly timeoutMs: number;
  readonly showSecrets: boolean;
  readonly version: string;
  readonly onFinding: (finding: Finding) => void;
  readonly signal?: AbortSignal;
  /** Name look-up. Default: the system's. */
  readonly resolve?: Resolve;
}

/** Most trackers asked: a torrent may have thousands, but if fifty do not help, more will not. */
const MAX_TRACKERS = 50;
/** Hosts asked concurrently: all, except for torrents with a whole directory of trackers. */
const CONCURRENT_HOSTS = 25;
/** Twice the sample, because some peers will be gone. */
const NUM_WANT = 50;

/**
 * Resolves when everything that was started has ended, even after the signal. Rejects only with an
 * error thrown by a listener, which ends the rest.
 */
export async function examine(subject: Subject, options: ExamineOptions): Promise<void> {
  const port = await openPort(options.port);
  const stop = new AbortController();
  const { signal } = stop;
  let thrown: { readonly error: unknown } | undefined;
  const unwatch = onAbort(options.signal, () => stop.abort(options.signal?.reason));
  const report = (...findings: readonly Finding[]): void => {
    try {
      if (!signal.aborted) findings.forEach((each) => options.onFinding(each));
    } catch (error) {
      thrown ??= { error };
      stop.abort();
    }
  };
  const examiner = new Examiner(subject, options, signal, report);
  try {
    examiner.begin();
    await Promise.all([examiner.disk(), examiner.port(port), examiner.swarm(port)]);
  } finally {
    port.close();
    await examiner.leave();
    unwatch();
  }
  if (thrown !== undefined) throw thrown.error;
}

interface NamedTracker {
  readonly url: string;
  readonly tier: number;
}

class Examiner {
  private readonly subject: Subject;
  private readonly options: ExamineOptions;
  private readonly signal: AbortSignal;
  private readonly report: (...findings: readonly Finding[]) => void;
  private readonly names: Names;
  private readonly client: TrackerClients;
  private readonly trackers: readonly NamedTracker[];
  private readonly probes: TrackerProbe[] = [];

  constructor(
    subject: Subject,
    options: ExamineOptions,
    signal: AbortSignal,
    report: (...findings: readonly Finding[]) => void,
  ) {
    this.subject = subject;
    this.options = options;
    this.signal = signal;
    this.report = report;
    const { version, timeoutMs, resolve } = options;
    this.names = new Names(timeoutMs, resolve);
    this.client = new TrackerClients({
      version,
      timeoutMs,
      firstWaitMs: PROBE_FIRST_WAIT_MS,
      keepAlive: true,
      resolve: this.names.resolve,
    });
    this.trackers = trackersOf(subject);
  }

  begin(): void {
    const count = this.trackers.length;
    this.report(torrentFinding(this.subject, count, Math.max(0, count - MAX_TRACKERS)));
  }

  async disk(): Promise<void> {
    const { output } = this.options;
    const { metainfo } = this.subject;
    const { folder, freeBytes, missingBytes, cause } = await probeDisk(output, metainfo);
    if (metainfo) this.report(spaceFinding(folder, freeBytes, missingBytes));
    this.report(writeFinding(folder, cause));
  }

  async port(open: OpenPort): Promise<void> {
    const { reachedAt, notReachedAt } = await open.reach(this.signal);
    this.report(portFinding(open.port, reachedAt, notReachedAt, open.cause));
  }

  async swarm(open: OpenPort): Promise<void> {
    const { peers, samplePeers, timeoutMs, version } = this.options;
    const { infoHash, metainfo } = this.subject;
    const peerId = Buffer.concat([Buffer.from(peerIdPrefix(version)), randomBytes(12)]);
    const sampler = new Sampler(
      Math.max(samplePeers, peers.length),
      { infoHash, peerId, pieceCount: metainfo?.pieceCount, timeoutMs, signal: this.signal },
      this.report,
    );
    sampler.offer(peers);
    const request: AnnounceRequest = {
      infoHash,
      peerId,
      port: await announcedPort(open),
      uploadedBytes: 0,
      downloadedBytes: 0,
      // As a peer without pieces: trackers return no seeds to a seed.
      leftBytes: metainfo?.totalLengthBytes ?? UNKNOWN_LEFT_BYTES,
      numWant: NUM_WANT,
      key: randomInt(2 ** 32),
    };
    const asked = this.trackers.slice(0, MAX_TRACKERS);
    const queue = new PQueue({ concurrency: CONCURRENT_HOSTS });
    await Promise.all([
      ...hostsOf(asked).map((host) => this.lookUp(host)),
      ...byHost(asked).map((some) => queue.add(() => this.ask(some, request, sampler))),
    ]);
    this.compare();
    this.report(await sampler.finding());
  }

  /** Waits until trackers know that we have left, at most 2 s. */
  async leave(): Promise<void> {
    await Promise.all(this.probes.map(({ left }) => left));
    this.client.close();
  }

  private async lookUp(host: string): Promise<void> {
    try {
      const found = await this.names.resolve(host, this.signal);
      const addresses = [...new Set(found.map(({ address }) => address))];
      this.report(dnsFinding(host, addresses));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.report(dnsFinding(host, [], code ?? 'unknown'));
    }
  }

  private async ask(
    trackers: readonly NamedTracker[],
    request: AnnounceRequest,
    sampler: Sampler,
  ): Promise<void> {
    const { timeoutMs, showSecrets } = this.options;
    if (this.signal.aborted) return;
    const client = this.client;
    const options = trackers.map(({ url, tier }) => {
      const shownUrl = showSecrets ? url : redactUrl(url);
      return { client, url, shownUrl, tier, request, timeoutMs, signal: this.signal };
    });
    await probeTrackers(options, (probe, url) => {
      this.probes.push(probe);
      const found = trackerFinding(probe.answers);
      this.report(showSecrets ? found : withoutSecretsOf(found, url));
      if (!this.signal.aborted) sampler.offer(probe.answers.reply?.peers ?? []);
    });
  }

  /** Compares what trackers reported about this machine. */
  private compare(): void {
    const [seenAs] = this.probes.flatMap(({ answers }) => answers.reply?.externalIp ?? []);
    if (seenAs !== undefined) this.report(addressFinding(seenAs, localIps()));
    this.report(clockFinding(this.probes.flatMap(({ aheadSec }) => aheadSec ?? [])));
  }
}

/** Every URL once, in its first tier. */
function trackersOf({ trackers }: Subject): NamedTracker[] {
  const tierOf = new Map<string, number>();
  for (const [tier, urls] of trackers.entries()) {
    for (const url of urls) if (!tierOf.has(url)) tierOf.set(url, tier);
  }
  return [...tierOf].map(([url, tier]) => ({ url, tier }));
}

/** The names that must be looked up for these trackers. */
function hostsOf(trackers: readonly NamedTracker[]): string[] {
  const spoken = trackers.filter(({ url }) => /^(https?|udp):/i.test(url));
  const hosts = spoken.map(({ url }) => hostOf(url));
  return [...new Set(hosts)].filter((host) => host !== '' && isIP(unbracketed(host)) === 0);
}

function byHost(trackers: readonly NamedTracker[]): NamedTracker[][] {
  const groups = new Map<string, NamedTracker[]>();
  for (const tracker of trackers) {
    const host = hostOf(tracker.url);
    const group = groups.get(host);
    if (group === undefined) groups.set(host, [tracker]);
    else group.push(tracker);
  }
  return [...groups.values()];
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.toLowerCase() : '';
}

/**
 * A port on which no other program accepts peers: some trackers identify peers by address and port,
 * and our `stopped` would remove that program from the swarm.
 */
async function announcedPort(open: OpenPort): Promise<number> {
  if (open.cause === undefined) return open.port;
  const spare = await openPort(0);
  spare.close();
  return spare.port;
}

/** The finding without the passkeys of `url`, which some trackers repeat in their replies. */
function withoutSecretsOf(found: TrackerFinding, url: string): TrackerFinding {
  const { message, reason } = found;
  const hide = (text: string): string => withoutSecrets(text, url);
  return { ...found, message: hide(message), reason: reason === undefined ? reason : hide(reason) };
}
