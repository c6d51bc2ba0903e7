// Finds which sources filled a piece that failed its check, and bans those that are convicted.

import type { Engine } from '../engine';
import { banPeer } from '../swarm/banning';
import type { PieceState } from '../state';
import { BlockWitness } from './witness';
import type { Identity } from './witness';

/** Names of sources: all that contributed to a failed piece, and those that it convicts at once. */
export interface Blame {
  readonly suspects: readonly string[];
  readonly convicted: readonly string[];
}

/** A full piece failed its check: notes which sources filled it, before its blocks are released. */
export function accuse(engine: Engine, piece: PieceState, blockDigests?: Uint8Array): Blame {
  const { paddingBlocks } = piece.blocks;
  const fillers = fillersOf(engine, piece);
  const names = fillers.map((filler) => filler?.name ?? 'unknown');
  const suspects = [...new Set(names.filter((_, block) => !paddingBlocks.includes(block)))];
  piece.witness ??= new BlockWitness();
  const accused = (piece.accused ??= new Map());
  for (const filler of fillers) if (filler) accused.set(filler.name, filler);
  if (blockDigests) piece.witness.failed(names, blockDigests);
  piece.onParole = true;
  // A lone filler is convicted at once; among several, a later good copy shows which one lied. If
  // padding was assumed to be zeros, that assumption may be wrong: the next attempt requests the
  // padding.
  const isProof = suspects.length === 1 && paddingBlocks.length === 0;
  const convicted = isProof ? suspects.filter((name) => accused.has(name)) : [];
  return { suspects, convicted };
}

/**
 * The source of each block, read from the block table: present or departed ones, undefined for
 * padding.
 */
function fillersOf({ state, table }: Engine, { units }: PieceState): (Identity | undefined)[] {
  return Array.from(units, (unit) => {
    if (unit === -1) return undefined; // padding
    const connection = table.ownerOf(unit);
    return state.sources.get(connection)?.identity ?? state.departed.find(connection);
  });
}

/**
 * A good copy of the piece has arrived: comparing its digests shows which sources sent wrong
 * blocks.
 */
export function convictLiars(engine: Engine, piece: PieceState, goodDigests: Uint8Array): void {
  if (piece.witness) ban(engine, piece, piece.witness.liars(goodDigests));
}

/** Bans these suspects of the piece, by name, and closes their connections. */
export function ban(engine: Engine, piece: PieceState, names: Iterable<string>): void {
  const { torrent } = piece;
  for (const name of names) {
    const liar = piece.accused?.get(name);
    if (liar) banPeer(engine, torrent, liar, 'it sent data that failed its hash check');
  }
}
