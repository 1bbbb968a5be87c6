/** Intents that were open when the filesystem stopped, one kind at a time: what each announces is done, and no more. */
import { describe, expect, test } from '@jest/globals';
import { BASIC_BLOCK } from '../../../../src/format/log.ts';
import { type AttrNamespace, getAttr, setAttr, setAttrIn } from '../../../../src/fs/attr/attr.ts';
import { type FileSystem, openFileSystem } from '../../../../src/fs/filesystem.ts';
import { mapNewBlocks } from '../../../../src/fs/inode/allocation.ts';
import type { Extent } from '../../../../src/fs/inode/extent.ts';
import { readInode } from '../../../../src/fs/inode/inode.ts';
import { applyRecovery } from '../../../../src/fs/log/recover/recover.ts';
import { transact } from '../../../../src/fs/transaction.ts';
import { attri, bui, CraftedLog, cui, done, efi, rui, xmi } from '../../../support/logwriter.ts';
import { memoryTree } from '../../../support/memorytree.ts';
import { createIn, linkIn, recover } from '../../../support/recovered.ts';
import { type SmallImage, smallImage } from '../../../support/smallimage.ts';
import { changeSuperblock } from '../../../support/specialimage.ts';

const RMAP = { ADD: 1, ADD_SHARED: 2, REMOVE: 3, REMOVE_SHARED: 4, CONVERT: 5, ALLOC: 7, FREE: 8 } as const;
const REFCOUNT = { INCREASE: 1, DECREASE: 2, STAGE: 3, UNSTAGE: 4 } as const;
const UNWRITTEN = 2 ** 29;

/** Takes an extent out of a file and nothing else: neither space nor indexes know. */
function forgetExtent(
  log: CraftedLog,
  ino: number,
  index: number,
  items: Parameters<CraftedLog['change']>[1],
): Extent {
  let gone: Extent | undefined;
  log.change((tr) => {
    const inode = readInode(tr, ino);
    gone = inode.data.extents.at(index)!;
    inode.data.extents.remove(index);
    inode.data.recount();
    inode.countBlocks(-gone.count);
  }, items);
  return gone!;
}

function extentsOf(device: SmallImage['device'], ino: number): Extent[] {
  return transact(openFileSystem(device), (tr) => [...readInode(tr, ino).data.extents]);
}

describe.each([['m.rmapbt=1'], ['m.rmapbt=0']])('%s', (feature) => {
  const start = () => {
    const image = smallImage([feature]);
    const { geometry } = image;
    const ino = (name: string): number => image.files.find((file) => file.name === name)!.ino;
    return { image, geometry, ino, log: new CraftedLog(image.device) };
  };
  const hasRmap = feature.endsWith('1');

  test.each([
    ['EFI', false],
    ['EFI of a 32-bit kernel', true],
  ])('%s: an extent that no file has any more is freed', (_n, short) => {
    const { image, geometry, ino, log } = start();
    const fsbno = geometry.fsbno(0, 700);
    const whole = efi(7, { fsbno, count: 9 });
    const free = short ? [whole[0]!.slice(0, 28)] : whole;
    const unmap = rui(8, { owner: ino('alone'), fsbno, count: 9, fileoff: 0, flags: RMAP.REMOVE });
    forgetExtent(log, ino('alone'), 0, hasRmap ? [unmap, free] : [free]);
    expect(log.plan().intents).toEqual(hasRmap ? { RUI: 1, EFI: 1 } : { EFI: 1 });
    recover(image.device);
    expect(extentsOf(image.device, ino('alone')).map(({ count }) => count)).toEqual([4]);
  });

  test('an intent that is done is not done again', () => {
    const { image, geometry, ino, log } = start();
    const fsbno = geometry.fsbno(0, 700);
    log.items([efi(7, { fsbno, count: 9 }), efi(9, { fsbno, count: 4 })]);
    log.items([done(0x1236, 7), done(0x1236, 9), done(0x1236, 55)]);
    expect(log.plan().intents).toEqual({});
    recover(image.device);
    expect(extentsOf(image.device, ino('alone'))).toHaveLength(2);
  });

  test('CUI: a file that shared blocks has given them up', () => {
    const { image, geometry, ino, log } = start();
    const fsbno = geometry.fsbno(2, 804);
    const unmap = rui(8, { owner: ino('clone'), fsbno, count: 8, fileoff: 0, flags: RMAP.REMOVE_SHARED });
    const less = cui(9, { fsbno, count: 8, flags: REFCOUNT.DECREASE });
    forgetExtent(log, ino('clone'), 0, hasRmap ? [unmap, less] : [less]);
    recover(image.device);
    expect(extentsOf(image.device, ino('clone'))).toEqual([]);
    expect(extentsOf(image.device, ino('shared'))).toHaveLength(1);
  });

  test('BUI: blocks that were allocated are mapped', () => {
    const { image, geometry, ino, log } = start();
    const fsbno = geometry.fsbno(0, 700);
    // Out of one file, and into another.
    const unmap = rui(8, { owner: ino('alone'), fsbno, count: 9, fileoff: 0, flags: RMAP.REMOVE });
    const map = bui(9, { owner: ino('clone'), fsbno, count: 9, fileoff: 100, flags: 1 + 2 ** 30 });
    forgetExtent(log, ino('alone'), 0, hasRmap ? [unmap, map] : [map]);
    expect(Object.keys(log.plan().intents)).toContain('BUI');
    // What lies behind the end of the file would be taken away again.
    log.change((tr) => {
      readInode(tr, ino('clone')).changed();
      readInode(tr, ino('clone')).core.size = 200n * 4096n;
    });
    recover(image.device);
    expect(extentsOf(image.device, ino('clone'))[1]).toEqual({
      fileoff: 100,
      fsbno,
      count: 9,
      unwritten: true,
    });
  });

  test('BUI: an unmapped range goes, and its blocks lose an owner', () => {
    const { image, geometry, ino, log } = start();
    const fsbno = geometry.fsbno(2, 806);
    log.items([
      bui(9, { owner: ino('clone'), fsbno, count: 3, fileoff: 2, flags: 2 }),
      cui(10, { fsbno, count: 3, flags: REFCOUNT.DECREASE }),
    ]);
    recover(image.device);
    expect(extentsOf(image.device, ino('clone')).map(({ fileoff, count }) => [fileoff, count])).toEqual([
      [0, 2],
      [5, 3],
    ]);
  });

  test('CUI: staging for copies on write is made, and freed as what nobody will use', () => {
    const { image, geometry, ino, log } = start();
    const fsbno = geometry.fsbno(0, 700);
    const unmap = rui(8, { owner: ino('alone'), fsbno, count: 9, fileoff: 0, flags: RMAP.REMOVE });
    const stage = cui(9, { fsbno, count: 9, flags: REFCOUNT.STAGE });
    const own = rui(10, { owner: -9, fsbno, count: 9, fileoff: 0, flags: RMAP.ALLOC });
    forgetExtent(log, ino('alone'), 0, hasRmap ? [unmap, stage, own] : [stage]);
    expect(log.plan().staging).toEqual([{ agno: 0, agbno: 700, count: 9 }]);
    recover(image.device);
  });
});

