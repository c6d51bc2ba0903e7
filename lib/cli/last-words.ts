// Loaded before everything else: a process that may open too few files to load the rest of the command
// says so in one line, where Node would print a stack.

const WORDS: Readonly<Record<string, string>> = {
  EMFILE:
    'this process may have too few files open to begin with: raise that limit (see `ulimit -n`), 256 are enough',
  ENFILE:
    'the system has as many files open as it can: close other programs, or raise its limit (`fs.file-max`)',
};

process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  const words = WORDS[error.code ?? ''];
  // Anything else is a bug, and its stack is wanted.
  process.stderr.write(words === undefined ? `${error.stack ?? error}\n` : `millrace: ${words}\n`);
  process.exit(1);
});
