// The source of a transfer from the command line: a .torrent or a magnet link.

import type { MagnetLink, Metainfo } from '../../index';
import { isMagnet } from '../../text/source-kind';
import type { Api } from '../context';

export async function readSource(
  source: string,
  api: Api,
  options: Parameters<Api['readTorrent']>[1],
): Promise<Metainfo | MagnetLink> {
  return isMagnet(source) ? api.readMagnet(source) : api.readTorrent(source, options);
}

export function isLink(source: Metainfo | MagnetLink): source is MagnetLink {
  return 'webSeeds' in source;
}
