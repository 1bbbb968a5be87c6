/** Option rows and what is read from a command line by them. */
import { describe, expect, test } from '@jest/globals';
import { UsageError } from '../../../src/format/errors.ts';
import { addConfig } from '../../../src/mkfs/config.ts';
import { GivenOptions, parseSize } from '../../../src/mkfs/given.ts';
import {
  describeGroup,
  OPTIONS,
  type OptionGroup,
  type OptionKey,
  type OptionRow,
} from '../../../src/mkfs/options.ts';

function given(...words: string[]): GivenOptions {
  const options = new GivenOptions();
  for (let i = 0; i < words.length; i += 2) options.add(words[i]![1] as OptionGroup, words[i + 1]!);
  return options;
}
const units = { blocksize: 4096, sectsize: 512 };

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['17', 17],
    ['0x20', 32],
    ['010', 8],
    ['4k', 4096],
    ['4K', 4096],
    ['1m', 2 ** 20],
    ['2g', 2 ** 31],
    ['3t', 3 * 2 ** 40],
    ['1p', 2 ** 50],
    ['1e', 2 ** 60],
    ['3b', 3 * 4096],
    ['0x10s', 16 * 512],
    ['-1k', -1024],
  ])('%s is %d', (text, bytes) => {
    expect(parseSize(text, units)).toBe(bytes);
  });
  test.each(['', 'k', '1kk', '1.5g', '1x', 'ten', '0x', '08', '1 k'])('%j is no size', (text) => {
    expect(parseSize(text, units)).toBeUndefined();
  });
  test('blocks and sectors need their size to be known', () => {
    expect(parseSize('3b', { blocksize: 0, sectsize: 0 })).toBeUndefined();
    expect(() => given('-s', 'size=8s').number('s.size', units)).toThrow('not a number with a suffix');
  });
});

describe('collecting', () => {
  test('comma-joined, repeated, bare', () => {
    const options = given('-d', 'agcount=4,su=64k', '-d', 'sw=2,file', '-m', 'finobt');
    expect(options.number('d.agcount')).toBe(4);
    expect(options.number('d.su', units)).toBe(65536);
    expect(options.number('d.file')).toBe(1);
    expect(options.flag('m.finobt')).toBe(true);
    expect(options.number('d.size')).toBeUndefined();
    expect(options.flag('m.rmapbt')).toBe(true);
  });
  test.each([
    [['-d', 'agcount=4,agcount=4'], '-d agcount option respecified'],
    [['-m', 'crc=1', '-m', 'crc'], '-m crc option respecified'],
    [['-d', 'agcount=4,agsize=1g'], '-d agcount and -d agsize exclude each other'],
    [['-d', 'su=64k', '-d', 'sunit=8'], '-d su and -d sunit exclude each other'],
    [['-d', 'sectsize=512', '-s', 'size=512'], '-d sectsize and -s size exclude each other'],
    [['-d', 'color=4'], 'unknown option -d color=4'],
    [['-d', 'agcount=4,,su=64k'], 'unknown option -d '],
    [['-p', 'proto.txt'], 'prototype files are not supported'],
    [['-d', 'size'], '-d size needs a value'],
    [['-d', 'name='], '-d name needs a value'],
  ])('%j', (words, message) => {
    expect(() => given(...words)).toThrow(message);
    expect(() => given(...words)).toThrow(UsageError);
  });
});

test('an argument may be empty or end in a comma', () => {
  expect(given('-m', '', '-d', 'agcount=4,').number('d.agcount')).toBe(4);
});