test('RUI: a conversion', () => {
  const image = smallImage(['m.rmapbt=1', 'm.reflink=0']);
  const { device, geometry, files } = image;
  const log = new CraftedLog(device);
  const { ino } = files[0]!;
  const fsbno = geometry.fsbno(0, 700);
  log.change(
    (tr) => {
      const { data } = readInode(tr, ino);
      data.extents.replace(0, { ...data.extents.at(0)!, unwritten: true });
      data.changed();
    },
    [rui(3, { owner: ino, fsbno, count: 9, fileoff: 0, flags: RMAP.CONVERT + UNWRITTEN })],
  );
  recover(device);
});

describe.each([
  ['in the inode', 0],
  ['in leaves', 60],
])('ATTRI, others are %s', (_name, others) => {
  const value = (length: number, seed = 1) => new Uint8Array(length).map((_, i) => (i * seed) & 0xff);
  const prepare = (): { image: SmallImage; fs: FileSystem; ino: number } => {
    const image = smallImage(['m.rmapbt=1', 'm.reflink=0']);
    const fs = openFileSystem(image.device);
    const { ino } = image.files[0]!;
    for (let i = 0; i < others; i++) {
      setAttr(fs, ino, { namespace: 'user', name: `other-${i}`, value: value(200, i) });
    }
    setAttr(fs, ino, { namespace: 'trusted', name: 'old', value: value(9000, 3) });
    return { image, fs, ino };
  };
  const found = (
    device: SmallImage['device'],
    ino: number,
    name: string,
    namespace: AttrNamespace = 'user',
  ) => getAttr(openFileSystem(device), ino, { namespace, name });

  test.each([0, 20, 3000, 20000, 65536])('set: %i bytes', (length) => {
    const { image, ino } = prepare();
    const log = new CraftedLog(image.device);
    log.items([attri(5, { ino, op: 1, names: ['new'], values: [value(length)] })]);
    expect(log.plan().intents).toEqual({ ATTRI: 1 });
    recover(image.device);
    expect(found(image.device, ino, 'new')).toEqual(value(length));
  });

  test('replaced and removed', () => {
    const { image, ino } = prepare();
    const log = new CraftedLog(image.device);
    log.items([attri(5, { ino, op: 3, filter: 2, names: ['old'], values: [value(12000, 7)] })]);
    log.items([attri(6, { ino, op: 1, names: ['gone'], values: [value(50)] })]);
    log.items([attri(7, { ino, op: 2, names: ['gone'] }), attri(8, { ino, op: 2, names: ['never'] })]);
    recover(image.device);
    expect(found(image.device, ino, 'old', 'trusted')).toEqual(value(12000, 7));
    expect(found(image.device, ino, 'gone')).toBeUndefined();
    expect(found(image.device, ino, others > 0 ? 'other-7' : 'none')).toEqual(
      others > 0 ? value(200, 7) : undefined,
    );
  });

  test('what was half done is done anew', () => {
    const { image, ino } = prepare();
    const log = new CraftedLog(image.device);
    // Set in the log, up to its last mark.
    log.change((tr) =>
      setAttrIn(readInode(tr, ino), { namespace: 'user', name: 'half', value: value(15000) }),
    );
    log.items([attri(5, { ino, op: 1, names: ['half'], values: [value(15000, 9)] })]);
    recover(image.device);
    expect(found(image.device, ino, 'half')).toEqual(value(15000, 9));
  });

  test.each<[string, Partial<Parameters<typeof attri>[1]>]>([
    ['an operation that there is none of', { op: 9 }],
    ['a namespace that there is none of', { filter: 0x40 }],
    ['a parent pointer where there are none', { op: 4, filter: 8, values: [new Uint8Array(12)] }],
    ['an inode that is free', { ino: 139 }],
  ])('refused: %s', (_what, change) => {
    const { image, ino } = prepare();
    const log = new CraftedLog(image.device);
    log.items([attri(5, { ino, op: 1, names: ['new'], values: [value(20)], ...change })]);
    const before = Buffer.from(image.device.bytes);
    expect(() => log.plan()).toThrow();
    expect(before.equals(image.device.bytes)).toBe(true);
  });
});

