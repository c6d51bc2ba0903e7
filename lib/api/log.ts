// The embedder's logger, as the engine uses it: fields that identify the source of a record become a
// child logger, if the logger supports them as pino does.

import type { LogBindings, LogFields } from '../messages/control';
import type { LogLevel } from '../text/log-levels';
import type { Logger } from './options';

/** Most child loggers kept: they are cheap to create, and an engine may see many torrents. */
const MAX_CHILDREN = 1_000;

export class EngineLog {
  readonly #logger: Logger | undefined;
  /** By the fields that each adds to records. */
  readonly #children = new Map<string, Logger>();

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  write(level: LogLevel, message: string, given: LogFields): void {
    const { component, torrent, thread, ...fields } = given;
    const child = this.#childOf({ component, torrent, thread });
    // A record must not end the engine, whatever an embedder's `child` returns.
    if (typeof child?.[level] === 'function') child[level](fields, message);
    else this.#logger?.[level](given, message);
  }

  #childOf(bindings: LogBindings): Logger | undefined {
    if (this.#logger?.child === undefined) return undefined;
    // Without undefined fields.
    const key = JSON.stringify(bindings);
    let child = this.#children.get(key);
    if (child === undefined) {
      if (this.#children.size === MAX_CHILDREN) this.#children.clear();
      try {
        child = this.#logger.child(JSON.parse(key) as object);
      } catch {
        return undefined;
      }
      this.#children.set(key, child);
    }
    return child;
  }
}
