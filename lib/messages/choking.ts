// How the peers that may download from us are chosen. Only types.

/**
 * Which peers may download from a torrent that is complete: all of them in turn, or those that take
 * most.
 */
export type SeedChoking = 'round-robin' | 'fastest-upload';

/** How a torrent chooses: by what peers give while it downloads, and as the user says after that. */
export type Choking = 'tit-for-tat' | SeedChoking;
