// What the coordinator remembers when it begins: nothing yet.

import { ExternalAddresses } from '../address/external';
import { IpFilter } from '../address/ip-filter';
import { TokenBucket } from '../choke/token-bucket';
import { LogThrottle } from '../errors/log-throttle';
import { MemoryBudget } from '../memory/budget';
import { SlabOwner } from '../memory/slab-owner';
import type { EngineSettings } from '../messages/control';
import { VerifyGate } from '../verify/gate';
import { Account } from './account/account';
import { COUNTING_RATE } from './pieces/availability';
import type { TableOutlet } from './engine';
import { PathRegistry } from './files/path-registry';
import type { EngineState } from './engine-state';
import { newMetadataCounts } from './metadata/counts';
import { MetadataRoom } from './metadata/room';
import { Departed } from './pieces/witness';
import { newRates } from './swarm/rates';

/** Memory for metadata of all torrents together: 4 × 32 MiB, the default of `maxMetadataBytes`. */
const METADATA_ROOM_BYTES = 4 * 32 * 1024 * 1024;

export interface StateOptions {
  readonly settings: EngineSettings;
  readonly peerId: Uint8Array;
  readonly table: TableOutlet;
  /** How far long pieces may grow the memory budget. */
  readonly maxBytes: number;
  /** Verify workers that there are from the start. */
  readonly minVerifyThreads: number;
}

export function initialState(options: StateOptions): EngineState {
  const { settings, peerId, table, maxBytes, minVerifyThreads } = options;
  const { ipFilter } = settings;
  return {
    settings,
    peerId,
    slab: new SlabOwner(table),
    budget: new MemoryBudget({ limitBytes: settings.memoryBytes, maxBytes }),
    torrents: new Map(),
    sources: new Map(),
    peers: new Map(),
    dials: new Map(),
    hungry: new Set(),
    memoryRefused: false,
    downThreads: new Set(),
    counting: new Set(),
    countingSteps: new TokenBucket(COUNTING_RATE),
    departed: new Departed(),
    external: new ExternalAddresses(),
    metadataRoom: new MetadataRoom(METADATA_ROOM_BYTES),
    metadataCounts: newMetadataCounts(),
    ownAddresses: new Set(),
    adding: new Set(),
    paths: new PathRegistry(),
    rates: newRates(settings, settings.limitSchedule ?? []),
    ipFilter: ipFilter && new IpFilter(ipFilter),
    addressesRefused: 0,
    listenPort: undefined,
    nextDial: 1,
    noDialsUntilMs: -Infinity,
    shortageLog: new LogThrottle(),
    threadRestarts: 0,
    verifyGate: new VerifyGate(minVerifyThreads, settings.verifyThreads),
    closed: new Map(),
    rejected: new Map(),
    account: new Account(),
    threadLoads: [],
    loopBusy: 0,
    processBusy: 0,
    closing: false,
  };
}