test('parent pointers: set, replaced, removed', () => {
  const image = smallImage(['n.parent=1', 'm.rmapbt=1', 'm.reflink=0']);
  const { device, geometry } = image;
  const { ino } = image.files[0]!;
  const gens = transact(openFileSystem(device), (tr) => [
    readInode(tr, ino).core.gen,
    readInode(tr, geometry.rootino).core.gen,
  ]);
  const parent = new Uint8Array(12);
  new DataView(parent.buffer).setBigUint64(0, BigInt(geometry.rootino));
  new DataView(parent.buffer).setUint32(8, gens[1]!);
  const pointer = { ino, filter: 8, gen: gens[0]! };
  const log = new CraftedLog(device);
  log.items([attri(1, { ...pointer, op: 4, names: ['alone'], values: [parent] })]);
  log.change((tr) => linkIn(tr, geometry.rootino, 'second', ino));
  log.items([attri(2, { ...pointer, op: 4, names: ['third'], values: [parent] })]);
  log.items([attri(3, { ...pointer, op: 6, names: ['third', 'second'], values: [parent, parent] })]);
  log.items([attri(4, { ...pointer, op: 4, names: ['fourth'], values: [parent] })]);
  log.items([attri(5, { ...pointer, op: 5, names: ['fourth'], values: [parent] })]);
  recover(device);
  expect(memoryTree(device).find((line) => line.startsWith('/alone'))).toMatch(
    / parent\.alone=12:\w+,parent\.second=12:\w+$/,
  );
});

