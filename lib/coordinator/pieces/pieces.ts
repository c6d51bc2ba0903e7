// Pieces in progress: starts them, attaches memory to blocks, settles leases, frees memory. The
// memory of a piece is committed as a whole when it starts, and attached block by block as blocks
// are leased.

import { HERE } from '../../memory/block-table';
import { appendSegment } from '../../memory/segments';
import { UNIT_LENGTH_BYTES } from '../../memory/slab';
import { MillraceError } from '../../errors/millrace-error';
import { ZERO_UNITS } from '../../messages/verify';
import { ActivePiece } from '../../picker/active-piece';
import type { Engine } from '../engine';
import type { LeaseState, PieceState, Source, KnownTorrent } from '../state';

/** Memory that a piece needs: whole units, because a unit holds one block. */
export function committedBytesOf(lengthBytes: number): number {
  return Math.ceil(lengthBytes / UNIT_LENGTH_BYTES) * UNIT_LENGTH_BYTES;
}

/** Starts a piece; undefined if the budget does not allow it. */
export function startPiece(
  engine: Engine,
  torrent: KnownTorrent,
  index: number,
): PieceState | undefined {
  const lengthBytes = torrent.content.layout.geometry.pieceLengthBytes(index);
  if (!engine.state.budget.tryCommit(torrent.id, committedBytesOf(lengthBytes))) return undefined;
  const blockCount = torrent.content.layout.geometry.blockCount(index);
  const piece: PieceState = {
    torrent,
    blocks: new ActivePiece(index, blockCount, torrent.content.layout.paddingBlocks(index)),
    lengthBytes,
    units: new Array<number>(blockCount).fill(-1),
    generation: engine.generations.next(),
    verifying: false,
    lastProgressMs: engine.nowMs(),
    holders: 0,
    sole: undefined,
    soleSinceMs: 0,
    declined: [],
    paroles: 0,
    onParole: false,
    witness: undefined,
    accused: undefined,
  };
  torrent.content.possession.picker.markActive(index);
  torrent.content.active.set(index, piece);
  if (piece.blocks.missingBlocks === 0) onFilled(engine, piece);
  else torrent.content.open.add(piece);
  return piece;
}

/** Every block has arrived: no source may write any more, and the piece waits for a verify job. */
export function onFilled(engine: Engine, piece: PieceState): void {
  if (piece.verifying) return;
  recallLeases(engine, piece);
  piece.verifying = true;
  piece.torrent.content.open.delete(piece);
  piece.torrent.content.filled.push(piece);
  engine.turn.touched.add(piece.torrent);
}

/** Leases a run of blocks to a source. Its blocks are already counted as held. */
export function leaseRun(
  engine: Engine,
  source: Source,
  piece: PieceState,
  firstBlock: number,
  blockCount: number,
): void {
  const segments = attach(engine, piece, firstBlock, blockCount);
  source.leases.push({ piece, generation: piece.generation, firstBlock, blockCount });
  source.leasedBlocks += blockCount;
  piece.holders++;
  if (piece.blocks.freeBlocks === 0) piece.torrent.content.open.delete(piece);
  engine.order(source.thread, {
    type: 'lease',
    lease: {
      connection: source.id,
      epoch: source.epoch,
      piece: piece.blocks.piece,
      firstBlock,
      blockCount,
      generation: piece.generation,
      segments,
    },
  });
}

/** Attaches memory to those blocks that have none; returns where the run lies. */
function attach(
  engine: Engine,
  piece: PieceState,
  firstBlock: number,
  blockCount: number,
): number[] {
  const { units } = piece;
  const end = firstBlock + blockCount;
  let lacking = 0;
  for (let block = firstBlock; block < end; block++) if (units[block] === -1) lacking++;
  if (lacking > 0) {
    const fresh = engine.state.slab.attach(lacking, piece.generation);
    // The slab is larger than the budget, by more than what can be in quarantine.
    if (!fresh)
      throw new MillraceError('unexpected', 'the slab has fewer units than the budget promised');
    let block = firstBlock;
    for (let pair = 0; pair + 1 < fresh.length; pair += 2) {
      const first = fresh[pair] ?? 0;
      for (let unit = first; unit < first + (fresh[pair + 1] ?? 0); unit++) {
        while (units[block] !== -1) block++;
        units[block] = unit;
      }
    }
  }
  return segmentsOf(piece, firstBlock, end);
}

/** Where the blocks of a full piece lie. Padding has no memory and is given as zeros. */
export function filledSegments({ blocks, units }: PieceState): number[] {
  const segments: number[] = [];
  let next = 0;
  for (const block of blocks.paddingBlocks) {
    appendUnits(segments, units, next, block);
    segments.push(ZERO_UNITS, 1);
    next = block + 1;
  }
  appendUnits(segments, units, next, units.length);
  return segments;
}

/** Where blocks `from` to `to` (exclusive) lie; blocks without memory are left out. */
export function segmentsOf(piece: PieceState, from = 0, to = piece.units.length): number[] {
  const segments: number[] = [];
  appendUnits(segments, piece.units, from, to);
  return segments;
}

function appendUnits(segments: number[], units: readonly number[], from: number, to: number): void {
  for (let block = from; block < to; block++) {
    const unit = units[block] ?? -1;
    if (unit !== -1) appendSegment(segments, unit, 1);
  }
}

