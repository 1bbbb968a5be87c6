/** Writing over a small image in memory: values, the three modes, refusals, fuzz verbs, CRCs, plain bytes. */
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../../src/db/commands/table.ts';
import { openFilesystem } from '../../../src/db/filesystem.ts';
import { Session } from '../../../src/db/session.ts';
import { Stage } from '../../../src/db/stage.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { crcIsGood } from '../../../src/format/checksum.ts';
import { hashName } from '../../../src/format/dahash.ts';
import { SB_CRC_OFFSET } from '../../../src/format/superblock.ts';
import { smallImage } from '../../support/smallimage.ts';

const { device: pristine, files, geometry } = smallImage();

interface Bench {
  readonly device: MemoryDevice;
  readonly session: Session;
  /** Output of lines, one after the other. */
  ask(...lines: string[]): string;
}

function bench(options: { expert?: boolean; writable?: boolean } = {}): Bench {
  const { expert = true, writable = true } = options;
  const device = new MemoryDevice(pristine.bytes.slice(), 'copy');
  const session = new Session(openFilesystem(writable ? new Stage(device) : device), COMMANDS, { expert });
  return { device, session, ask: (...lines) => lines.map((line) => session.run(line).text).join('') };
}

test('a field of every kind of value, on the device at once and with a good CRC', () => {
  const { device, session, ask } = bench();
  expect(ask('sb 0', 'write fname "ab\\000\\101"')).toBe(
    'fname = "ab\\000A\\000\\000\\000\\000\\000\\000\\000\\000"\n',
  );
  expect(Buffer.from(device.bytes.subarray(108, 112)).toString('latin1')).toBe('ab\0A');
  expect(ask('write fname #6669736800')).toContain('"fish');
  expect(ask('write uuid 00112233-4455-6677-8899-aabbccddeeff')).toBe(
    'uuid = 00112233-4455-6677-8899-aabbccddeeff\n',
  );
  expect(ask('write imax_pct 017')).toBe('imax_pct = 15\n');
  expect(crcIsGood(device.bytes.subarray(0, geometry.sectsize), SB_CRC_OFFSET)).toBe(true);
  expect(session.failed).toBe(false);
});

test('numbers to the full 64 bits and below zero, bits below the byte, elements of arrays together', () => {
  const { ask } = bench();
  expect(ask(`inode ${geometry.rootino}`, 'write core.size 0xffffffffffffffff')).toBe('core.size = -1\n');
  expect(ask('write core.size -2')).toBe('core.size = -2\n');
  expect(ask('write v3.flags2 18446744073709551607', 'write v3.flags2 8')).toBe(
    'v3.flags2 = 0xfffffffffffffff7\nv3.flags2 = 0x8\n',
  );
  expect(ask('write core.uid -1', 'write core.uid -2147483649')).toBe(
    "core.uid = 4294967295\nunable to convert value '-2147483649'.\n",
  );
  expect(ask('write core.nodump 1', 'write core.nodump 2', 'p core.nodump core.noatime')).toBe(
    "core.nodump = 1\nunable to convert value '2'.\ncore.nodump = 1\ncore.noatime = 0\n",
  );
  expect(ask('agfl 1', 'write bno[4-5] #0000000500000006')).toBe('bno[4-5] = 4:5 5:6\n');
});

test('what the kernel would not read is refused and leaves no byte changed', () => {
  const { device, session, ask } = bench();
  const lines = [
    ['agf 1', 'write freeblks 4294967295'],
    ['agf 0', 'write bnolevel 99'],
    ['agi 0', 'write unlinked[3] 1'],
    ['agfl 2', 'write bno[0] 0xfffffffe'],
    [`inode ${geometry.rootino}`, 'write core.magic 0'],
    ['sb 0', 'write blocksize 12345'],
    ['agf 0', 'addr bnoroot', 'write numrecs 60000'],
    ['agf 0', 'addr bnoroot', 'write magic 0x41423343'],
  ];
  for (const script of lines) {
    const text = ask(...script);
    expect([script, text.split('\n')[0]]).toEqual([script, 'write error: Structure needs cleaning']);
  }
  expect(ask('sb 0', 'write magicnum 1')).toBe('write error: Invalid argument\nmagicnum = 0x58465342\n');
  expect(session.failed).toBe(true);
  expect(Buffer.compare(device.bytes, pristine.bytes)).toBe(0);
});

test('-d seals what is wrong, -c leaves the CRC wrong', () => {
  const { device, ask } = bench();
  const sector = () => device.bytes.subarray(0, geometry.sectsize);
  expect(ask('sb 0', 'write -d blocksize 12345')).toBe(
    'Allowing write of corrupted data with good CRC\nblocksize = 12345\n',
  );
  expect(crcIsGood(sector(), SB_CRC_OFFSET)).toBe(true);
  expect(ask('write -c blocksize 54321')).toBe(
    'Allowing write of corrupted data and bad CRC\nblocksize = 54321\n',
  );
  expect(crcIsGood(sector(), SB_CRC_OFFSET)).toBe(false);
  expect(ask('write -c -d blocksize 1', 'write -z blocksize 1', 'write blocksize')).toBe(
    'Cannot specify both -c and -d options\nbad option for write command\nusage: write fieldname value\n',
  );
});

