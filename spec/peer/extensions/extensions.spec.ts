// Extensions of the protocol (BEP 10), by one that echoes: how both sides find each other's ids,
// and what a peer that plays with ids, lengths and numbers gets.

import { expect } from 'chai';
import fc from 'fast-check';
import type { Extension, ExtensionPeer } from '../../../lib/peer/extensions/extension';
import { SwarmList } from '../../../lib/peer/swarm-list';
import { EXTENSIONS } from '../../../lib/peer/extensions/list';
import {
  decodeExtendedHandshake,
  encodeExtendedHandshake,
} from '../../../lib/wire/extended-handshake';
import { Pair, Side } from '../../support/pair';
import type { SideOptions } from '../../support/pair';
import { ECHO_CAP_BYTES, Echo } from './echo';

/** A side that speaks an extension `x_echo` under id 2, after another under id 1. */
function echoing(options: SideOptions = {}): { side: Side; echo: Echo; other: Echo } {
  const made: Echo[] = [];
  const make =
    (name: string, size: number) =>
    (peer: ExtensionPeer): Echo => {
      const echo = new Echo(peer, name, size);
      made.push(echo);
      return echo;
    };
  const side = new Side({ extensions: [make('x_other', 1), make('x_echo', 7)], ...options });
  const [other, echo] = made;
  if (echo === undefined || other === undefined) throw new Error('not made');
  return { side, echo, other };
}

function greet(side: Side, extensions: Record<string, number>, size?: number): void {
  const parts = size === undefined ? [] : [{ echo_size: size }];
  side.receive((writer) => writer.extended(0, encodeExtendedHandshake({ extensions }, parts)));
}

function send(side: Side, id: number, text: string): void {
  side.receive((writer) => writer.extended(id, Buffer.from(text, 'latin1')));
}

/** Messages that extensions sent to the peer: the id and the text. */
function messagesOf(side: Side): [number, string][] {
  return side
    .sent()
    .flatMap((message) =>
      message.type === 'extended'
        ? [[message.id, Buffer.from(message.payload).toString('latin1')] as [number, string]]
        : [],
    );
}

