// The coordinator's side of the control contract: one function per call of the app thread.

import { MillraceError } from '../errors/millrace-error';
import type { AddRequest, EngineControl, PeerAddress } from '../messages/control';
import type { EngineStats } from '../messages/stats';
import type { NameMapping } from '../metainfo/names';
import { untilPeersGone } from './swarm/connections';
import type { Engine } from './engine';
import { removed } from './torrent/removing';
import { engineStats } from './snapshot';
import type { TorrentState } from './state';
import { stopped } from './torrent/stopping';
import { addTorrent } from './torrent/torrents';

/** Starts and stops the threads. */
export interface Lifecycle {
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(kind: 'peer' | 'verify', index: number): boolean;
}

export function engineControl(engine: Engine, lifecycle: Lifecycle): EngineControl {
  const find = (id: number): TorrentState => {
    const torrent = engine.state.torrents.get(id);
    if (!torrent) throw new MillraceError('closed', 'the torrent was removed');
    return torrent;
  };
  const adding = new Map<number, Adding>();
  let closing: Promise<void> | undefined;
  return {
    async start(): Promise<EngineStats> {
      await lifecycle.start();
      return engineStats(engine);
    },
    async add(id: number, request: AddRequest): Promise<NameMapping | undefined> {
      if (engine.state.closing) throw new MillraceError('closed', 'the engine is closing');
      const stop = new AbortController();
      const added = addTorrent(engine, id, request, stop.signal);
      adding.set(id, { added, stop });
      return added.finally(() => adding.delete(id));
    },
    async cancelAdd(id: number): Promise<void> {
      const { added, stop } = adding.get(id) ?? {};
      stop?.abort(new MillraceError('aborted', 'the adding of the torrent was aborted'));
      await added?.catch(() => undefined);
      const torrent = engine.state.torrents.get(id);
      if (torrent) await remove(engine, torrent, false);
    },
    async setIpFilter(buffer: SharedArrayBuffer | undefined): Promise<void> {
      engine.happen({ type: 'ip-filter', buffer });
    },
    async addPeers(id: number, peers: readonly PeerAddress[]): Promise<void> {
      engine.happen({ type: 'add-peers', torrent: find(id), peers });
    },
    async setLimits(id, limits, schedule): Promise<void> {
      const torrent = id === undefined ? undefined : find(id);
      engine.happen({ type: 'set-limits', torrent, limits, schedule });
    },
    async pause(id: number): Promise<void> {
      const torrent = find(id);
      engine.happen({ type: 'pause', torrent });
      await stopped(torrent);
    },
    async resume(id: number): Promise<void> {
      engine.happen({ type: 'resume', torrent: find(id) });
    },
    async superSeed(id: number, on: boolean): Promise<void> {
      engine.happen({ type: 'super-seed', torrent: find(id), on });
    },
    async remove(id: number, forget: boolean): Promise<void> {
      const torrent = engine.state.torrents.get(id);
      if (torrent) {
        await remove(engine, torrent, forget);
        await untilPeersGone(engine, torrent);
      }
      engine.emit({ type: 'removed', torrent: id });
    },
    async stats(): Promise<EngineStats> {
      return engineStats(engine);
    },
    close(): Promise<void> {
      closing ??= close(engine, lifecycle, adding);
      return closing;
    },
    async killThread(kind: 'peer' | 'verify', index: number): Promise<boolean> {
      return lifecycle.kill(kind, index);
    },
  };
}

/** Resolves when the torrent is gone. The first of several calls decides `forget`. */
function remove(engine: Engine, torrent: TorrentState, forget: boolean): Promise<void> {
  const gone = removed(torrent);
  engine.happen({ type: 'remove', torrent, forget });
  return gone;
}

/** An add in progress. When aborted, it releases what it holds and rejects. */
interface Adding {
  readonly added: Promise<unknown>;
  readonly stop: AbortController;
}

/** Removes the torrents in parallel (trackers, syncs, records), then stops the threads. */
async function close(
  engine: Engine,
  lifecycle: Lifecycle,
  adding: ReadonlyMap<number, Adding>,
): Promise<void> {
  engine.state.closing = true;
  const closing = new MillraceError('closed', 'the engine is closing');
  for (const { stop } of adding.values()) stop.abort(closing);
  await Promise.allSettled([...adding.values()].map(({ added }) => added));
  const results = await Promise.allSettled(
    [...engine.state.torrents.values()].map((torrent) => remove(engine, torrent, false)),
  );
  for (const result of results) {
    if (result.status === 'rejected')
      engine.log('error', 'a torrent did not close cleanly', { error: String(result.reason) });
  }
  await lifecycle.stop();
}