describe('values', () => {
  test.each([
    [['-d', 'agcount=0'], 'd.agcount', '-d agcount=0: the least is 1'],
    [['-d', 'agcount=4k'], 'd.agcount', 'takes no suffix'],
    [['-d', 'agcount=many'], 'd.agcount', '-d agcount=many: not a number'],
    [['-b', 'size=3000'], 'b.size', 'not a power of 2'],
    [['-b', 'size=128k'], 'b.size', 'the greatest is'],
    [['-l', 'version=2,su=260k'], 'l.su', 'the greatest is'],
    [['-m', 'rmapbt=2'], 'm.rmapbt', 'the greatest is'],
    [['-d', 'size=huge'], 'd.size', 'not a number with a suffix'],
  ])('%j', (words, key, message) => {
    expect(() => given(...words).number(key as OptionKey, units)).toThrow(message);
  });
  test('version 5 leaves some no choice', () => {
    given(
      '-m',
      'crc=1',
      '-l',
      'version=2,internal,lazy-count=1',
      '-i',
      'attr=2,align',
      '-n',
      'ftype',
    ).checkRules();
    expect(() => given('-m', 'crc=0').checkRules()).toThrow('version 4');
    expect(() => given('-l', 'version=1').checkRules()).toThrow('version 2 logs');
    expect(() => given('-i', 'projid32bit=0').checkRules()).toThrow('32-bit project ids');
    expect(() => given('-n', 'version=1').number('n.version')).toThrow('the least is 2');
    expect(given('-n', 'version=CI').number('n.version')).toBe(-1);
    expect(() => given('-m', 'metadir').checkRules()).toThrow('metadir');
    expect(() => given('-r', 'zoned=1').checkRules()).toThrow('zoned');
  });
  test('inobtcount needs finobt', () => {
    expect(() => given('-m', 'finobt=0,inobtcount=1').checkRules()).toThrow('needs finobt');
    given('-m', 'finobt=0,inobtcount=0').checkRules();
    given('-m', 'finobt=0').checkRules();
  });
});

test('the rows are consistent with each other', () => {
  const keys = new Set(OPTIONS.map((row) => `${row.group}.${row.name}`));
  expect(keys.size).toBe(OPTIONS.length);
  for (const row of OPTIONS) {
    expect(row.help).not.toBe('');
    expect(row.min).toBeLessThanOrEqual(row.max);
    if (row.needs) expect(keys).toContain(row.needs.key);
    for (const other of row.conflicts) {
      expect(keys).toContain(other);
      // mkfs.xfs takes the other order of these.
      if (row.group === 'l' && row.name === 'name') continue;
      const back: OptionRow = OPTIONS.find((r) => `${r.group}.${r.name}` === other)!;
      expect(back.conflicts).toContain(`${row.group}.${row.name}`);
    }
  }
  expect(describeGroup('d').join('\n')).toMatch(/-d agcount=n +allocation groups/);
});

describe('profiles', () => {
  test.each([
    ['6.1', [false, false, false, false]],
    ['6.6', [true, true, false, false]],
    ['6.12', [true, true, false, false]],
    ['6.18', [true, true, true, true]],
  ] as const)('%s: rmapbt, nrext64, exchange, parent', (profile, flags) => {
    const options = new GivenOptions();
    options.useProfile(profile);
    expect(
      (['m.rmapbt', 'i.nrext64', 'i.exchange', 'n.parent'] as const).map((k) => options.flag(k)),
    ).toEqual(flags);
  });
  test('one that is asked for knows only its own options', () => {
    const options = given('-d', 'concurrency=4');
    expect(() => options.useProfile('6.1')).toThrow('unknown option -d concurrency=4');
    options.useProfile('6.12');
    expect(() => given('-n', 'parent').useProfile('6.6')).toThrow('unknown option -n parent');
  });
});

describe('config files', () => {
  const file = (text: string, ...words: string[]) => {
    const options = given(...words);
    addConfig(options, text, 'file');
    return options;
  };
  test('sections, both separators, comments, any case', () => {
    const options = file(
      '# first\n[Metadata]\nRMAPBT = 0 ; no\n\n[data]\nagcount: 5\r\n;end\n',
      '-d',
      'su=64k',
    );
    expect([options.flag('m.rmapbt'), options.number('d.agcount')]).toEqual([false, 5]);
  });
  test.each([
    ['[data]\nagcount=5\n', ['-d', 'agcount=4'], '-d agcount option respecified'],
    ['[data]\nagcount=5\nagcount=5\n', [], 'respecified'],
    ['[data]\nagsize=1g\n', ['-d', 'agcount=4'], 'exclude each other'],
    ['[data]\ncolor=5\n', [], 'file: line 2: no option [data] color=5'],
    ['[nothing]\nagcount=5\n', [], 'line 2: no option [nothing] agcount=5'],
    ['agcount=5\n', [], 'line 1: no option'],
    ['[data\nagcount=5\n', [], 'line 1: a section without its ]'],
    ['[data]\nagcount\n', [], 'line 2: not name=value'],
    ['[data]\nagcount=\n', [], '-d agcount needs a value'],
    ['[data]\nagcount=5\n su=64k\n', [], '-d agcount option respecified'],
  ])('%j %j', (text, words, message) => {
    expect(() => file(text, ...words)).toThrow(message);
    expect(() => file(text, ...words)).toThrow(UsageError);
  });
});