describe('XMI', () => {
  const exchange = 1 << 6;
  const prepare = (options: readonly string[]) => {
    const image = smallImage(options);
    const { device, geometry } = image;
    for (let agno = 0; agno < geometry.agcount; agno++) {
      changeSuperblock(device, (sb) => void (sb.features_incompat |= exchange), agno);
    }
    const fs = openFileSystem(device);
    const made: number[] = [];
    for (const name of ['one', 'two']) {
      transact(fs, (tr) => void made.push(createIn(tr, geometry.rootino, name)));
      transact(fs, (tr) => {
        const inode = readInode(tr, made.at(-1)!);
        const step = name === 'one' ? 3 : 5;
        for (let i = 0; i < 20; i++) {
          mapNewBlocks(inode, 'data', { fileoff: i * step, count: 2, contiguous: false, total: 4 });
        }
        inode.core.size = BigInt(20 * step * geometry.blocksize);
      });
    }
    const generations = made.map((ino) => transact(fs, (tr) => readInode(tr, ino).core.gen));
    const sizes = made.map((ino) => transact(fs, (tr) => Number(readInode(tr, ino).core.size)));
    return {
      device,
      geometry,
      inodes: made as [number, number],
      generations: generations as [number, number],
      sizes,
    };
  };
  const mapped = (device: SmallImage['device'], ino: number): Map<number, number> => {
    const blocks = new Map<number, number>();
    for (const { fileoff, fsbno, count } of extentsOf(device, ino)) {
      for (let i = 0; i < count; i++) blocks.set(fileoff + i, fsbno + i);
    }
    return blocks;
  };

  test.each([
    ['m.rmapbt=1', 'b.size=4096'],
    ['m.rmapbt=1', 'b.size=1024'],
    ['m.rmapbt=0', 'b.size=1024'],
  ])('all of two files, with their sizes: %s %s', (...options) => {
    const { device, inodes, generations, sizes } = prepare(options);
    const before = inodes.map((ino) => mapped(device, ino));
    const log = new CraftedLog(device);
    log.items([
      xmi(4, { inodes, generations, offsets: [0, 0], count: 200, flags: 2, sizes: [sizes[1]!, sizes[0]!] }),
    ]);
    expect(log.plan().intents).toEqual({ XMI: 1 });
    recover(device);
    expect(inodes.map((ino) => mapped(device, ino))).toEqual([before[1], before[0]]);
  });

  test('a range of each, of which only what is written moves', () => {
    const { device, inodes, generations } = prepare(['m.rmapbt=1']);
    const [one, two] = inodes.map((ino) => mapped(device, ino)) as [Map<number, number>, Map<number, number>];
    const log = new CraftedLog(device);
    log.items([xmi(4, { inodes, generations, offsets: [3, 10], count: 12, flags: 4, sizes: [-1, -1] })]);
    recover(device);
    const [now, other] = inodes.map((ino) => mapped(device, ino)) as [
      Map<number, number>,
      Map<number, number>,
    ];
    for (let i = 0; i < 12; i++) {
      if (one.has(3 + i)) {
        expect(other.get(10 + i)).toBe(one.get(3 + i));
        expect(now.get(3 + i)).toBe(two.get(10 + i));
      } else expect(other.get(10 + i)).toBe(two.get(10 + i));
    }
  });

  test('files that share blocks, and ranges within one file', () => {
    const image = smallImage(['m.rmapbt=1']);
    const { device, geometry, files } = image;
    for (let agno = 0; agno < geometry.agcount; agno++) {
      changeSuperblock(device, (sb) => void (sb.features_incompat |= exchange), agno);
    }
    const fs = openFileSystem(device);
    const [alone, shared] = [files[0]!.ino, files[1]!.ino];
    for (const ino of [alone, shared]) {
      for (let i = 0; i < 30; i++) {
        setAttr(fs, ino, { namespace: 'user', name: `a${i}`, value: new Uint8Array(300).fill(ino) });
      }
    }
    const gen = (ino: number) => transact(fs, (tr) => readInode(tr, ino).core.gen);
    const generations = [gen(alone), gen(shared)] as const;
    const before = [alone, shared].map((ino) => mapped(device, ino));
    const log = new CraftedLog(device);
    const both = { inodes: [alone, shared] as const, generations, offsets: [0, 0] as const };
    log.items([
      xmi(4, { ...both, count: 6, flags: 0, sizes: [-1, -1] }),
      xmi(5, {
        inodes: [shared, shared],
        generations: [gen(shared), gen(shared)],
        offsets: [0, 10],
        count: 3,
        flags: 0,
        sizes: [-1, -1],
      }),
    ]);
    recover(device);
    expect(mapped(device, alone).get(5)).toBe(before[1]!.get(5));
    expect(mapped(device, shared).get(10)).toBe(before[0]!.get(0));
    expect(mapped(device, shared).get(0)).toBe(before[1]!.get(10));
  });

  test('refused: another generation, and a filesystem without exchange', () => {
    const { device, inodes, generations } = prepare(['m.rmapbt=1']);
    const log = new CraftedLog(device);
    log.items([
      xmi(4, {
        inodes,
        generations: [generations[0] + 1, generations[1]],
        offsets: [0, 0],
        count: 5,
        flags: 0,
        sizes: [-1, -1],
      }),
    ]);
    expect(() => log.plan()).toThrow(/generation/);
    changeSuperblock(device, (sb) => void (sb.features_incompat &= ~exchange));
    expect(() => log.plan()).toThrow(/the filesystem has none/);
  });
});

test('the values of attributes are on disk before the log says that they are', () => {
  const image = smallImage(['m.reflink=0']);
  const { ino } = image.files[0]!;
  const log = new CraftedLog(image.device);
  log.items([attri(5, { ino, op: 1, names: ['new'], values: [new Uint8Array(20000).fill(5)] })]);
  const plan = log.plan();
  expect(plan.steps.map(({ what }) => what)).toEqual([
    'replayed metadata',
    'values of attributes',
    'checkpoint',
    'recovered metadata',
    'end of the log',
  ]);
  expect([...plan.steps[1]!.runs()].every(({ bytes }) => bytes.length % BASIC_BLOCK === 0)).toBe(true);
  applyRecovery(plan, image.device, image.device);
});
