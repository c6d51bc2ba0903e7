// A torrent that is open on a peer thread: known by its info hash and, once available, its content.

import type { PeerContent, PeerTorrent } from '../messages/peer-thread';
import { SwarmList } from '../peer/swarm-list';
import { OpenContent } from './open-content';

export class OpenTorrent {
  readonly torrent: number;
  readonly infoHash: Uint8Array;
  /** Whom its peers may be told of; undefined for a private torrent. */
  readonly swarm: SwarmList | undefined;
  private known: OpenContent | undefined;
  private isClosed = false;

  constructor({ torrent, infoHash, content, private: isPrivate }: PeerTorrent) {
    this.torrent = torrent;
    this.swarm = isPrivate ? undefined : new SwarmList();
    this.infoHash = infoHash;
    if (content !== undefined) this.open(content);
  }

  /** Undefined while unknown. */
  get content(): OpenContent | undefined {
    return this.known;
  }

  /** It was ordered to close: nothing new begins. */
  get closed(): boolean {
    return this.isClosed;
  }

  /** Its content has become known. */
  open(content: PeerContent): OpenContent {
    this.known = new OpenContent(this.torrent, content);
    return this.known;
  }

  shut(): void {
    this.isClosed = true;
    if (this.known !== undefined) this.known.closed = true;
  }

  /** Closes the file handles when the reads in progress have ended. */
  async close(): Promise<void> {
    this.shut();
    await this.known?.close();
  }
}
