// The command line as a whole: its commands, its usage errors, and the exit code of a command. Only
// the requested command is loaded.

import { Command, CommanderError } from 'commander';
import type { Api, Io, Job, RunFlags } from './context';
import { EXIT } from './context';
import { failureJson, failureLine, failureOf } from './failure';
import type { EngineThreads } from '../index';
import type { Interrupt, SignalEvents } from './interrupt';
import { COMMANDS } from './commands';

export interface Surroundings {
  readonly io: Io;
  loadApi(): Api;
  /** Threads for a command that starts an engine. */
  readonly threads?: EngineThreads | undefined;
  watchSignals(events: SignalEvents): Interrupt;
  /** Returns a sentence about the parts of the command line that are not text. */
  readonly notText?: ((argv: readonly string[]) => string | undefined) | undefined;
  /** Start of the program on the clock of `performance.now()`. */
  readonly startedMs: number;
}

const EXAMPLES = `
Examples:
  millrace demo
  millrace download debian.iso.torrent --output ~/isos
  millrace create ./photos --output photos.torrent --tracker http://tracker.example/announce
  millrace seed photos.torrent --data .

Exit codes: 0 done, 1 failed, 2 wrong usage, 129 / 130 / 143 interrupted by
SIGHUP / SIGINT / SIGTERM.`;

/** Runs the command line (without `node` and the script's name) and returns the exit code. */
export async function runProgram(argv: readonly string[], around: Surroundings): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = new Command('millrace');
  const run = async (flags: RunFlags, job: Job): Promise<void> => {
    const broken = around.notText?.(argv);
    exitCode = await runJob(flags, broken === undefined ? job : refuse(broken), around);
  };
  program
    .description('A BitTorrent engine on worker threads.')
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .showHelpAfterError('(millrace --help lists the commands)')
    .configureOutput({
      writeOut: (text) => around.io.stdout(text),
      writeErr: (text) => around.io.stderr(text),
      outputError: (text, print) => {
        const shown = withoutSecrets(text, around.loadApi().redactUrl);
        print(shown.replace(/^error: /, 'millrace: '));
      },
    })
    .option('-V, --version', 'print the version');
  // The version is part of the library, which is loaded only on request.
  program.on('option:version', () => {
    around.io.stdout(`${around.loadApi().VERSION}\n`);
    throw new CommanderError(EXIT.done, 'commander.version', 'version');
  });

  const words = withoutHelp(argv);
  const wanted = words[0];
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = program.command(name).description(summary);
    if (name !== wanted) continue;
    command.showHelpAfterError(`(millrace ${name} --help lists what is allowed)`);
    load().define(command, run);
  }
  if (wanted === undefined) {
    around.io.stderr(program.helpInformation());
    around.io.stderr(`${EXAMPLES}\n`);
    return EXIT.usage;
  }

  try {
    await program.parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const failure = failureOf(error);
    around.io.stderr(failureLine(failure));
    return failure.exitCode;
  }
}

/**
 * Turns `help download` into `download --help`. An unknown command is kept alone: commander would
 * answer `foo --help` with the general help, as if there were no mistake.
 */
function withoutHelp(argv: readonly string[]): readonly string[] {
  const help = argv[0] === 'help';
  const name = help ? argv[1] : argv[0];
  if (help && (name === undefined || name === 'help')) return ['--help'];
  if (name === undefined || name.startsWith('-')) return help ? ['--help'] : argv;
  if (!Object.hasOwn(COMMANDS, name)) return [name];
  return help ? [name, '--help'] : argv;
}

/** Commander quotes the word that it refuses: it may be a tracker's URL with a passkey, or resemble one. */
function withoutSecrets(text: string, redact: (quoted: string) => string): string {
  return text.replace(
    /( (?:argument|value) '|unknown option ')(.*)('(?: is invalid|$))/ms,
    (_, before: string, quoted: string, after: string) => before + redact(quoted) + after,
  );
}

const LATE =
  'it does not stop: a file system does not answer; ended at once, and the next run checks again what was not recorded';

async function runJob(flags: RunFlags, job: Job, around: Surroundings): Promise<number> {
  const { io, startedMs } = around;
  const interrupt = around.watchSignals({
    onFirst: () => {
      if (!flags.quiet) io.stderr('millrace: stopping; once more to stop at once\n');
    },
    onLate: () => io.stderr(`millrace: ${LATE}\n`),
  });
  try {
    const { signal } = interrupt;
    const exitCode = await job({
      io,
      api: around.loadApi(),
      signal,
      startedMs,
      threads: around.threads,
    });
    return interrupt.exitCode() ?? exitCode;
  } catch (error) {
    const stopped = interrupt.exitCode();
    const failure = failureOf(error);
    // Work that was interrupted by a signal is not a failure; a record that could not be saved is
    // one.
    if (stopped === undefined || !isCutShort(error)) {
      io.stderr(failureLine(failure));
      if (flags.json) io.stdout(failureJson(failure));
    }
    if (failure.code === 'close-incomplete') interrupt.kill();
    return stopped ?? failure.exitCode;
  } finally {
    interrupt.dispose();
  }
}

/** Used instead of a command's work if its options are invalid. */
function refuse(message: string): Job {
  return ({ api }) => Promise.reject(new api.MillraceError('bad-option', message));
}

function isCutShort(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'AbortError' || ['closed', 'aborted'].includes(failureOf(error).code);
}
