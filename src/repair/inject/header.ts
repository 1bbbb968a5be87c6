/** Defects of single fields and checksums: AG headers, superblock counters, inode flags, btree blocks. */
import { AGF, AGF_CRC_OFFSET } from '../../format/agf.ts';
import { AGFL_CRC_OFFSET, AGFL_HEADER, agflSlots } from '../../format/agfl.ts';
import { AGI, AGI_CRC_OFFSET } from '../../format/agi.ts';
import { SHORT_HEADER } from '../../format/btree.ts';
import { sealCrc } from '../../format/checksum.ts';
import { SB_CRC_OFFSET, SUPERBLOCK } from '../../format/superblock.ts';
import { expectAg } from '../compare/ag.ts';
import { SharingInodes } from '../compare/reflinkflag.ts';
import { writeReflinkFlag } from '../plan.ts';
import type { InjectKind } from './kind.ts';
import { NothingToSpoil, type Site } from './site.ts';

/** Moves a header field by a little, up or down as given, so that the header by itself stays plausible. */
function spoilHeader(site: Site, sector: 1 | 2, fields: Readonly<Record<string, 1 | -1>>): string {
  const agno = site.random(site.geometry.agcount);
  const [field, sign] = site.pick(Object.entries(fields))!;
  const by = 1 + site.random(3);
  let told = '';
  site.edit(site.geometry.headerByte(agno, sector), site.geometry.sectsize, (bytes) => {
    const header = (sector === 1 ? AGF.over(bytes) : AGI.over(bytes)) as unknown as Record<string, number>;
    const old = header[field]!;
    header[field] = Math.max(0, old + sign * by);
    if (header[field] === old) header[field] = old + 1;
    told = `${field} ${old} -> ${header[field]}`;
    sealCrc(bytes, sector === 1 ? AGF_CRC_OFFSET : AGI_CRC_OFFSET);
  });
  return `AG ${agno} ${sector === 1 ? 'AGF' : 'AGI'}: ${told}`;
}

function someTreeBlock(site: Site): { agno: number; tree: string; agbno: number; byte: number } {
  const ag = site.pick(site.check.observation.ags)!;
  const trees = [ag.bnobt, ag.cntbt, ag.rmapbt, ag.refcntbt, ag.inobt, ag.finobt].filter(
    (t) => t !== undefined,
  );
  const tree = site.pick(trees)!;
  const agbno = site.pick(tree.blocks)!;
  return { agno: ag.agno, tree: tree.name, agbno, byte: site.geometry.agbnoByte(ag.agno, agbno) };
}

function spoilFreeList(site: Site): string {
  return site.inSomeAg((ag) => {
    if (!ag.agf || ag.freeList.length < 2) return undefined;
    const { sectsize } = site.geometry;
    const first = AGF.over(ag.agf).flfirst;
    const slots = agflSlots(sectsize);
    const copied = ag.freeList[0]!;
    site.edit(site.geometry.headerByte(ag.agno, 3), sectsize, (bytes) => {
      const view = new DataView(bytes.buffer);
      view.setUint32(AGFL_HEADER.size + ((first + 1) % slots) * 4, copied);
      sealCrc(bytes, AGFL_CRC_OFFSET);
    });
    return `AG ${ag.agno} AGFL: block ${copied} stands in two slots`;
  }, 'no AG has two blocks on its free list');
}

export const HEADER_KINDS: readonly InjectKind[] = [
  {
    name: 'counter',
    summary: 'a superblock counter (fdblocks, icount or ifree) that is off',
    finds: 'SB_COUNTER',
    plant(site) {
      const field = site.pick(['fdblocks', 'icount', 'ifree'] as const)!;
      let told = '';
      site.edit(0, site.geometry.sectsize, (bytes) => {
        const sb = SUPERBLOCK.over(bytes);
        const old = sb[field];
        sb[field] = old > 5n ? old - 1n - BigInt(site.random(5)) : old + 1n;
        told = `superblock: ${field} ${old} -> ${sb[field]}`;
        sealCrc(bytes, SB_CRC_OFFSET);
      });
      return told;
    },
  },
  {
    name: 'agf-counter',
    summary: 'an AGF counter that is off',
    finds: 'AGF_COUNTER',
    plant: (site) => spoilHeader(site, 1, { freeblks: 1, longest: -1, btreeblks: 1 }),
  },
  {
    name: 'agi-counter',
    summary: 'an AGI counter that is off',
    finds: 'AGI_COUNTER',
    plant: (site) => spoilHeader(site, 2, { count: 1, freecount: -1 }),
  },
  {
    name: 'duplicate-agfl',
    summary: 'one block in two slots of the AGFL',
    finds: 'AGFL_ENTRY',
    plant: spoilFreeList,
  },
  {
    name: 'bad-btree-crc',
    summary: 'an AG btree block whose checksum is wrong',
    finds: 'BTREE_CRC',
    plant(site) {
      const { agno, tree, agbno, byte } = someTreeBlock(site);
      site.edit(byte, site.geometry.blocksize, (bytes) => {
        bytes[SHORT_HEADER.offset.crc]! ^= 0x40;
      });
      return `AG ${agno} ${tree}: checksum of block ${agbno}`;
    },
  },
  {
    name: 'misplaced-btree-block',
    summary: 'an AG btree block that says it belongs elsewhere, with a valid checksum',
    finds: 'BTREE_BLOCK',
    plant(site) {
      const { agno, tree, agbno, byte } = someTreeBlock(site);
      site.edit(byte, site.geometry.blocksize, (bytes) => {
        SHORT_HEADER.over(bytes).bno += 8n;
        sealCrc(bytes, SHORT_HEADER.offset.crc);
      });
      return `AG ${agno} ${tree}: block ${agbno} carries another block's address`;
    },
  },
  {
    name: 'stale-reflink-flag',
    summary:
      'the reflink flag on a directory, which can share nothing (xfs_repair frees the directory for it)',
    needs: 'reflink',
    finds: 'REFLINK_FLAG_INVALID',
    plant(site) {
      // The root directory is the one inode of which check knows the type from the superblock alone.
      const ino = site.geometry.rootino;
      writeReflinkFlag(site.geometry, site.device, ino, true);
      return `inode ${ino} (a directory): reflink flag set`;
    },
  },
  {
    name: 'missing-reflink-flag',
    summary: 'a file that shares blocks without the reflink flag',
    needs: 'reflink',
    finds: 'REFLINK_FLAG_MISSING',
    plant(site) {
      const { ags, inodes } = site.check.observation;
      const sharing = new SharingInodes(inodes);
      for (const ag of ags) sharing.add(expectAg(site.geometry, ag).space.rmaps);
      const rows: number[] = [];
      for (let row = 0; row < inodes.length; row++) if (sharing.has(row)) rows.push(row);
      if (rows.length === 0) throw new NothingToSpoil('no file shares blocks in this image');
      const ino = inodes.ino(rows[site.random(rows.length)]!);
      writeReflinkFlag(site.geometry, site.device, ino, false);
      return `inode ${ino}: reflink flag cleared`;
    },
  },
];
