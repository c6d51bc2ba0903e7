// Is a torrent alive, and why does it not download? Runs without an engine; the checks are loaded
// on first use.

import { resolve } from 'node:path';
import type * as doctor from '../doctor/examine';
import type { Finding } from '../doctor/findings';
import type * as verdict from '../doctor/verdict';
import type { Judgement } from '../doctor/verdict';
import { MAX_PORT } from '../address/host-port';
import type { PeerAddress } from '../messages/control';
import type { MagnetLink } from '../metainfo/magnet';
import { namesOnDisk } from '../storage/names-on-disk';
import { callback, checkOptions, flag, orElse, signal, text, wholeNumber } from './checks';
import type { Checks } from './checks';
import { findTorrent } from './magnet';
import { PEERS } from './options';
import type { TorrentSource } from './sources';
import { VERSION } from './version';

/** Options of `diagnose`. All are optional. */
export interface DiagnoseOptions {
  /**
   * Folder that contains, or would contain, the torrent's file or folder. Default: the working
   * directory.
   */
  readonly output?: string;
  /** Peers to dial in addition to those from trackers: `host:port`, `[v6]:port` or objects. */
  readonly peers?: readonly (string | PeerAddress)[];
  /** Most peers to dial, 1–200; all of `peers` are dialled, even if there are more. Default 20. */
  readonly samplePeers?: number;
  /** TCP port that peers would connect to, 0–65535; 0 picks a free one. Default 0. */
  readonly port?: number;
  /**
   * Time limit for each tracker request and each step with a peer, in ms, 100–600,000. Default
   * 10,000.
   */
  readonly timeoutMs?: number;
  /** Show tracker URLs in full, including passkeys and credentials. Default false. */
  readonly showSecrets?: boolean;
  /** Called with each finding as soon as it is made. */
  readonly onFinding?: (finding: Finding) => void;
  /** Ends the diagnosis; the promise then rejects with its reason. */
  readonly signal?: AbortSignal;
}

const DIAGNOSE = {
  output: orElse('.', text('the path of a folder')),
  peers: PEERS,
  samplePeers: wholeNumber(1, 200, 20),
  port: wholeNumber(0, MAX_PORT, 0),
  timeoutMs: wholeNumber(100, 600_000, 10_000),
  showSecrets: flag(false),
  onFinding: callback<(finding: Finding) => void>(),
  signal,
} satisfies Checks<DiagnoseOptions>;

/** The findings of `diagnose`, and the conclusion. */
export interface Diagnosis extends Judgement {
  /** In the order in which they were made. */
  readonly findings: readonly Finding[];
}

/**
 * Checks everything between this machine and the data of a torrent: disk, port, clock, name
 * look-ups, every tracker (scrape, announce, `stopped`), and a sample of the peers (dial, handshake,
 * which pieces; for a magnet link, which peers have the metadata). Starts no engine, downloads no data,
 * and leaves nothing behind. Failures of trackers and peers are findings, not errors.
 *
 * @throws MillraceError as `readTorrent`; `bad-option`, `bad-peer-address`; the reason of `signal`.
 */
export async function diagnose(
  source: TorrentSource | MagnetLink,
  options: DiagnoseOptions = {},
): Promise<Diagnosis> {
  const { output, onFinding: report, ...checked } = checkOptions('diagnose', options, DIAGNOSE);
  const { signal } = checked;
  signal?.throwIfAborted();
  const folder = resolve(output);
  const found = await findTorrent(source, { signal: signal });
  const metainfo = found.metainfo && (await namesOnDisk(found.metainfo, folder));
  // Clients and p-queue are slow to load.
  const { examine } = require('../doctor/examine') as typeof doctor;
  const findings: Finding[] = [];
  const onFinding = (finding: Finding): void => {
    findings.push(finding);
    report?.(finding);
  };
  const subject = { ...found, metainfo };
  const peers = [...checked.peers, ...found.peers];
  await examine(subject, { ...checked, peers, output: folder, version: VERSION, onFinding });
  signal?.throwIfAborted();
  // Loaded on first use.
  const { judge } = require('../doctor/verdict') as typeof verdict;
  return { findings, ...judge(findings) };
}
