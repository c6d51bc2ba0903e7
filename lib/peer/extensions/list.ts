// The extensions of every session besides the extended handshake. The position in the list is the
// id under which peers send to us: 1 for the first.

import { DontHaveExtension } from './dont-have';
import type { MakeExtension } from './extension';
import { MetadataExtension } from './metadata';
import { PeerExchange } from './pex';
import { UploadOnlyExtension } from './upload-only';

export const EXTENSIONS: readonly MakeExtension[] = [
  (peer) => new MetadataExtension(peer),
  (peer) => new UploadOnlyExtension(peer),
  (peer) => new DontHaveExtension(peer),
  // Peer exchange is last, so that the ids of the others are the same in private torrents, which omit it (BEP 27).
  (peer) => {
    const { swarm } = peer;
    return swarm === undefined || swarm.closed ? undefined : new PeerExchange(peer, swarm);
  },
];
