// A torrent that is open on a peer thread: known by its info hash and, once available, its content.

import type { OrderOf, PeerContent, PeerTorrent } from '../messages/peer-thread';
import { SwarmList } from '../peer/swarm-list';
import { OpenContent } from './open-content';

export type TorrentNews =
  OrderOf<'torrent-info'> | OrderOf<'torrent-private'> | OrderOf<'upload-only'>;

export class OpenTorrent {
  readonly torrent: number;
  readonly infoHash: Uint8Array;
  /** The peers for peer exchange; undefined for a private torrent. */
  readonly swarm: SwarmList | undefined;
  /** State that all its sessions share, besides its content. */
  readonly info: { bytes: Uint8Array | undefined; wanted: boolean; uploadOnly?: boolean };
  private known: OpenContent | undefined;
  private isClosed = false;

  constructor(opened: PeerTorrent) {
    const { torrent, infoHash, content, info, uploadOnly = false, private: isPrivate } = opened;
    this.torrent = torrent;
    this.swarm = isPrivate ? undefined : new SwarmList();
    this.infoHash = infoHash;
    this.info = {
      bytes: info && new Uint8Array(info),
      uploadOnly,
      // A torrent is known to be private only if its metadata is known.
      wanted: info === undefined && content === undefined && !isPrivate,
    };
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

  /** Updates the state that all its sessions share. */
  note(news: TorrentNews): void {
    switch (news.type) {
      case 'torrent-info':
        this.info.bytes = news.info && new Uint8Array(news.info);
        this.info.wanted = false;
        return;
      case 'torrent-private':
        this.swarm?.close();
        return;
      case 'upload-only':
        this.info.uploadOnly = news.uploadOnly;
        return;
    }
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