test('an inode: the CRC after -c is told truly', () => {
  const { ask } = bench();
  expect(ask(`inode ${geometry.rootino}`, 'write -c core.gen 77', 'p v3.crc')).toMatch(/\(bad\)\n$/);
  expect(ask('write core.gen 78', 'p v3.crc')).toMatch(/\(correct\)\n$/);
});

test('fuzz: eight verbs, each for what it is', () => {
  const { ask } = bench();
  const values = ['zeroes', 'ones', 'firstbit', 'middlebit', 'lastbit', 'add', 'sub'].map((verb) => {
    ask(`inode ${geometry.rootino}`, 'write core.gen 4096');
    return ask(`fuzz core.gen ${verb}`).replace('core.gen = ', '').trim();
  });
  expect(values.map(Number)).toEqual([
    0,
    0xffffffff,
    4096 + 2 ** 31,
    4096 + 2 ** 15,
    4097,
    4096 + 2017,
    4096 - 2017,
  ]);
  expect(ask('write core.flushiter 5', 'fuzz core.nodump add')).toContain('core.nodump = 1\n');
  const seen = new Set(Array.from({ length: 8 }, () => ask('fuzz core.gen random')));
  expect(seen.size).toBeGreaterThan(1);
  expect(ask('fuzz v3.uuid add', 'fuzz core.gen twice', 'fuzz')).toBe(
    "unable to fuzz field 'v3.uuid'\nUnknown fuzz command 'twice'.\nUsage: fuzz fieldname fuzzcmd\n" +
      'Fuzz commands: zeroes, ones, firstbit, middlebit, lastbit, add, sub, random.\n',
  );
});

test('crc spoils, judges and renews', () => {
  const { ask } = bench();
  expect(ask('agf 0', 'crc')).toMatch(/^Verifying CRC:\ncrc = 0x[0-9a-f]+ \(correct\)\n$/);
  expect(ask('crc -i')).toMatch(/^Invalidating CRC:\ncrc = 0x[0-9a-f]+ \(bad\)\n$/);
  expect(ask('crc -v')).toMatch(/\(bad\)\n$/);
  expect(ask('crc -r')).toMatch(/^Recalculating CRC:\ncrc = 0x[0-9a-f]+ \(correct\)\n$/);
  expect(ask('daddr 8', 'crc')).toBe('current type (data) is not a structure\n');
});

