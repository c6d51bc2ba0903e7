// Torrents are added here: first what identifies one, then its content where it is known.

import { toHex } from '../../bytes/hex';
import { TokenBucket } from '../../choke/token-bucket';
import { UploadSlots } from '../../choke/upload-slots';
import { MillraceError } from '../../errors/millrace-error';
import type { AddRequest } from '../../messages/control';
import type { MetadataProgress } from '../../messages/stats';
import type { NameMapping } from '../../metainfo/names';
import { infoForPeers, withSharedInfo } from '../../metainfo/shared-info';
import { AnnounceSchedule } from '../../tracker/schedule';
import { newAccount } from '../account/account';
import { AddressBook } from '../swarm/address-book';
import { isRefused } from '../swarm/filtering';
import type { Engine } from '../engine';
import { enter, newCheck, newLife } from './life';
import { openContent } from './opening';
import { newTorrentRates } from '../swarm/rates';
import { RateMeter } from '../swarm/rate-meter';
import { removed } from './removing';
import type { TorrentState } from '../state';

/**
 * Rechokes between ticks. Each peer that joins a new swarm causes one. Peers that keep changing
 * their interest get twenty a second: in a torrent of 200 peers that costs 1 ms per second.
 */
const RECHOKES = { perSec: 20, burst: 50 };

const NO_METADATA: MetadataProgress = { receivedBytes: 0, totalBytes: undefined, peers: 0 };

/**
 * Adds a torrent. Resolves when its output is locked and its record loaded, to the mapping that
 * names its files there; the rest follows in the background. Without metainfo nothing is opened before that
 * is known. If the signal fires before that,
 * rejects with its reason and leaves nothing behind.
 */
export async function addTorrent(
  engine: Engine,
  id: number,
  request: AddRequest,
  stop?: AbortSignal,
): Promise<NameMapping | undefined> {
  const infoHash = toHex(request.infoHash);
  for (const other of engine.state.torrents.values()) {
    if (other.infoHash !== infoHash) continue;
    // A torrent that is being removed may be added again: wait for the end of the removal.
    if (other.phase === 'closed') await removed(other).catch(() => undefined);
    else {
      throw new MillraceError(
        'already-added',
        `torrent ${request.name} (${infoHash}) was already added to this engine`,
      );
    }
  }
  if (engine.state.adding.has(infoHash))
    throw new MillraceError('already-added', `torrent ${infoHash} is being added`);
  engine.state.adding.add(infoHash);
  try {
    const torrent = newTorrent(engine, id, infoHash, request);
    if (request.metainfo !== undefined) {
      const metainfo = withSharedInfo(request.metainfo);
      torrent.info = infoForPeers(metainfo);
      torrent.content = await openContent(engine, torrent, metainfo, stop);
      enter(torrent, newCheck());
    } else stop?.throwIfAborted();
    engine.happen({ type: 'added', torrent, peers: request.peers });
    return torrent.content?.metainfo.names;
  } finally {
    engine.state.adding.delete(infoHash);
  }
}

/** Its content is not known. */
function newTorrent(
  engine: Engine,
  id: number,
  infoHash: string,
  request: AddRequest,
): TorrentState {
  const random = (): number => engine.random();
  return {
    id,
    infoHash,
    infoHashBytes: request.infoHash,
    trackers: request.trackers,
    options: request.options,
    superSeed: request.options.superSeed,
    saysUploadOnly: false,
    maxMetadataBytes: request.maxMetadataBytes,
    metadata: NO_METADATA,
    info: undefined,
    infoStored: false,
    fetch: undefined,
    content: undefined,
    learnt: undefined,
    opening: false,
    life: newLife(),
    get phase() {
      return this.life.phase;
    },
    sources: new Set(),
    peers: new Set(),
    onPeersGone: [],
    book: new AddressBook({ random, refuses: (host) => isRefused(engine, host) }),
    privateTracker: undefined,
    exchange: { hasChanged: false, listedAtMs: -Infinity, isEmpty: true },
    schedule: new AnnounceSchedule({ tiers: [], random, nowMs: engine.nowMs() }),
    announcing: new Set(),
    trackersHadNews: false,
    lastAnnounces: undefined,
    dialing: 0,
    waitingDials: new Set(),
    announceKey: Math.floor(random() * 2 ** 32),
    downloadedAtStart: 0,
    uploadedAtStart: 0,
    lastRecordsOut: 0,
    onStopped: [],
    onRemoved: [],
    openOn: new Set(),
    fetchedBytes: 0,
    downloadedBytes: 0,
    uploadedBytes: 0,
    wastedBytes: 0,
    downloadRate: new RateMeter(),
    uploadRate: new RateMeter(),
    rates: newTorrentRates(request.options),
    account: newAccount(),
    rechokes: new TokenBucket(RECHOKES),
    uploading: {
      slots: new UploadSlots(),
      roundEndsMs: -Infinity,
      roundStartedMs: engine.nowMs(),
      uploadedAtStart: 0,
    },
    completeSent: false,
    restUntilMs: Infinity,
    epoch: 0,
  };
}
