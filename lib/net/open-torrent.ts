// A torrent that is open on a peer thread: known by its info hash, and by its content as soon as that is known.

import type { PeerContent, PeerTorrent } from '../messages/peer-thread';
import { OpenContent } from './open-content';

export class OpenTorrent {
  readonly torrent: number;
  readonly infoHash: Uint8Array;
  private known: OpenContent | undefined;
  private isClosed = false;

  constructor({ torrent, infoHash, content }: PeerTorrent) {
    this.torrent = torrent;
    this.infoHash = infoHash;
    if (content !== undefined) this.open(content);
  }

  /** Undefined until it is known. */
  get content(): OpenContent | undefined {
    return this.known;
  }

  /** The order to close it came: nothing new begins. */
  get closed(): boolean {
    return this.isClosed;
  }

  /** Its content is known from now on. */
  open(content: PeerContent): OpenContent {
    this.known = new OpenContent(this.torrent, content);
    return this.known;
  }

  shut(): void {
    this.isClosed = true;
    if (this.known !== undefined) this.known.closed = true;
  }

  /** Lets go of the file handles once the reads under way are done. */
  async close(): Promise<void> {
    this.shut();
    await this.known?.close();
  }
}
