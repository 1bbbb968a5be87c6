/**
 * The images of the corpus, one row each: geometry and features for mkfs.xfs, and what goes into the image.
 * Every feature is on in one row and off in another; sizes are the smallest that hold the content.
 */

export interface CorpusRow {
  readonly name: string;
  readonly sizeMiB: number;
  readonly blockSize: number;
  readonly dirBlockSize: number;
  readonly inodeSize: number;
  /** Options of mkfs.xfs beyond size, log size and uuid. */
  readonly mkfs: readonly string[];
  /** Log size in MiB; the smallest that mkfs.xfs takes when that is larger. */
  readonly logMiB: number;
  readonly reflink: boolean;
  /** Timestamps past 2038. */
  readonly bigtime: boolean;
  /** Nothing is written into it. */
  readonly empty: boolean;
  /** Inodes enough for an inode btree of two levels. */
  readonly manyInodes: boolean;
  /** Free space in pieces too small for whole inode chunks. */
  readonly sparseChunks: boolean;
  /** Log on a file of its own. */
  readonly externalLog: boolean;
  /** The uuid is changed afterwards, so that metadata keeps the old one (META_UUID). */
  readonly changeUuid: boolean;
}

type Options = Partial<Omit<CorpusRow, 'name' | 'mkfs'>>;

function row(name: string, mkfs: string, options: Options = {}): CorpusRow {
  const blockSize = options.blockSize ?? 4096;
  return {
    name,
    mkfs: mkfs === '' ? [] : mkfs.split(' '),
    sizeMiB: 128,
    blockSize,
    dirBlockSize: Math.max(blockSize, 4096),
    inodeSize: 512,
    logMiB: 10,
    reflink: true,
    bigtime: true,
    empty: false,
    manyInodes: false,
    sparseChunks: false,
    externalLog: false,
    changeUuid: false,
    ...options,
  };
}

export const CORPUS: readonly CorpusRow[] = [
  row('base4k', '-m rmapbt=0,reflink=1'),
  row('rmap4k', '-m rmapbt=1,reflink=1'),
  row('noreflink', '-m rmapbt=0,reflink=0', { reflink: false }),
  row('rmap_noreflink', '-m rmapbt=1,reflink=0', { reflink: false }),
  row('b1k', '-b size=1024 -m rmapbt=1', { blockSize: 1024, manyInodes: true }),
  row('b1k_normap', '-b size=1024 -m rmapbt=0', { blockSize: 1024 }),
  row('b2k', '-b size=2048 -m rmapbt=1', { blockSize: 2048 }),
  row('b1k_n8k', '-b size=1024 -n size=8192', { blockSize: 1024, dirBlockSize: 8192 }),
  row('b4k_n64k', '-n size=65536 -m rmapbt=1', { dirBlockSize: 65536 }),
  row('i1024', '-i size=1024 -m rmapbt=1', { inodeSize: 1024 }),
  row('i2048', '-i size=2048 -m rmapbt=1', { inodeSize: 2048 }),
  row('s4096', '-s size=4096 -m rmapbt=1'),
  row('ag1', '-d agcount=1 -m rmapbt=1', { manyInodes: true }),
  row('ag16', '-d agcount=16 -m rmapbt=1', { sizeMiB: 320 }),
  row('ag5odd', '-d agsize=46m -m rmapbt=1', { sizeMiB: 211 }),
  row('nofinobt', '-m finobt=0,inobtcount=0'),
  row('nosparse', '-i sparse=0 -m rmapbt=1'),
  row('nobigtime', '-m bigtime=0,inobtcount=0', { bigtime: false }),
  row('nrext64', '-i nrext64=1 -m rmapbt=1'),
  row('b8k', '-b size=8192 -m rmapbt=1', { blockSize: 8192, sizeMiB: 256 }),
  row('b16k', '-b size=16384 -m rmapbt=1', { blockSize: 16384, sizeMiB: 320 }),
  row('b64k', '-b size=65536 -m rmapbt=1', { blockSize: 65536, sizeMiB: 512, logMiB: 32 }),
  row('stripe', '-d su=64k,sw=4 -l su=64k -m rmapbt=1', { sizeMiB: 192 }),
  row('alloff', '-m finobt=0,inobtcount=0,bigtime=0,reflink=0,rmapbt=0 -i sparse=0', {
    reflink: false,
    bigtime: false,
  }),
  row('metauuid', '-m rmapbt=1 -L oraclelabel', { changeUuid: true }),
  row('extlog', '-m rmapbt=1', { externalLog: true }),
  row('sparse', '-m rmapbt=1', { sizeMiB: 48, empty: true, sparseChunks: true }),
  row('empty16M', '-m rmapbt=1', { sizeMiB: 16, logMiB: 6, empty: true }),
  row('empty300M', '', { sizeMiB: 300, logMiB: 0, empty: true }),
];
