// Options that the benches share.

import { Command, InvalidArgumentError, Option } from 'commander';

export interface SharedFlags {
  readonly quick?: boolean;
  readonly save?: boolean;
  readonly engine?: string;
}

const ONE_ENGINE = new Option(
  '--engine <DIR>',
  'compiled engine to measure (default: dist of this checkout)',
);

/** `engine`: the option for the compiled engine, where it is not one folder. */
export function benchCommand(name: string, description: string, engine = ONE_ENGINE): Command {
  return new Command(name)
    .description(description)
    .option('--quick', 'small and few runs, as a smoke test: figures mean nothing')
    .option('--save', 'keep the results below docs/bench/results')
    .addOption(engine)
    .showHelpAfterError();
}

/** The flags, where `--quick` replaces the defaults, and only those, by `small` ones. */
export function quickened<Flags extends Pick<SharedFlags, 'quick'>>(
  command: Command,
  small: Partial<Flags>,
): Flags {
  const flags = { ...command.opts<Flags>() };
  if (flags.quick !== true) return flags;
  for (const name of Object.keys(small) as (keyof Flags & string)[]) {
    const value = small[name];
    if (value !== undefined && command.getOptionValueSource(name) === 'default')
      flags[name] = value;
  }
  return flags;
}

/** A build to measure: a compiled engine's folder, and its name in the results. */
export interface NamedBuild {
  readonly name: string;
  readonly folder: string;
}

/** Collects `NAME=DIR` of a repeatable option; names must differ. */
export function namedBuilds(text: string, before: readonly NamedBuild[] = []): NamedBuild[] {
  const [, name, folder] = /^([\w.-]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || folder === undefined)
    throw new InvalidArgumentError('Allowed: NAME=DIR, such as before=/tmp/before/dist.');
  if (before.some((build) => build.name === name))
    throw new InvalidArgumentError(`Two builds are called ${name}.`);
  return [...before, { name, folder }];
}

export function positive(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1)
    throw new InvalidArgumentError('Allowed: a whole number from 1.');
  return value;
}

/** `1,8,50` */
export function positiveList(text: string): readonly number[] {
  return text.split(',').map(positive);
}

/** A comma-separated list of the given names. */
export function names<Name extends string>(...allowed: readonly Name[]) {
  return (text: string): readonly Name[] =>
    text.split(',').map((name) => {
      const found = allowed.find((one) => one === name);
      if (found === undefined) throw new InvalidArgumentError(`Allowed: ${allowed.join(', ')}.`);
      return found;
    });
}

const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** `16K`, `4M`, `1G` in bytes. */
export function bytesOf(text: string): number {
  const match = /^(\d+)([KMG])$/.exec(text);
  if (!match)
    throw new InvalidArgumentError('Allowed: a number and K, M or G (2^10, 2^20, 2^30 bytes).');
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1);
}

export function bytesList(text: string): readonly number[] {
  return text.split(',').map(bytesOf);
}

/** 16384 → `16 KiB` */
export function shownBytes(bytes: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size} ${unit}`;
  }
  return `${bytes / 1024} KiB`;
}

/** Adds up values of a repeatable option. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** Runs a bench to its end; a failure of the bench itself sets the exit code, too. */
export function runMain(main: () => Promise<void>): void {
  main().then(
    () => process.exit(process.exitCode ?? 0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}
