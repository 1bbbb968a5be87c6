/** What mkfs.xfs 6.1 makes of plain sizes, measured with `mkfs.xfs -N`, up to 100 TiB. */

export interface Vector {
  readonly size: string;
  readonly options: string;
  readonly agcount: number;
  readonly agblocks: number;
  readonly dblocks: number;
  readonly imaxpct: number;
  readonly logblocks: number;
}

const vector = (
  size: string,
  agcount: number,
  agblocks: number,
  dblocks: number,
  imaxpct: number,
  logblocks: number,
  options = '',
): Vector => ({ size, options, agcount, agblocks, dblocks, imaxpct, logblocks });

export const VECTORS: readonly Vector[] = [
  vector('300m', 4, 19200, 76800, 25, 16384),
  vector('512m', 4, 32768, 131072, 25, 16384),
  vector('1g', 4, 65536, 262144, 25, 16384),
  vector('16g', 4, 1048576, 4194304, 25, 16384),
  vector('128g', 4, 8388608, 33554432, 25, 16384),
  vector('256g', 4, 16777216, 67108864, 25, 32768),
  vector('512g', 4, 33554432, 134217728, 25, 65536),
  vector('1t', 4, 67108864, 268435456, 5, 131072),
  vector('3t', 4, 201326592, 805306368, 5, 393216),
  vector('4t', 4, 268435455, 1073741820, 5, 521728),
  vector('5t', 5, 268435455, 1342177275, 5, 521728),
  vector('20t', 20, 268435455, 5368709100, 5, 521728),
  vector('32t', 32, 268435455, 8589934560, 5, 521728),
  vector('50t', 50, 268435455, 13421772750, 5, 521728),
  vector('60t', 60, 268435455, 16106127300, 1, 521728),
  vector('100t', 100, 268435455, 26843545500, 1, 521728),
  vector('100m', 4, 6400, 25600, 25, 1368, '--profile 6.1 --unsupported'),
];

/** The numbers of a geometry block that a vector holds. */
export function vectorNumbers(text: string): Omit<Vector, 'size' | 'options'> {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1]);
  return {
    agcount: number(/\bagcount=(\d+)/),
    agblocks: number(/\bagsize=(\d+) blks/),
    dblocks: number(/^data .*\bblocks=(\d+)/m),
    imaxpct: number(/\bimaxpct=(\d+)/),
    logblocks: number(/^log .*\bblocks=(\d+)/m),
  };
}
