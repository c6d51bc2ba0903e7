// The loop: every happening passes through here, one at a time, to its handler. After the handler
// the turn ends, and what handlers marked is done once.

import { assertNever } from '../errors/millrace-error';
import { onRecordSaved } from './torrent/completing';
import { stopAnnouncing } from './swarm/last-announces';
import { addPeers, onDialTurn } from './swarm/dialing';
import { setIpFilter } from './swarm/filtering';
import type { Engine } from './engine';
import { onFact } from './facts';
import type { Happening } from './happenings';
import { grantRates } from './swarm/granting';
import { changeLimits } from './swarm/limits';
import { onThreadDied, onThreadRestarted } from './swarm/on-thread';
import { setSuperSeed } from './swarm/super-seeding';
import { onVerified } from './pieces/on-piece';
import { onMetadataChecked, onMetadataLoaded } from './metadata/fetching';
import { onContentOpened, onMetainfo } from './torrent/opening';
import { onJudged } from './files/output-files';
import {
  abandonRemoval,
  onLastAnnouncesOver,
  onRecordRemoved,
  onReleased,
  removeTorrent,
} from './torrent/removing';
import { onEmptyFilesMade, onSynced } from './files/saving';
import { beginFirstRun, onAdmitted, onChecked, resumeTorrent } from './torrent/starting';
import { goOn, onLastRecordSaved, onLooked } from './torrent/steps';
import { pauseTorrent } from './torrent/stopping';
import { onTick } from './tick';
import { onAnnounced } from './swarm/trackers';
import { endTurn } from './turn';

export class Loop {
  private readonly engine: Engine;
  /** Happenings posted while another one was being handled. */
  private readonly waiting: Happening[] = [];
  private busy = false;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /**
   * Handles it and everything it leads to; or, from within a handler, after the current one. Never
   * throws.
   */
  happen(happening: Happening): void {
    if (this.busy) {
      this.waiting.push(happening);
      return;
    }
    this.busy = true;
    this.handle(happening);
    do {
      for (let next = this.waiting.shift(); next; next = this.waiting.shift()) this.handle(next);
      this.try('end of a turn', () => endTurn(this.engine));
    } while (this.waiting.length > 0);
    this.busy = false;
  }

  private handle(happening: Happening): void {
    if ('epoch' in happening && happening.epoch !== happening.torrent.epoch) return; // It belongs to an earlier run.
    try {
      handle(this.engine, happening);
    } catch (error) {
      logFailure(this.engine, happening.type, error);
      if (!('torrent' in happening) || typeof happening.torrent !== 'object') return;
      const { torrent } = happening;
      this.try('what follows a failure', () => {
        abandonRemoval(this.engine, torrent, error);
        goOn(this.engine, torrent); // A stop may be waiting for this.
      });
    }
  }

  private try(what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      logFailure(this.engine, what, error);
    }
  }
}

function handle(engine: Engine, happening: Happening): void {
  switch (happening.type) {
    // From peer threads
    case 'facts':
      return onFacts(engine, happening);
    case 'listening':
      engine.state.listenPort = happening.port;
      return;
    case 'thread-died':
      return onThreadDied(engine, happening.thread, happening.error);
    case 'thread-restarted':
      return onThreadRestarted(engine, happening.thread);
    // From the app
    case 'added':
      return beginFirstRun(engine, happening);
    case 'add-peers':
      return addPeers(engine, happening);
    case 'set-limits':
      return changeLimits(engine, happening.torrent, happening.limits, happening.schedule);
    case 'ip-filter':
      return setIpFilter(engine, happening.buffer);
    case 'pause':
      return pauseTorrent(engine, happening.torrent);
    case 'resume':
      return resumeTorrent(engine, happening.torrent);
    case 'super-seed':
      return setSuperSeed(engine, happening.torrent, happening.on);
    case 'remove':
      return removeTorrent(engine, happening.torrent, happening.forget);
    case 'stats-wanted': {
      const torrent = engine.state.torrents.get(happening.torrent);
      if (torrent) engine.turn.stats.add(torrent);
      return;
    }
    // Time
    case 'tick':
      return onTick(engine, happening);
    case 'grant-rates':
      return grantRates(engine);
    // From verify workers
    case 'verified':
      return onVerified(engine, happening);
    case 'checked':
      return onChecked(engine, happening);
    case 'synced':
      return onSynced(engine, happening);
    case 'empty-files-made':
      return onEmptyFilesMade(engine, happening);
    case 'verify-thread-died':
      engine.state.threadRestarts++;
      return engine.log('error', 'a verify worker died; its jobs are run again', {
        component: 'verify',
        error: happening.reason,
      });
    // From the disk
    case 'content-opened':
      return onContentOpened(engine, happening);
    case 'looked':
      return onLooked(engine, happening);
    case 'judged':
      return onJudged(engine, happening);
    case 'admitted':
      return onAdmitted(engine, happening);
    case 'record-saved':
      return onRecordSaved(engine, happening);
    case 'last-record-saved':
      return onLastRecordSaved(engine, happening);
    case 'record-removed':
      return onRecordRemoved(engine, happening);
    case 'released':
      return onReleased(engine, happening);
    // From the network
    case 'dial-turn':
      return onDialTurn(engine, happening);
    case 'announced':
      return onAnnounced(engine, happening);
    case 'may-stop-announcing':
      return stopAnnouncing(engine, happening.torrent);
    case 'last-announces-over':
      return onLastAnnouncesOver(engine, happening);
    case 'metadata-loaded':
      return onMetadataLoaded(engine, happening);
    case 'metadata-checked':
      return onMetadataChecked(engine, happening);
    case 'metainfo':
      return onMetainfo(engine, happening);
    // From a handler
    case 'go-on':
      return goOn(engine, happening.torrent);
    default:
      return assertNever(happening);
  }
}

/** A fact that cannot be handled must not take the rest of its batch with it. */
function onFacts(
  engine: Engine,
  { thread, facts }: Extract<Happening, { readonly type: 'facts' }>,
): void {
  for (const fact of facts) {
    try {
      onFact(engine, thread, fact);
    } catch (error) {
      logFailure(engine, fact.type, error);
    }
  }
}

function logFailure(engine: Engine, what: string, error: unknown): void {
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  engine.log('error', 'something that happened could not be handled', { what, error: trace });
}
