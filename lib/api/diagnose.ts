// Is a torrent alive, and if nothing comes, why? Runs without an engine; the checks themselves are
// loaded only when they are wanted.

import { resolve } from 'node:path';
import type * as doctor from '../doctor/examine';
import type { Finding } from '../doctor/findings';
import type * as verdict from '../doctor/verdict';
import type { Judgement } from '../doctor/verdict';
import type { PeerAddress } from '../messages/control';
import { namesOnDisk } from '../storage/names-on-disk';
import { callback, checkOptions, flag, orElse, signal, text, wholeNumber } from './checks';
import type { Checks } from './checks';
import { PEERS } from './options';
import { readTorrent, type TorrentSource } from './sources';
import { VERSION } from './version';

/** Options of `diagnose`. All are optional. */
export interface DiagnoseOptions {
  /** Folder that holds, or would hold, the torrent's file or folder. Default: the working directory. */
  readonly output?: string;
  /** Peers to dial besides those from trackers: `host:port`, `[v6]:port` or objects. */
  readonly peers?: readonly (string | PeerAddress)[];
  /** The most peers that are dialled, 1–200; all of `peers` are, whatever their number. Default 20. */
  readonly samplePeers?: number;
  /** TCP port that peers would come to, 0–65535; 0 picks a free one. Default 0. */
  readonly port?: number;
  /** For one request to a tracker and for each step with a peer, in ms, 100–600,000. Default 10,000. */
  readonly timeoutMs?: number;
  /** Show tracker URLs whole, passkeys and credentials included. Default false. */
  readonly showSecrets?: boolean;
  /** Told each finding as it comes. */
  readonly onFinding?: (finding: Finding) => void;
  /** Ends everything; the promise then rejects with its reason. */
  readonly signal?: AbortSignal;
}

const DIAGNOSE = {
  output: orElse('.', text('the path of a folder')),
  peers: PEERS,
  samplePeers: wholeNumber(1, 200, 20),
  port: wholeNumber(0, 65_535, 0),
  timeoutMs: wholeNumber(100, 600_000, 10_000),
  showSecrets: flag(false),
  onFinding: callback<(finding: Finding) => void>(),
  signal,
} satisfies Checks<DiagnoseOptions>;

/** What `diagnose` found, and what follows from it. */
export interface Diagnosis extends Judgement {
  /** In the order in which they came. */
  readonly findings: readonly Finding[];
}

/**
 * Looks at everything between this machine and the data of a torrent: disk, port, clock, name
 * look-ups, every tracker (scrape, announce, `stopped`), and a sample of the peers (dial, handshake,
 * which pieces). Starts no engine, downloads nothing and leaves nothing behind.
 *
 * That trackers or peers fail is a finding, never an error.
 *
 * @throws MillraceError as `readTorrent`; `bad-option`, `bad-peer-address`.
 */
export async function diagnose(
  source: TorrentSource,
  options: DiagnoseOptions = {},
): Promise<Diagnosis> {
  const { output, onFinding: tell, ...checked } = checkOptions('diagnose', options, DIAGNOSE);
  const { signal } = checked;
  signal?.throwIfAborted();
  const folder = resolve(output);
  const metainfo = await namesOnDisk(await readTorrent(source, { signal }), folder);
  // Clients and p-queue are slow to load.
  const { examine } = require('../doctor/examine') as typeof doctor;
  const findings: Finding[] = [];
  const onFinding = (finding: Finding): void => {
    findings.push(finding);
    tell?.(finding);
  };
  await examine(metainfo, { ...checked, output: folder, version: VERSION, onFinding });
  signal?.throwIfAborted();
  // Only a diagnosis needs it.
  const { judge } = require('../doctor/verdict') as typeof verdict;
  return { findings, ...judge(findings) };
}
