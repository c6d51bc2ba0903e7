// An add that the engine does not answer, as when a file system hangs: its signal frees the caller.

import { expect } from 'chai';
import { Coordinator, EngineThreads } from '../../lib/index';
import type { CoordinatorStart } from '../../lib/messages/boot';
import { exposeControl } from '../../lib/threads/control';
import { Payload } from '../support/payload';
import { until } from '../support/until';

/** Threads whose engine starts and closes, and answers nothing in between. */
class SilentThreads extends EngineThreads {
  readonly asked: string[] = [];

  override async run({ control }: CoordinatorStart): Promise<string> {
    const never = (name: string) => (): Promise<never> => {
      this.asked.push(name);
      return new Promise(() => undefined);
    };
    const ended = new Promise<void>((done) => {
      const close = (): void => done();
      const start = (): object => ({ port: undefined });
      exposeControl({ start, close, add: never('add'), cancelAdd: never('cancelAdd') }, control);
    });
    await ended;
    await this.terminate();
    return 'closed';
  }
}

describe('api: an add that the engine does not answer', function () {
  this.timeout(60_000); // the caller is freed after 5 s

  it('rejects with the reason of its signal, and leaves no torrent', async () => {
    const threads = new SilentThreads(1);
    const engine = await Coordinator.start({ threads });
    try {
      const stop = new AbortController();
      const { torrent } = new Payload({ name: 'x', files: { x: 1 } });
      const adding = engine.add(torrent, { signal: stop.signal }).catch((error: unknown) => error);
      await until(() => threads.asked.includes('add'), 'the call of `add`');
      stop.abort();
      expect(await adding).to.equal(stop.signal.reason);
      expect(threads.asked).to.deep.equal(['add', 'cancelAdd']);
      expect(engine.torrents).to.deep.equal([]);
    } finally {
      await engine.close();
    }
  });
});