test('plain bytes: shifts, rotations, sequences, fill', () => {
  const { device, ask } = bench();
  const start = geometry.agbnoByte(2, 700);
  const bytes = () => [...device.bytes.subarray(start, start + 8)];
  ask(`daddr ${start / 512}`, 'write fill 7', 'write sequence 1 8 0 8');
  expect(bytes()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  ask('write lshift 2 0 8');
  expect(bytes()).toEqual([3, 4, 5, 6, 7, 8, 0, 0]);
  ask('write rshift 1 0 8');
  expect(bytes()).toEqual([0, 3, 4, 5, 6, 7, 8, 0]);
  ask('write lrot 1 0 8', 'write rrot 2 0 8');
  expect(bytes()).toEqual([0, 0, 3, 4, 5, 6, 7, 8]);
  ask('write sequence 5 3 0 8');
  expect(bytes()).toEqual([3, 2, 1, 3, 2, 1, 3, 2]);
  expect(ask('write fill')).toMatch(/^usage: write \(in data mode\)\n/);
  expect(ask('write xyz 1')).toMatch(/^write: invalid subcommand\nusage/);
  expect(ask('write fill 1 500 500')).toBe('length (500) too large for data block size (512)\n');
  expect(device.bytes[start + 8]).toBe(7);
});

test('without -x there is nothing that writes; with -r it says so', () => {
  const plain = bench({ expert: false, writable: false });
  for (const name of ['write', 'fuzz', 'blocktrash', 'logformat', 'attr_set', 'begin', 'commit']) {
    expect(plain.ask(`${name} a b`)).toBe(`command ${name} not found\n`);
  }
  expect(plain.ask('label x', 'uuid nil')).toBe('xfs_db: not in expert mode, writing disabled\n'.repeat(2));
  expect(plain.ask('agf 0', 'crc -i')).toBe('xfs_db not in expert mode, writing disabled\n');
  const readOnly = bench({ writable: false });
  expect(readOnly.ask('agf 0', 'write freeblks 1')).toBe(
    'xfs_db started in read only mode, writing disabled\n',
  );
});

test('label and uuid reach every superblock, and the log', () => {
  const { ask } = bench();
  expect(ask('label thirteenchars')).toBe(
    'xfs_db: truncating label length from 13 to 12\n'.replace(/^/, 'writing all SBs\n') +
      'new label = "thirteenchar"\n',
  );
  expect(ask('label')).toBe('label = "thirteenchar"\n');
  for (let agno = 0; agno < geometry.agcount; agno++) {
    expect(ask(`sb ${agno}`, 'p fname')).toBe('fname = "thirteenchar"\n');
  }
  const uuid = '11111111-2222-3333-4444-555555555555';
  expect(ask(`uuid ${uuid}`)).toBe(`Clearing log and setting UUID\nwriting all SBs\nnew UUID = ${uuid}\n`);
  expect(ask('uuid', 'sb 1', 'p meta_uuid features_incompat')).toContain(
    `UUID = ${uuid}\nmeta_uuid = ${geometry.metaUuid}\n`,
  );
  // The log no longer has the UUID that the session began with: said once, as xfs_db does.
  const formatted = 'Formatting the log to cycle 9, stripe unit 1 bytes.\n';
  expect(ask('logformat -c 9')).toBe(
    `* ERROR: mismatched uuid in log\n*            SB : ${geometry.metaUuid}\n*            log: ${uuid}\n${formatted}`,
  );
  expect(ask('logformat')).toBe(formatted);
});

test('blocktrash: the same seed, the same bits', () => {
  const runs = [3, 3, 4].map((seed) => {
    const { device, ask } = bench();
    const text = ask('agi 1', `blocktrash -z -s ${seed} -3 -x 9 -y 200`);
    return { text, image: Buffer.from(device.bytes).toString('latin1') };
  });
  expect(runs[0]!.text).toMatch(/^blocktrash: 1\/0 unknown block \d+ bits starting \d+:\d randomized\n$/);
  expect(runs[1]).toEqual(runs[0]);
  expect(runs[2]!.image).not.toBe(runs[0]!.image);
  const { ask } = bench();
  expect(ask('blocktrash -z', 'blocktrash', 'blocktrash -x 3 -y 2 -z')).toBe(
    'nothing on stack\nmust run blockget first\nnothing on stack\n',
  );
});

test('hashcoll: other names of the same hash, the same from the same seed', () => {
  const { ask } = bench();
  for (const name of ['a', 'file-000123', 'x'.repeat(255)]) {
    const hash = ask(`hash ${name}`);
    const made = ask(`hashcoll -n 4 -s 5 ${name}`).trim().split('\n');
    expect(new Set(made).size).toBe(4);
    expect(made).not.toContain(name);
    for (const other of made) expect(hashName(Buffer.from(other, 'latin1'))).toBe(Number(hash));
    expect(ask(`hashcoll -n 4 -s 5 ${name}`)).toBe(`${made.join('\n')}\n`);
  }
  expect(ask('hashcoll -n 5x a', 'hashcoll -n 1')).toBe(
    'bad number 5x for hashcoll -n\nhashcoll wants a name\n',
  );
});

test('link and unlink: names come and go, link counts follow', () => {
  const { session, ask } = bench();
  const ino = files[0]!.ino;
  const links = () => ask(`inode ${ino}`, 'p core.nlinkv2').replace('core.nlinkv2 = ', '').trim();
  const before = Number(links());
  expect(ask(`inode ${geometry.rootino}`, `link -i ${ino} second`)).toBe('');
  expect(Number(links())).toBe(before + 1);
  expect(ask(`inode ${geometry.rootino}`, 'p u3')).toContain('"second"');
  expect(ask('unlink second')).toBe('');
  expect(Number(links())).toBe(before);
  expect(session.failed).toBe(false);
  expect(ask(`inode ${geometry.rootino}`, 'unlink second', `link -i ${geometry.rootino} x`)).toMatch(
    /^second: [^\n]+\nx: [^\n]+\n$/,
  );
  expect(ask(`inode ${ino}`, 'link -i 1 x', 'parent')).toBe('Not a directory\n');
});

test('attributes are set, listed, read and removed; -C and -R are kept to', () => {
  const { ask } = bench();
  expect(ask(`inode ${files[0]!.ino}`, 'attr_set -v 3 one', 'attr_set -r -v 400 two', 'attr_list -v')).toBe(
    'one=vvv\n',
  );
  expect(ask('attr_list -r', 'attr_get one')).toBe('two\nvvv\n');
  const ino = files[0]!.ino;
  expect(ask('attr_set -C -v 3 one', 'attr_set -R -v 3 other', 'attr_remove one', 'attr_get one')).toBe(
    `failed to set attr one on inode ${ino}\nfailed to set attr other on inode ${ino}\n` +
      `failed to get attr one on inode ${ino}: No data available\n`,
  );
  expect(ask('attr_set -v 70000 a', 'attr_set a b', 'agf 0', 'attr_set -v 1 a')).toBe(
    'bad attr_set valuelen 70000\ntoo few options for attr_set (no name given)\ncurrent type is not inode\n',
  );
});
