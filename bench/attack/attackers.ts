// Child process: peers that cost the engine as much as they can, send as fast as it reads, and
// connect again when they are closed.
//
// Takes its configuration as JSON in argv, prints `ready` when each has sent its first messages,
// and a JSON line with the totals sent when its stdin ends.

import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { constants, setPriority } from 'node:os';
import { MESSAGE_ID } from '../../lib/wire/messages';
import { handshake, message } from '../swarm/protocol';
import type { AttackName } from './attacks';

export interface AttackersConfig {
  readonly attack: AttackName;
  readonly count: number;
  readonly port: number;
  readonly infoHash: string;
  readonly pieceCount: number;
  readonly pieceLengthBytes: number;
}

export interface AttackersDone {
  readonly mibSent: number;
  readonly connections: number;
}

/** Address of the attackers; the honest peer has another. */
const ADDRESS = '127.0.0.2';
/** Length of one write of a flood: many small messages at once. */
const BURST_BYTES = 262_144;
/** Delay before a closed attacker reconnects. */
const RETURN_MS = 50;
/** Requests of a peer that reads no answers; they fit into the `reqq` of the engine. */
const REQUESTS = 1900;
const BLOCK_BYTES = 16_384;
/** Requests in one write that are cancelled at once. */
const FLAPS = 100;

const numbers = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, at) => bytes.writeUInt32BE(value, 4 * at));
  return bytes;
};
const repeated = (...parts: readonly Buffer[]): Buffer => {
  const one = Buffer.concat(parts);
  return Buffer.alloc(Math.ceil(BURST_BYTES / one.length) * one.length, one);
};

const UNKNOWN_ID = 77;
const interested = message(MESSAGE_ID.interested);
const emptyHandshake = message(MESSAGE_ID.extended, Buffer.from('\0de', 'latin1'));

/** The messages that a flood repeats. */
function burstOf({ attack, pieceCount }: AttackersConfig): Buffer | undefined {
  switch (attack) {
    case 'keep-alive':
      return repeated(Buffer.alloc(4));
    case 'choke':
      return repeated(message(MESSAGE_ID.choke), message(MESSAGE_ID.unchoke));
    case 'interest':
      return repeated(message(MESSAGE_ID.notInterested), interested);
    case 'have':
      return repeated(message(MESSAGE_ID.have, numbers(0)));
    case 'unknown':
      return repeated(message(UNKNOWN_ID));
    case 'long-unknown':
      return repeated(message(UNKNOWN_ID, Buffer.alloc(32_000)));
    case 'extended':
      return repeated(emptyHandshake);
    case 'cancel':
      return repeated(message(MESSAGE_ID.cancel, numbers(pieceCount - 1, 0, 1)));
    case 'dropped-request':
      return repeated(message(MESSAGE_ID.request, numbers(0, 0, BLOCK_BYTES)));
    case 'late-bitfield':
      return repeated(message(MESSAGE_ID.bitfield, Buffer.alloc(Math.ceil(pieceCount / 8))));
    default:
      return undefined;
  }
}

class Attacker {
  static sentBytes = 0;
  static connections = 0;
  readonly #config: AttackersConfig;
  readonly #number: number;
  readonly #burst: Buffer | undefined;
  readonly #onFirstWords: () => void;
  #socket!: Socket;
  #trickle: NodeJS.Timeout | undefined;
  #hasBegun = false;

  constructor(
    config: AttackersConfig,
    number: number,
    burst: Buffer | undefined,
    onFirstWords: () => void,
  ) {
    this.#config = config;
    this.#number = number;
    this.#burst = burst;
    this.#onFirstWords = onFirstWords;
    this.#connect();
  }

