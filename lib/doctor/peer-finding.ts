// PURE. Describes one peer's behaviour, and sums up the pieces of the whole sample.

import { hostPort } from '../address/text';
import { Bitfield } from '../bytes/bitfield';
import type {
  FindingLevel,
  MetadataFinding,
  PeerFinding,
  PeerOutcome,
  PieceRange,
  PiecesFinding,
} from './findings';
import { countOrNo, formatRanges } from '../text/counts';
import { formatElapsed } from '../text/quantities';

/** The result of dialling one peer. */
export interface PeerAnswers {
  readonly host: string;
  readonly port: number;
  readonly outcome: PeerOutcome;
  /** The pieces of a peer that completed the handshake. */
  readonly pieces?: Bitfield | undefined;
  /** Where the number of pieces is not known: it seems to have all of them. */
  readonly whole?: boolean | undefined;
  readonly metadataBytes?: number | undefined;
  readonly client?: string;
  /** Details of the outcome. */
  readonly detail?: string;
  /** The system's error code, with `unreachable`. */
  readonly cause?: string;
  readonly elapsedMs: number;
}

const WORDS: Readonly<Record<PeerOutcome, string>> = {
  talks: 'answers',
  refused: 'refuses connections',
  unreachable: 'cannot be reached',
  'no-connection': 'does not take the connection',
  silent: 'takes the connection and says nothing',
  closed: 'closes the connection before it shakes hands',
  encrypted: 'speaks only encrypted connections, which Millrace does not do yet',
  'other-torrent': 'answers for another torrent',
  'not-plain':
    'does not answer in plain BitTorrent: another program, or one that insists on encryption',
  'breaks-rules': 'breaks the protocol',
};

export function peerFinding(answers: PeerAnswers): PeerFinding {
  const { host, port, outcome, pieces, whole, metadataBytes, client } = answers;
  const { detail, cause, elapsedMs } = answers;
  const count = pieces?.count();
  let words = WORDS[outcome];
  let level: FindingLevel = 'warn';
  if (outcome === 'talks' && pieces !== undefined && count !== undefined) {
    const share = pieces.isFull() ? 'every piece' : `${count} of ${pieces.length} pieces`;
    words = `has ${count === 0 ? 'announced no piece' : share} (${formatElapsed(elapsedMs)})`;
    if (count > 0) level = 'ok';
  } else if (outcome === 'talks' && whole !== undefined) {
    const offer = metadataBytes === undefined ? 'not the metadata' : 'the metadata';
    words = `has ${whole ? 'every piece' : 'not every piece'}, and ${offer} (${formatElapsed(elapsedMs)})`;
    if (metadataBytes !== undefined) level = 'ok';
  } else if (detail !== undefined) words = `${words}: ${detail}`;
  const name = client === undefined ? '' : `, ${client},`;
  const message = `${hostPort(host, port)}${name} ${words}`;
  const found = { level, host, port, outcome, pieces: count, client, cause, elapsedMs, message };
  return {
    check: 'peer',
    ...found,
    ...(whole !== undefined && { whole }),
    ...(metadataBytes !== undefined && { metadataBytes }),
  };
}

/** The number of peers in the sample that have the metadata of a magnet link. */
export class MetadataSample {
  private tried = 0;
  private talking = 0;
  private offering = 0;
  private whole = 0;

  add({ outcome, whole, metadataBytes }: PeerAnswers): void {
    this.tried += 1;
    if (outcome !== 'talks') return;
    this.talking += 1;
    if (metadataBytes !== undefined) this.offering += 1;
    if (whole) this.whole += 1;
  }

  finding(knownPeers: number): MetadataFinding {
    const { tried, talking, offering, whole } = this;
    return {
      check: 'metadata',
      level: talking === 0 ? 'skip' : offering > 0 ? 'ok' : 'fail',
      knownPeers,
      triedPeers: tried,
      talkingPeers: talking,
      offeringPeers: offering,
      wholePeers: whole,
      message: this.words(knownPeers),
    };
  }

  private words(known: number): string {
    if (known === 0) return 'no peer is known to ask';
    const tried = `of ${countOrNo(this.tried, 'peer')} tried`;
    if (this.talking === 0) return `${tried} none answered`;
    return `${tried} ${this.talking} answered, ${this.offering} with the metadata, ${this.whole} with every piece`;
  }
}

/** 1,000 ranges are 40 KB of JSON: still acceptable as a line. */
const MAX_RANGES = 1000;

/** The pieces of the whole sample. Only bits are kept, not the peers. */
export class Sample {
  private readonly union: Bitfield;
  private tried = 0;
  private talking = 0;
  private whole = 0;

  constructor(pieceCount: number) {
    this.union = new Bitfield(pieceCount);
  }

  add({ outcome, pieces }: Pick<PeerAnswers, 'outcome' | 'pieces'>): void {
    this.tried += 1;
    if (outcome !== 'talks' || pieces === undefined) return;
    this.talking += 1;
    if (pieces.isFull()) this.whole += 1;
    for (const [at, byte] of pieces.bytes.entries()) {
      this.union.bytes[at] = (this.union.bytes[at] ?? 0) | byte;
    }
  }

  finding(knownPeers: number): PiecesFinding {
    const pieceCount = this.union.length;
    const missingPieces = pieceCount - this.union.count();
    const missing = this.missing();
    return {
      check: 'pieces',
      level: this.talking === 0 ? 'skip' : missingPieces === 0 ? 'ok' : 'fail',
      pieceCount,
      knownPeers,
      triedPeers: this.tried,
      talkingPeers: this.talking,
      wholePeers: this.whole,
      missingPieces,
      missing,
      message: this.words(knownPeers, missingPieces, missing),
    };
  }

  private words(known: number, missingPieces: number, missing: readonly PieceRange[]): string {
    if (known === 0) return 'no peer is known to ask';
    const tried = `of ${countOrNo(this.tried, 'peer')} tried`;
    if (this.talking === 0) return `${tried} none announced its pieces`;
    const answered = `${tried} ${this.talking} answered`;
    if (missingPieces > 0) {
      const share = `${missingPieces} of ${countOrNo(this.union.length, 'piece')}`;
      return `${answered}, and none of them has ${share}: ${formatRanges(missing)}`;
    }
    return `every piece is with somebody: ${answered}, ${this.whole} with every piece`;
  }

  private missing(): PieceRange[] {
    const ranges: PieceRange[] = [];
    const { length } = this.union;
    let at = 0;
    while (at < length && ranges.length < MAX_RANGES) {
      const next = this.union.nextSet(at);
      const end = next === -1 ? length : next;
      if (end > at) ranges.push({ first: at, last: end - 1 });
      at = end;
      while (this.union.get(at)) at += 1;
    }
    return ranges;
  }
}