describe('peer/extensions', () => {
  it('are announced with the ids of their places and with what they have to say', () => {
    const { side } = echoing();
    side.start();
    const [message] = side.sent();
    if (message?.type !== 'extended') throw new Error('no extended handshake');
    expect(message.id).to.equal(0);
    expect(decodeExtendedHandshake(message.payload)).to.deep.equal({
      extensions: { x_other: 1, x_echo: 2 },
      client: 'spec 1',
      listenPort: 6881,
      requestQueue: 500,
      yourIp: Uint8Array.of(192, 0, 2, 1),
    });
    expect(Buffer.from(message.payload).toString('latin1')).to.include('9:echo_sizei7e');
  });

  it('are not announced to a peer without the protocol, which may greet us all the same', () => {
    const { side, echo } = echoing({ extensionProtocol: false });
    side.start();
    expect(messagesOf(side)).to.deep.equal([]);
    expect(echo.say('too early')).to.equal(false);
    greet(side, { x_echo: 9 });
    expect(echo.say('now')).to.equal(true);
    expect(messagesOf(side)).to.deep.equal([[9, 'now']]);
  });

  it('talk to their other halves, each way under the id that the receiver chose', () => {
    const echoes: Echo[] = [];
    const make = (name: string) => (peer: ExtensionPeer) => {
      const echo = new Echo(peer, name, name.length);
      echoes.push(echo);
      return echo;
    };
    const pair = new Pair(
      { extensions: [make('x_echo'), make('x_left')] },
      { extensions: [make('x_right'), make('x_echo')] },
    );
    const [left, alone, , right] = echoes as [Echo, Echo, Echo, Echo];
    expect(left.say('before the handshake')).to.equal(false);
    pair.exchange();
    expect(left.say('from the left')).to.equal(true);
    expect(right.say('from the right')).to.equal(true);
    expect(alone.say('to nobody')).to.equal(false);
    pair.exchange();
    expect(left.got).to.have.members(['from the right', 'from the left!']);
    expect(right.got).to.have.members(['from the left', 'from the right!']);
    expect(left.offers).to.deep.equal([{ size: 6, accepts: true }]);
    expect(alone.offers).to.deep.equal([{ size: 6, accepts: false }]);
    expect(pair.left.closed ?? pair.right.closed).to.equal(undefined);
  });

  describe('a handshake that comes again (BEP 10)', () => {
    it('changes the id', () => {
      const { side, echo } = echoing();
      greet(side, { x_echo: 5 });
      greet(side, { x_echo: 6 });
      echo.say('hello');
      expect(messagesOf(side)).to.deep.equal([[6, 'hello']]);
      expect(side.of('extended-handshake')).to.have.length(1);
    });

    it('disables what has id 0, and may enable it again', () => {
      const { side, echo } = echoing();
      greet(side, { x_echo: 5 }, 11);
      greet(side, { x_echo: 0 }, 12);
      expect(echo.peer.accepts).to.equal(false);
      expect(echo.say('hello')).to.equal(false);
      send(side, 2, 'we listen still');
      greet(side, { x_echo: 5 }, 13);
      echo.say('back');
      expect(messagesOf(side)).to.deep.equal([[5, 'back']]);
      expect(echo.got).to.deep.equal(['we listen still']);
      expect(echo.offers).to.deep.equal([
        { size: 11, accepts: true },
        { size: 12, accepts: false },
        { size: 13, accepts: true },
      ]);
    });

    it('leaves alone what it does not name', () => {
      const { side, echo, other } = echoing();
      greet(side, { x_echo: 5 });
      greet(side, { x_other: 255 });
      echo.say('a');
      other.say('b');
      expect(messagesOf(side)).to.deep.equal([
        [5, 'a'],
        [255, 'b'],
      ]);
    });

    it('leaves alone what has an id that is none', () => {
      const { side, echo } = echoing();
      greet(side, { x_echo: 5 });
      for (const id of ['i256e', 'i-1e', '1:x', 'le']) {
        side.receive((writer) => writer.extended(0, Buffer.from(`d1:md6:x_echo${id}ee`, 'latin1')));
      }
      echo.say('a');
      expect(messagesOf(side)).to.deep.equal([[5, 'a']]);
    });
  });

  it('need no other word in a handshake, which then changes nothing else', () => {
    const { side } = echoing();
    greet(side, {});
    greet(side, {});
    expect(side.facts).to.deep.equal([{ type: 'extended-handshake', connection: 32 }]);
    const { pipeline } = side.session.download;
    const before = pipeline.depth;
    pipeline.onBlock(16_384, 1);
    expect(pipeline.depth).to.equal(before + 1);
  });

  it('that fail by an error of ours end this conversation, with a log', () => {
    const broken: Extension = {
      name: 'x_broken',
      maxMessageBytes: 10,
      onMessage: () => {
        throw new TypeError('oops');
      },
    };
    const side = new Side({ extensions: [() => broken] });
    send(side, 1, 'x');
    expect(side.closed).to.deep.equal({ reason: 'connection-error', detail: 'oops' });
    expect(side.facts).to.have.length(1);
    expect(side.of('log')[0]).to.deep.include({
      level: 'error',
      message: 'a connection was closed by an internal error: oops',
    });
    expect(side.of('log')[0]?.fields).to.include({ connection: 32 });
  });

  it('are not confused by names that every object has', () => {
    let echo: Echo | undefined;
    const make = (peer: ExtensionPeer) => (echo = new Echo(peer, 'constructor'));
    const side = new Side({ extensions: [make] });
    greet(side, {});
    expect(echo?.say('hello')).to.equal(false);
    greet(side, { constructor: 4 });
    expect(echo?.say('hello')).to.equal(true);
    expect(messagesOf(side)).to.deep.equal([[4, 'hello']]);
  });

  it('do not hear messages under ids that were never announced', () => {
    const { side, echo, other } = echoing();
    greet(side, { x_echo: 5 });
    for (const id of [3, 5, 255]) send(side, id, 'who is it?');
    expect([...echo.got, ...other.got]).to.deep.equal([]);
    expect(side.closed).to.equal(undefined);
    send(side, 2, 'you');
    expect(echo.got).to.deep.equal(['you']);
  });

  it('take messages as long as they allow, and close the peer on one byte more', () => {
    const { side, echo } = echoing();
    greet(side, { x_echo: 5 });
    send(side, 2, '!'.repeat(ECHO_CAP_BYTES));
    expect(echo.got).to.have.length(1);
    expect(side.closed).to.equal(undefined);
    send(side, 2, '!'.repeat(ECHO_CAP_BYTES + 1));
    expect(echo.got).to.have.length(1);
    expect(side.closed).to.deep.equal({
      reason: 'message-too-long',
      detail: 'a message of x_echo has 101 bytes where at most 100 can be needed',
    });
  });

  it('hear few of the messages that one read brings, but the first of each always', () => {
    const { side, echo, other } = echoing();
    side.receive((writer) => {
      for (let time = 0; time < 10_000; time++) writer.extended(2, Buffer.from('!'));
      writer.extended(1, Buffer.from('!'));
      writer.extended(1, Buffer.from('!'));
    });
    expect(echo.got.length).to.be.within(10, 100);
    expect(other.got).to.have.length(1);
  });

  it('pay for messages that bring nothing, and not for news', () => {
    const flood = (text: string): number => {
      const { side } = echoing();
      for (let read = 0; read < 50; read++) {
        side.receive((writer) => {
          for (let time = 0; time < 50; time++) writer.extended(2, Buffer.from(text));
        });
      }
      return side.session.readAgainMs - side.nowMs;
    };
    expect(flood('chatter!')).to.be.above(0);
    expect(flood('news!')).to.equal(-Infinity);
  });

  it('get the end of every turn, and one when they want it', () => {
    const { side, echo } = echoing();
    expect(side.session.nextDeadlineMs).to.equal(side.nowMs + 60_000);
    echo.dueMs = side.nowMs + 500;
    expect(side.session.nextDeadlineMs).to.equal(side.nowMs + 500);
    side.tick(500);
    side.receive((writer) => writer.keepAlive());
    expect(echo.turns).to.deep.equal([side.nowMs, side.nowMs]);
    expect(side.session.nextDeadlineMs).to.be.above(side.nowMs + 500);
  });

  it('want no turn unless they say so', () => {
    const mute: Extension = { name: 'x_mute', maxMessageBytes: 1, onMessage: () => false };
    const side = new Side({ extensions: [() => mute] });
    expect(side.session.nextDeadlineMs).to.equal(side.nowMs + 60_000);
    greet(side, { x_mute: 1 });
    send(side, 1, 'x');
    side.tick(1);
    expect(side.closed).to.equal(undefined);
  });

  it('survive every sequence of handshakes and messages, and send only to peers that support them', () => {
    const id = fc.integer({ min: 0, max: 4 });
    const step = fc.oneof(
      fc.record({ greet: fc.dictionary(fc.constantFrom('x_echo', 'x_other', 'x_none'), id) }),
      fc.record({ id, text: fc.constantFrom('', 'a', '!', 'b'.repeat(101), 'news!') }),
      fc.constant({ say: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { side, echo } = echoing();
        let theirId = 0;
        for (const step of steps) {
          if (side.closed !== undefined) break;
          if ('greet' in step) {
            greet(side, step.greet);
            theirId = step.greet['x_echo'] ?? theirId;
          } else if ('id' in step) {
            if (step.id !== 0) send(side, step.id, step.text);
          } else expect(echo.say('x')).to.equal(theirId !== 0);
          for (const [id, text] of messagesOf(side)) if (text === 'x') expect(id).to.equal(theirId);
        }
        expect(side.closed?.reason).to.be.oneOf([undefined, 'message-too-long']);
        expect(side.of('log')).to.deep.equal([]);
      }),
      { numRuns: 200 },
    );
  });

  it('of the list have names of their own, and ids that fit into a byte', () => {
    const { peer } = echoing({ swarm: new SwarmList() }).echo;
    const names = EXTENSIONS.flatMap((make) => make(peer)?.name ?? []);
    expect(names).to.have.length(EXTENSIONS.length);
    expect(new Set(names).size).to.equal(names.length);
    expect(names.length).to.be.at.most(255);
  });
});