  #connect(): void {
    Attacker.connections += 1;
    const { port } = this.#config;
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, localAddress: ADDRESS });
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(this.#trickle);
      setTimeout(() => this.#connect(), RETURN_MS);
    });
    socket.on('connect', () => this.#open());
  }

  #open(): void {
    const { attack, infoHash, pieceCount } = this.#config;
    this.#send(Buffer.from(handshake(infoHash, 1000 + this.#number)));
    switch (attack) {
      case 'never-read':
      case 'trickle':
      case 'crawl':
      case 'idle':
      case 'crumbs':
      case 'cancel':
      case 'flapping-requests':
        this.#whenUnchoked();
        this.#send(interested);
        return;
      case 'reconnect': {
        const bits = Buffer.alloc(Math.ceil(pieceCount / 8), 0xff);
        bits[0] = 0x7f; // a seed is counted in one step
        bits[bits.length - 1] = (0xff << (bits.length * 8 - pieceCount)) & 0xff;
        this.#socket.resume();
        this.#send(message(MESSAGE_ID.bitfield, bits), () => this.#socket.end());
        break;
      }
      case 'come-and-go':
        this.#socket.once('data', () => this.#socket.end()); // the answer: both have shaken hands
        break;
      case 'segments':
        this.#socket.resume();
        this.#step(0);
        break;
      default:
        this.#socket.resume();
        this.#flood();
    }
    this.#done();
  }

  #whenUnchoked(): void {
    let received = Buffer.alloc(0);
    const listen = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes]).subarray(-BURST_BYTES);
      if (!received.includes(Buffer.from([0, 0, 0, 1, MESSAGE_ID.unchoke]), 68)) return;
      this.#socket.off('data', listen);
      this.#onUnchoked();
      this.#done();
    };
    this.#socket.on('data', listen);
  }

  #onUnchoked(): void {
    const { attack } = this.#config;
    if (attack === 'crumbs') {
      this.#socket.on('data', () => undefined);
      this.#askForCrumbs();
      return;
    }
    if (attack === 'idle') {
      this.#socket.resume();
      return;
    }
    if (attack === 'cancel') this.#socket.pause();
    if (attack === 'flapping-requests') {
      this.#socket.resume();
      return this.#requestAndCancel();
    }
    this.#socket.pause();
    this.#send(this.#requests(BLOCK_BYTES));
    if (attack === 'cancel') this.#flood();
    if (attack === 'trickle' || attack === 'crawl') {
      const lengthBytes = attack === 'trickle' ? 1 : BLOCK_BYTES;
      this.#trickle = setInterval(() => this.#socket.read(lengthBytes), 1000);
    }
  }

  #requests(lengthBytes: number): Buffer {
    const { pieceCount, pieceLengthBytes } = this.#config;
    const blocks = pieceLengthBytes / BLOCK_BYTES;
    const requests = Array.from({ length: REQUESTS }, (_, index) => {
      const at = index * 17 + this.#number * 31;
      const piece = Math.floor(at / blocks) % (pieceCount - 1);
      return message(MESSAGE_ID.request, numbers(piece, (at % blocks) * BLOCK_BYTES, lengthBytes));
    });
    return Buffer.concat(requests);
  }

  /** Requests one byte each of the allowed number of blocks, and again when they have come. */
  #askForCrumbs(): void {
    let leftBytes = REQUESTS * 14;
    const count = (bytes: Buffer): void => {
      leftBytes -= bytes.length;
      if (leftBytes > 0) return;
      this.#socket.off('data', count);
      this.#askForCrumbs();
    };
    this.#socket.on('data', count);
    this.#send(this.#requests(1));
  }

  /** Requests blocks far apart and cancels each at once, to cause useless disk reads. */
  #requestAndCancel(): void {
    const { pieceCount } = this.#config;
    const pairs = Array.from({ length: FLAPS }, (_, index) => {
      const block = numbers((index * 7 + this.#number * 31) % (pieceCount - 1), 0, BLOCK_BYTES);
      return Buffer.concat([message(MESSAGE_ID.request, block), message(MESSAGE_ID.cancel, block)]);
    });
    this.#repeat(Buffer.concat(pairs));
  }

  #repeat(bytes: Buffer): void {
    if (this.#socket.destroyed) return;
    this.#send(bytes, () => setImmediate(() => this.#repeat(bytes)));
  }

  #flood(): void {
    const burst = this.#burst;
    if (burst === undefined || this.#socket.destroyed) return;
    this.#send(burst, () => this.#flood());
  }

  /** Sends one change of interest in its own TCP segment. */
  #step(round: number): void {
    if (this.#socket.destroyed) return;
    const what = round % 2 === 0 ? interested : message(MESSAGE_ID.notInterested);
    this.#send(what, () => setImmediate(() => this.#step(round + 1)));
  }

  #send(bytes: Buffer, onFlushed?: () => void): void {
    this.#socket.write(bytes, (error) => {
      if (error) return;
      Attacker.sentBytes += bytes.length;
      onFlushed?.();
    });
  }

  #done(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#onFirstWords();
  }
}

/**
 * Real attackers run elsewhere, so these run at low priority: only the engine's work should count.
 */
function yieldToOthers(): void {
  setPriority(constants.priority.PRIORITY_LOW);
  try {
    // With autogroups, Linux shares the CPU among sessions, so the session needs the low priority.
    writeFileSync('/proc/self/autogroup', String(constants.priority.PRIORITY_LOW));
  } catch {
    // No autogroups here.
  }
}

function main(): void {
  yieldToOthers();
  const config = JSON.parse(process.argv[2] ?? '') as AttackersConfig;
  const burst = burstOf(config);
  let left = config.count;
  const onFirstWords = (): void => {
    if (--left === 0) console.log('ready');
  };
  for (let number = 0; number < config.count; number++) {
    new Attacker(config, number, burst, onFirstWords);
  }
  process.stdin
    .once('end', () => {
      const { sentBytes, connections } = Attacker;
      const done: AttackersDone = { mibSent: sentBytes / 2 ** 20, connections };
      console.log(JSON.stringify(done));
      process.exit(0);
    })
    .resume();
}

main();