/**
 * Ends the given part of a source's lease, whatever the reason: blocks found in the table count as
 * here, the others become free for other sources. Returns true if the piece is now full.
 */
export function settle(
  engine: Engine,
  source: Source,
  lease: LeaseState,
  firstBlock = lease.firstBlock,
  blockCount = lease.blockCount,
): boolean {
  const { piece } = lease;
  removeRun(source, lease, firstBlock, blockCount);
  if (collect(engine, piece, firstBlock, blockCount)) piece.lastProgressMs = engine.nowMs();
  piece.blocks.giveBack(firstBlock, blockCount);
  if (piece.blocks.missingBlocks === 0) return true;
  if (piece.blocks.freeBlocks > 0) {
    piece.torrent.content.open.add(piece);
    engine.turn.feed = true;
  }
  return false;
}

/** Notes blocks that have arrived under running leases. Returns true if the piece is now full. */
export function lookUp(engine: Engine, piece: PieceState): boolean {
  if (collect(engine, piece, 0, piece.units.length)) piece.lastProgressMs = engine.nowMs();
  return piece.blocks.missingBlocks === 0;
}

/**
 * Whether no block of the piece arrived for `forMs`. The block table decides: a slow source reports
 * a lease only at its end, up to half a minute later. A piece that turns out to be full goes to
 * verification.
 */
export function standsStill(engine: Engine, piece: PieceState, forMs: number): boolean {
  const isOld = (): boolean => engine.nowMs() - piece.lastProgressMs >= forMs;
  if (piece.verifying || !isOld()) return false;
  if (!lookUp(engine, piece)) return isOld();
  onFilled(engine, piece);
  return false;
}

/** Marks the blocks that are here according to the block table. Returns true if any is new. */
function collect(
  engine: Engine,
  piece: PieceState,
  firstBlock: number,
  blockCount: number,
): boolean {
  let progress = false;
  for (let block = firstBlock; block < firstBlock + blockCount; block++) {
    const unit = piece.units[block] ?? -1;
    if (
      unit !== -1 &&
      engine.table.stateOf(unit, piece.generation) === HERE &&
      piece.blocks.markHere(block)
    ) {
      progress = true;
    }
  }
  return progress;
}

/** Removes a run from one of the source's leases; the rest stays leased. */
function removeRun(
  source: Source,
  lease: LeaseState,
  firstBlock: number,
  blockCount: number,
): void {
  const at = source.leases.indexOf(lease);
  if (at === -1) return;
  const rest: LeaseState[] = [];
  const before = firstBlock - lease.firstBlock;
  if (before > 0) rest.push({ ...lease, blockCount: before });
  const end = firstBlock + blockCount;
  const after = lease.firstBlock + lease.blockCount - end;
  if (after > 0) rest.push({ ...lease, firstBlock: end, blockCount: after });
  // Nearly always the oldest lease ends as a whole: `shift` avoids a splice of a thousand leases,
  // which takes 8 µs.
  if (at === 0 && rest.length === 0) source.leases.shift();
  else source.leases.splice(at, 1, ...rest);
  lease.piece.holders += rest.length - 1;
}

/**
 * Ends all writing to this piece: its leases are removed, and sessions are ordered to drop them.
 */
export function recallLeases(engine: Engine, piece: PieceState): void {
  if (piece.holders === 0) return;
  for (const source of piece.torrent.sources) {
    if (!source.leases.some((lease) => lease.piece === piece)) continue;
    source.leases = source.leases.filter((lease) => lease.piece !== piece);
    engine.order(source.thread, {
      type: 'cancel-lease',
      connection: source.id,
      piece: piece.blocks.piece,
      generation: piece.generation,
    });
  }
  piece.holders = 0;
}

/**
 * Empties a piece to fetch it again, under a new generation, so that late blocks of the old one are
 * rejected.
 */
export function restartPiece(engine: Engine, piece: PieceState): void {
  recallLeases(engine, piece);
  releaseUnits(engine, piece);
  piece.generation = engine.generations.next();
  piece.verifying = false;
  piece.sole = undefined;
  piece.blocks.reset();
  piece.torrent.content.open.add(piece);
  engine.turn.feed = true;
}

/** Bytes that sources have sent of a piece in progress. */
export function bytesHere({ blocks, lengthBytes }: PieceState): number {
  const sent = blocks.blockCount - blocks.missingBlocks - blocks.paddingBlocks.length;
  return Math.min(sent * UNIT_LENGTH_BYTES, lengthBytes);
}

/** Bytes that sources have sent of a full piece: all but its padding blocks. */
export function sentBytes({ blocks, lengthBytes }: PieceState): number {
  let bytes = lengthBytes;
  for (const block of blocks.paddingBlocks)
    bytes -= Math.min(UNIT_LENGTH_BYTES, lengthBytes - block * UNIT_LENGTH_BYTES);
  return bytes;
}

/** Ends a piece and frees its memory. The caller updates the picker. */
export function endPiece(engine: Engine, piece: PieceState): void {
  recallLeases(engine, piece);
  releaseUnits(engine, piece);
  engine.state.budget.release(piece.torrent.id, committedBytesOf(piece.lengthBytes));
  piece.torrent.content.active.delete(piece.blocks.piece);
  piece.torrent.content.open.delete(piece);
  engine.turn.feed = true;
}

function releaseUnits(engine: Engine, piece: PieceState): void {
  engine.state.slab.detach(segmentsOf(piece));
  piece.units.fill(-1);
}
