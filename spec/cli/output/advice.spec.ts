// The table of advice: the library advises in terms of its API, the command line in terms of its
// options, and both give the same advice.

import { expect } from 'chai';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import ts from 'typescript';
import { IN_OUR_WORDS, inOurWords } from '../../../lib/cli/output/advice';
import { failureOf } from '../../../lib/cli/failure';
import { COMMANDS } from '../../../lib/cli/commands';
import { MillraceError, advised } from '../../../lib/errors/millrace-error';

const LIB = join(__dirname, '..', '..', '..', 'lib');

interface Literal {
  readonly file: string;
  readonly text: string;
}

/** Every piece of text in the sources of the library, the command line aside. */
function literals(): Literal[] {
  const files = readdirSync(LIB, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.startsWith('cli'),
  );
  return files.flatMap((file) => {
    const found: Literal[] = [];
    const source = ts.createSourceFile(
      file,
      readFileSync(join(LIB, file), 'utf8'),
      ts.ScriptTarget.Latest,
    );
    const visit = (node: ts.Node): void => {
      if (ts.isStringLiteralLike(node)) found.push({ file, text: node.text });
      if (ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node))
        found.push({ file, text: node.text });
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found;
  });
}

/** Advice for programmers only: no command can raise the error. */
const FOR_CODE = [
  'an engine is made by Coordinator.start()',
  "a Torrent is made by an engine's add()",
  'the engine is closed: start a new Coordinator',
];
const API_TERM =
  /\b(?:the )?options? [a-z]\w*\b|\b[a-z]\w*\(\)|\bnew Coordinator\b|\bpackets of the/i;

describe('cli: advice', () => {
  const all = literals();

  it('matches the sentences of the library', () => {
    expect(all.length).to.be.above(3000);
    expect(all.map(({ text }) => text).join('\n')).to.include('the option adopt');
  });

  it('names no flag and no command in the library', () => {
    const flags = all.filter(({ text }) => /(^|[^-\w])--[a-z]|\bmillrace [a-z]+\b/.test(text));
    expect(flags).to.deep.equal([]);
  });

  it('is put into words of the command line, all of it', () => {
    const advice = all.filter(({ text }) => API_TERM.test(text) && !FOR_CODE.includes(text));
    // `option X must be …` names an option that was given, UDP trackers have options of their own,
    // and the table of a torrent's life is for its picture.
    const left = advice.filter(({ text }) => API_TERM.test(inOurWords(text)));
    const others = /^(api.(checks|engine-threads)|inspect.dissect-udp|coordinator.torrent.life)/;
    expect(left.filter(({ file }) => !others.test(file))).to.deep.equal([]);
  });

  it('has no words that the library does not say', () => {
    const texts = all.map(({ text }) => text).join('\n');
    const bad = Object.keys(IN_OUR_WORDS).filter(
      (words) => !texts.includes(words) && words !== 'the option host',
    );
    expect(bad).to.deep.equal([]);
  });

  it('names flags and commands that there are', () => {
    const known = Object.entries(COMMANDS).flatMap(([name, { load }]) => {
      const command = new Command(name);
      load().define(command, () => Promise.resolve());
      return [`\`millrace ${name}\``, ...command.options.map(({ long }) => long)];
    });
    for (const ours of Object.values(IN_OUR_WORDS))
      for (const word of ours.match(/--[a-z-]+|`[^`]+`/g) ?? []) expect(known).to.include(word);
  });

  it('is the end of the message in either world', () => {
    const error = advised(
      'file-not-ours',
      '/x/the option adopt exists',
      'allow it by the option adopt',
      { path: '/x' },
    );
    expect(error.message).to.equal('/x/the option adopt exists; allow it by the option adopt');
    expect(error.details).to.deep.equal({ path: '/x', advice: 'allow it by the option adopt' });
    // What is quoted stays as it is, and threads may have been crossed.
    for (const each of [error, MillraceError.fromRecord(error.toRecord())])
      expect(failureOf(each)).to.deep.equal({
        code: 'file-not-ours',
        message: '/x/the option adopt exists; allow it by --adopt',
        exitCode: 1,
      });
  });

  it('calls a wrong option by the name of its flag', () => {
    const error = new MillraceError('bad-option', 'option host must be a name, not "a b"', {
      option: 'host',
    });
    expect(failureOf(error)).to.include({
      message: '--host must be a name, not "a b"',
      exitCode: 2,
    });
  });
});
