// The rules by which the peers that may download from us are chosen. Only types.

/**
 * Which peers may download from a complete torrent: all of them in turn, or those that download fastest
 * from us.
 */
export type SeedChoking = 'round-robin' | 'fastest-upload';

/** The present rule of a torrent: `tit-for-tat` while it downloads, then the option `seedChoking`. */
export type Choking = 'tit-for-tat' | SeedChoking;
