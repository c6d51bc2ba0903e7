// What the coordinator remembers of all torrents together, and what they share.

import type { ExternalAddresses } from '../address/external';
import type { IpFilter } from '../address/ip-filter';
import type { TokenBucket } from '../choke/token-bucket';
import type { LogThrottle } from '../errors/log-throttle';
import type { MemoryBudget } from '../memory/budget';
import type { SlabOwner } from '../memory/slab-owner';
import type { CloseReason } from '../messages/close-reasons';
import type { EngineSettings, PeerAddress } from '../messages/control';
import type { VerifyGate } from '../verify/gate';
import type { Account, ThreadLoad } from './account/account';
import type { PathRegistry } from './files/path-registry';
import type { MetadataCounts } from './metadata/counts';
import type { MetadataRoom } from './metadata/room';
import type { KnownTorrent, Peer, Source, TorrentState } from './state';
import type { Departed } from './pieces/witness';
import type { RatesState } from './swarm/rates';

export interface EngineState {
  readonly settings: EngineSettings;
  readonly peerId: Uint8Array;
  readonly slab: SlabOwner;
  readonly budget: MemoryBudget;
  readonly torrents: Map<number, TorrentState>;
  /** By connection. Every peer is also a source. */
  readonly sources: Map<number, Source>;
  readonly peers: Map<number, Peer>;
  readonly dials: Map<number, DialState>;
  /** Sources with credit that got no lease, because memory or free blocks ran out. */
  readonly hungry: Set<Source>;
  /** A piece could not be started since the last tick, because memory ran out. */
  memoryRefused: boolean;
  /** Torrents with sources whose pieces are not counted yet, and the budget for counting them. */
  readonly counting: Set<KnownTorrent>;
  readonly countingSteps: TokenBucket;
  readonly departed: Departed;
  /** Our addresses as trackers and peers see them. */
  readonly external: ExternalAddresses;
  /** Memory for metadata that is being fetched. */
  readonly metadataRoom: MetadataRoom;
  readonly metadataCounts: MetadataCounts;
  /** Addresses at which we reached ourselves, as `host|port`; the oldest first. */
  readonly ownAddresses: Set<string>;
  /** Info hashes of torrents that are being added. */
  readonly adding: Set<string>;
  /** Which torrent owns which file on disk. */
  readonly paths: PathRegistry;
  /** Peer threads that died and are not restarted yet: an order sent to one would be lost. */
  readonly downThreads: Set<number>;
  readonly rates: RatesState;
  ipFilter: IpFilter | undefined;
  /** Peer addresses that the filter refused so far. */
  addressesRefused: number;
  listenPort: number | undefined;
  nextDial: number;
  /** No dial before this time: the last one failed for lack of a descriptor or of memory. */
  noDialsUntilMs: number;
  /** Limits how often that is logged. */
  readonly shortageLog: LogThrottle;
  threadRestarts: number;
  readonly verifyGate: VerifyGate;
  /** Closed connections and failed dials, by reason. */
  readonly closed: Map<CloseReason, number>;
  /** Incoming connections that ended before their handshake, by reason. */
  readonly rejected: Map<CloseReason, number>;
  /** What has limited all downloads so far. */
  readonly account: Account;
  /** The last event-loop report of each peer thread. */
  readonly threadLoads: (ThreadLoad | undefined)[];
  /** Utilisation of this thread's event loop since the last tick, 0 to 1. */
  loopBusy: number;
  /** Share of the CPU time of all cores that the process used since the last tick, 0 to 1. */
  processBusy: number;
  closing: boolean;
}

export interface DialState {
  readonly torrent: number;
  readonly thread: number;
  readonly address: PeerAddress;
  readonly done: () => void;
}
