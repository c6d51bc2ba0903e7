// One piece being downloaded: which blocks are here, how many connections hold each, and which run
// of blocks to lease next. It never compares pieces or peers.

/** Blocks `firstBlock` … `firstBlock + blockCount − 1` of a piece. */
export interface BlockRun {
  readonly firstBlock: number;
  readonly blockCount: number;
}

/** Most holders of a block. */
const MOST_HOLDERS = 255;

const NO_BLOCKS: readonly number[] = [];

/**
 * The blocks of one piece. A *holder* of a block is a connection that was given it and has not
 * returned it; a *free* block is neither here nor held.
 */
export class ActivePiece {
  readonly piece: number;
  readonly blockCount: number;
  // Plain arrays: a typed array takes 200 bytes before its first element, which would be most of
  // the memory of a torrent with one block per piece.
  /** 1 for a block that is here. */
  private readonly here: number[];
  private readonly holders: number[];
  private missingCount: number;
  private freeCount: number;
  /** No block before this one is free. */
  private freeHint = 0;
  private padding: readonly number[];

  /**
   * `padding`: blocks that are zeros according to the torrent's layout, and so are here from the
   * start.
   */
  constructor(piece: number, blockCount: number, padding: readonly number[] = NO_BLOCKS) {
    this.piece = piece;
    this.blockCount = blockCount;
    this.here = new Array<number>(blockCount).fill(0);
    this.holders = new Array<number>(blockCount).fill(0);
    this.missingCount = blockCount;
    this.freeCount = blockCount;
    this.padding = padding;
    for (const block of padding) this.markHere(block);
  }

  /**
   * Blocks of padding: here from the start, all zeros, not requested from peers, and without
   * memory.
   */
  get paddingBlocks(): readonly number[] {
    return this.padding;
  }

  /** Number of blocks that are not here. */
  get missingBlocks(): number {
    return this.missingCount;
  }

  /** Number of blocks that are neither here nor held. */
  get freeBlocks(): number {
    return this.freeCount;
  }

  isHere(block: number): boolean {
    return this.here[block] === 1;
  }

  /** Takes the first run of free blocks, at most `maxBlocks` long; each gets a holder. */
  takeFree(maxBlocks: number): BlockRun | undefined {
    if (this.freeCount === 0 || maxBlocks < 1) return undefined;
    let firstBlock = this.freeHint;
    while (!this.isFree(firstBlock)) firstBlock += 1;
    let end = firstBlock;
    while (end - firstBlock < maxBlocks && this.isFree(end)) {
      this.holders[end] = 1;
      end += 1;
    }
    this.freeCount -= end - firstBlock;
    this.freeHint = end;
    return { firstBlock, blockCount: end - firstBlock };
  }

  /**
   * For the end-game: takes the first run of missing blocks with the fewest holders, at most
   * `maxBlocks` long. Each gets another holder, but at most `maxHolders`. Blocks for which
   * `isExcluded` returns true (the connection already holds them) are skipped.
   */
  takeDuplicate(
    maxBlocks: number,
    isExcluded: (block: number) => boolean,
    maxHolders: number,
  ): BlockRun | undefined {
    if (this.missingCount === 0 || maxBlocks < 1) return undefined;
    let fewest = Math.min(maxHolders, MOST_HOLDERS);
    let firstBlock = -1;
    let end = -1;
    for (let block = 0; block < this.blockCount; block += 1) {
      const holders = this.holders[block] as number;
      if (this.here[block] === 1 || holders > fewest) continue;
      const extendsRun = holders === fewest && block === end && end - firstBlock < maxBlocks;
      if (!extendsRun && holders === fewest) continue;
      if (isExcluded(block)) continue;
      if (!extendsRun) {
        fewest = holders;
        firstBlock = block;
      }
      end = block + 1;
    }
    if (firstBlock === -1) return undefined;
    for (let block = firstBlock; block < end; block += 1) this.holders[block] = fewest + 1;
    if (fewest === 0) this.freeCount -= end - firstBlock;
    return { firstBlock, blockCount: end - firstBlock };
  }

  /** Each block of the run loses a holder, if it has one. */
  giveBack(firstBlock: number, blockCount: number): void {
    const end = Math.min(firstBlock + blockCount, this.blockCount);
    for (let block = Math.max(firstBlock, 0); block < end; block += 1) {
      const holders = this.holders[block] as number;
      if (holders === 0) continue;
      this.holders[block] = holders - 1;
      if (holders > 1 || this.here[block] === 1) continue;
      this.freeCount += 1;
      if (block < this.freeHint) this.freeHint = block;
    }
  }

  /** The block has arrived. Returns false if it was here before, or is not of this piece. */
  markHere(block: number): boolean {
    if (this.here[block] !== 0) return false;
    if (this.isFree(block)) this.freeCount -= 1;
    this.here[block] = 1;
    this.missingCount -= 1;
    return true;
  }

  /**
   * The piece failed its hash check: every block is missing and free again, including padding,
   * which may not be zeros in this torrent.
   */
  reset(): void {
    this.padding = NO_BLOCKS;
    this.here.fill(0);
    this.holders.fill(0);
    this.missingCount = this.blockCount;
    this.freeCount = this.blockCount;
    this.freeHint = 0;
  }

  private isFree(block: number): boolean {
    return this.here[block] === 0 && this.holders[block] === 0;
  }
}
