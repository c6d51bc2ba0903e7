// PURE. Which torrent of this engine uses which file on disk. A file that a torrent may write to
// belongs to it alone; files that are only read may be shared.

export interface PathUser {
  readonly id: number;
  readonly name: string;
  readonly infoHash: string;
}

/**
 * A file on disk. Two paths may lead to one inode: a torrent that uses one of them uses the file.
 */
export interface UsedFile {
  /** Its real path, in a uniform spelling where the file system ignores case. */
  readonly path: string;
  /** Device and inode, if the file exists. */
  readonly inode: string | undefined;
}

export interface PathConflict {
  readonly path: string;
  /** The torrent that has the file; the claiming one itself, if two of its paths are one file. */
  readonly user: PathUser;
}

/** Immutable, so that all files of a claim can share one object until others also read them. */
interface Use {
  readonly writer?: PathUser;
  readonly readers: readonly PathUser[];
}

export class PathRegistry {
  private readonly uses = new Map<string, Use>();
  private readonly keysOf = new Map<number, readonly string[]>();

  /**
   * Claims all files for `user`, or none: then the first conflict is returned. Linear in the files.
   */
  claim(user: PathUser, files: readonly UsedFile[], writes: boolean): PathConflict | undefined {
    const own = new Set<string>();
    for (const { path, inode } of files) {
      // Two paths with one inode within a torrent are hard links that the user made to save space.
      if (writes && own.has(path)) return { path, user };
      for (const key of inode === undefined ? [path] : [path, inode]) {
        const use = this.uses.get(key);
        const other = use?.writer ?? (writes ? use?.readers[0] : undefined);
        if (other !== undefined) return { path, user: other };
        own.add(key);
      }
    }
    const alone: Use = writes ? { writer: user, readers: [] } : { readers: [user] };
    for (const key of own) {
      const use = this.uses.get(key);
      this.uses.set(key, use === undefined ? alone : { readers: [...use.readers, user] });
    }
    this.keysOf.set(user.id, [...own]);
    return undefined;
  }

  /** Releases all files of this torrent. May be called again. */
  release(id: number): void {
    for (const key of this.keysOf.get(id) ?? []) {
      const use = this.uses.get(key);
      if (use === undefined) continue;
      const readers = use.readers.filter((reader) => reader.id !== id);
      if (readers.length > 0) this.uses.set(key, { readers });
      else if (use.writer === undefined || use.writer.id === id) this.uses.delete(key);
    }
    this.keysOf.delete(id);
  }

  /** Number of keys in use: for specs that look for leaks. */
  get size(): number {
    return this.uses.size;
  }
}
