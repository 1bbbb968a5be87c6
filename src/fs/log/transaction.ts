/**
 * What each kind of transaction reserves in the log today, in the order of the kernel's table: bytes of one step,
 * how many steps it holds at once (0: as many as the caller says), and whether it goes on from step to step.
 */
import { type Costs, costsOf, DQUOTS, type LogDemand, TRANSACTIONS } from './reservation.ts';

export interface Reservation {
  readonly bytes: number;
  readonly steps: number;
  /** Its reservation is renewed for every step. */
  readonly permanent: boolean;
}

/** Bytes of a quota record in the log, and of an inode's quota of them. */
const DISK_DQUOT_BYTES = 104;

interface Row {
  /** Row of TRANSACTIONS, or what it costs. */
  readonly cost: string | ((c: Costs) => number);
  readonly steps: number | 'mapping';
  readonly permanent: boolean;
}

const lasting = (cost: Row['cost'], steps: Row['steps']): Row => ({ cost, steps, permanent: true });
const single = (cost: Row['cost'], steps = 0): Row => ({ cost, steps, permanent: false });

const ROWS: readonly Row[] = [
  lasting('write', 'mapping'),
  lasting('truncate', 'mapping'),
  lasting('rename', 2),
  lasting('link', 2),
  lasting('remove', 2),
  lasting('symlink', 3),
  lasting('create', 2),
  lasting('tmpfile', 2),
  lasting('mkdir', 3),
  lasting('inode free', 2),
  single((c) => DQUOTS + c.inodes(1) + c.sectors(1)),
  lasting('grow', 2),
  lasting('add attribute fork', 2),
  single((c) => c.inodes(1)),
  lasting('drop attribute fork', 1),
  lasting('set attribute', 3),
  single((c) => c.sectors(1) + c.blocks(c.attrLevels)),
  lasting('remove attribute', 3),
  single((c) => c.sectors(1)),
  lasting((c) => c.sectors(2) + c.blocks(c.dataLevels) + c.inodes(1) + c.space(1), 2),
  single((c) => c.blocks(1)),
  // The realtime summary counts as empty here: its size is not known yet when this is reckoned.
  single((c) => c.sectors(1) + c.inodes(2) + c.blocks(1) + c.buffers(1, 0)),
  single((c) => c.buffers(1, DISK_DQUOT_BYTES), 1),
  lasting('allocate dquots', 'mapping'),
  single((c) => c.sectors(1), 1),
  single((c) => c.inodes(1)),
];

/** Reservations of all kinds. */
export function reservations(demand: LogDemand): Reservation[] {
  const costs = costsOf({ ...demand, today: true });
  const mappingSteps =
    2 + Number(demand.reflink || demand.rmapbt) + Number(demand.reflink) + Number(demand.rmapbt);
  return ROWS.map(({ cost, steps, permanent }) => ({
    bytes: typeof cost === 'string' ? costOf(cost, costs) : cost(costs),
    steps: steps === 'mapping' ? mappingSteps : steps,
    permanent,
  }));
}

function costOf(name: string, costs: Costs): number {
  const row = TRANSACTIONS.find((each) => each.name === name);
  if (!row) throw new TypeError(`no transaction is called ${name}`);
  return row.bytes(costs);
}
