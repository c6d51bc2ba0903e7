// PURE. Which torrent of this engine uses which file on disk. A file that a torrent may write is its
// alone; files that are only read may be shared.

export interface PathUser {
  readonly id: number;
  readonly name: string;
  readonly infoHash: string;
}

/** A file on disk. Two names may lead to one inode: a torrent that has one of them has the file. */
export interface UsedFile {
  /** Its real path, in one spelling where the file system ignores case. */
  readonly path: string;
  /** Device and inode, where it exists. */
  readonly inode: string | undefined;
}

export interface PathConflict {
  readonly path: string;
  /** The torrent that has the file; the asking one itself, if two of its names are one file. */
  readonly user: PathUser;
}

/** Never changed: all files of a claim have one, as long as nobody else reads them. */
interface Use {
  readonly writer?: PathUser;
  readonly readers: readonly PathUser[];
}

export class PathRegistry {
  private readonly uses = new Map<string, Use>();
  private readonly keysOf = new Map<number, readonly string[]>();

  /** Takes all files for `user`, or none: then the first conflict is returned. Linear in the files. */
  claim(user: PathUser, files: readonly UsedFile[], writes: boolean): PathConflict | undefined {
    const own = new Set<string>();
    for (const { path, inode } of files) {
      // Two names of one inode within a torrent are hard links of the user's, to save room.
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

  /** Gives up all files of this torrent. May be called again. */
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

  /** Keys in use: for specs that look for leftovers. */
  get size(): number {
    return this.uses.size;
  }
}
