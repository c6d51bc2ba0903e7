// The extensions (BEP 10) of one conversation: which one gets a message, under which id the peer
// accepts ours, and what a message costs the peer.

import type { BencodeDictionary } from '../../bencode/value';
import { MillraceError } from '../../errors/millrace-error';
import type { PeerFact } from '../../messages/peer-thread';
import { EXTENDED_HANDSHAKE_ID } from '../../wire/extended-handshake';
import type { ExtendedHandshake } from '../../wire/messages';
import type { MessageBudget } from '../message-budget';
import type { Pipeline } from '../pipeline';
import type { SessionOptions } from '../session-types';
import type { SwarmList } from '../swarm-list';
import type { Extension, ExtensionOrder, ExtensionPeer, TorrentInfo } from './extension';
import { ExtendedHandshakeExtension } from './handshake';

/** The id in an `m` that disables an extension. */
const DISABLED = 0;

/** The part of a session that extensions can call. */
type SessionActs = Pick<ExtensionPeer, 'greet' | 'lost'>;

/** The peer's side of one extension. */
class FarHalf implements ExtensionPeer {
  /** The id under which the peer accepts its messages; undefined: it accepts none. */
  theirId: number | undefined;
  readonly greet: () => void;
  readonly lost: (piece: number) => void;
  private readonly options: SessionOptions;

  constructor(options: SessionOptions, { greet, lost }: SessionActs, theirId?: number) {
    this.options = options;
    this.greet = greet;
    this.lost = lost;
    this.theirId = theirId;
  }

  get connection(): number {
    return this.options.connection;
  }

  get host(): string {
    return this.options.remote.host;
  }

  get port(): number {
    return this.options.remote.port;
  }

  get swarm(): SwarmList | undefined {
    return this.options.swarm;
  }

  get info(): TorrentInfo {
    return this.options.info;
  }

  get accepts(): boolean {
    return this.theirId !== undefined;
  }

  send(payload: Uint8Array): boolean {
    if (this.theirId === undefined) return false;
    this.options.writer.extended(this.theirId, payload);
    return true;
  }

  fact(fact: PeerFact): void {
    this.options.output.fact(fact);
  }
}

interface Channel {
  readonly extension: Extension;
  readonly peer: FarHalf;
  /** A message has been handled. */
  wasUsed: boolean;
}

export class Extensions {
  private readonly options: SessionOptions;
  private readonly budget: MessageBudget;
  private readonly handshake: ExtendedHandshakeExtension;
  /** By the id under which we receive: 0 is the extended handshake. */
  private readonly channels: readonly Channel[];
  /** All except the handshake. */
  private readonly others: readonly Channel[];
  /** Extensions with an end-of-turn handler, which is called after every read. */
  private readonly turning: readonly Extension[];

  /** `lost`: the peer no longer has a piece (BEP 54). */
  constructor(
    options: SessionOptions,
    pipeline: Pipeline,
    budget: MessageBudget,
    lost: ExtensionPeer['lost'],
  ) {
    this.options = options;
    this.budget = budget;
    const acts = { greet: (): void => this.greet(), lost };
    const peer = new FarHalf(options, acts, EXTENDED_HANDSHAKE_ID);
    this.handshake = new ExtendedHandshakeExtension(peer, pipeline, (ids, dictionary) =>
      this.onHandshake(ids, dictionary),
    );
    this.others = options.extensions.flatMap((make): Channel[] => {
      const peer = new FarHalf(options, acts);
      const extension = make(peer);
      return extension === undefined ? [] : [{ extension, peer, wasUsed: false }];
    });
    this.channels = [{ extension: this.handshake, peer, wasUsed: false }, ...this.others];
    this.turning = this.others.flatMap(({ extension }) => (extension.endTurn ? [extension] : []));
  }

  /** When the end of a turn is due even if nothing has happened. */
  get dueMs(): number {
    let dueMs = Infinity;
    for (const extension of this.turning) dueMs = Math.min(dueMs, extension.dueMs ?? Infinity);
    return dueMs;
  }

  /** An extension waits until what was written has been sent. */
  get areSending(): boolean {
    for (const { extension } of this.others) if (extension.isSending) return true;
    return false;
  }

  /** Sends our extended handshake, unless the peer lacks the extension protocol. */
  greet(): void {
    if (!this.options.extensionProtocol) return;
    const ids: Record<string, number> = {};
    const parts: NonNullable<Extension['handshakePart']>[] = [];
    for (const [at, { extension }] of this.others.entries()) {
      ids[extension.name] = extension.isOver ? DISABLED : at + 1;
      if (extension.handshakePart) parts.push(extension.handshakePart);
    }
    this.handshake.send(this.options, ids, parts);
  }

  /** Handles an extended message. Throws `message-too-long`, and what the extension throws. */
  onMessage(id: number, payload: Uint8Array, nowMs: number): void {
    const { budget } = this;
    const channel = this.channels[id];
    if (channel === undefined) return budget.charge(payload.length); // We never announced this id.
    const { name, maxMessageBytes } = channel.extension;
    if (payload.length > maxMessageBytes) {
      throw new MillraceError(
        'message-too-long',
        `a message of ${name} has ${payload.length} bytes where at most ${maxMessageBytes} can be needed`,
        { extension: name, lengthBytes: payload.length, maxBytes: maxMessageBytes },
      );
    }
    // A read buffer may contain thousands of them. The first of each extension is always handled.
    if (!budget.mayDecode && channel.wasUsed) return budget.charge(payload.length);
    channel.wasUsed = true;
    if (channel.extension.onMessage(payload, nowMs)) budget.welcome();
    else budget.chargeBencoded(payload.length);
  }

  onOrder(order: ExtensionOrder): void {
    for (const { extension } of this.others) extension.onOrder?.(order);
  }

  onSent(nowMs: number): void {
    for (const { extension } of this.others) extension.onSent?.(nowMs);
  }

  endTurn(nowMs: number): void {
    for (const extension of this.turning) extension.endTurn?.(nowMs);
  }

  /** A later handshake needs to contain only what has changed (BEP 10). */
  private onHandshake(ids: ExtendedHandshake['extensions'], dictionary: BencodeDictionary): void {
    for (const { extension, peer } of this.others) {
      if (!Object.hasOwn(ids, extension.name)) continue;
      const id = ids[extension.name];
      peer.theirId = id === DISABLED ? undefined : id;
    }
    for (const { extension } of this.others) extension.onHandshake?.(dictionary);
  }
}
