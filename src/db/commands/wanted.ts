/**
 * The commands that given lines may call: those of every session, and of the others the modules whose names are in the
 * lines. Most modules are needed by few lines, and to load them all takes longer than most commands run.
 */
import type { CommandRow } from '../session.ts';
import { HEADER_COMMANDS } from './header.ts';
import { MOVE_COMMANDS } from './move.ts';
import { PLACE_COMMANDS } from './place.ts';
import { SHOW_COMMANDS } from './show.ts';

/** Names and aliases of a module's commands, and how it is loaded. */
type Module = readonly [names: string, load: () => Promise<readonly CommandRow[]>];

const MODULES: readonly Module[] = [
  ['info i timelimit hash', async () => (await import('./about.ts')).ABOUT_COMMANDS],
  ['agresv dump_iunlinked', async () => (await import('./ag.ts')).AG_COMMANDS],
  ['attr_set attr_remove attr_get attr_list', async () => (await import('./attr.ts')).ATTR_COMMANDS],
  ['blocktrash', async () => (await import('./blocktrash.ts')).BLOCKTRASH_COMMANDS],
  ['btdump', async () => (await import('./btdump.ts')).BTDUMP_COMMANDS],
  ['btheight', async () => (await import('./btheight.ts')).BTHEIGHT_COMMANDS],
  ['diff', async () => (await import('./diff.ts')).DIFF_COMMANDS],
  ['metadump', async () => (await import('./dump.ts')).DUMP_COMMANDS],
  ['explain', async () => (await import('./explain.ts')).EXPLAIN_COMMANDS],
  ['frag', async () => (await import('./frag.ts')).FRAG_COMMANDS],
  ['freesp', async () => (await import('./freesp.ts')).FREESP_COMMANDS],
  ['fsmap', async () => (await import('./fsmap.ts')).FSMAP_COMMANDS],
  ['fuzz crc', async () => (await import('./fuzz.ts')).FUZZ_COMMANDS],
  ['hashcoll', async () => (await import('./hashcoll.ts')).HASHCOLL_COMMANDS],
  ['source log debug', async () => (await import('./input.ts')).INPUT_COMMANDS],
  ['iunlink', async () => (await import('./iunlink.ts')).IUNLINK_COMMANDS],
  ['label uuid version', async () => (await import('./label.ts')).LABEL_COMMANDS],
  ['link unlink parent', async () => (await import('./link.ts')).LINK_COMMANDS],
  ['logformat', async () => (await import('./logformat.ts')).LOGFORMAT_COMMANDS],
  ['logres', async () => (await import('./logres.ts')).LOGRES_COMMANDS],
  ['map', async () => (await import('./map.ts')).MAP_COMMANDS],
  ['owner shares forks', async () => (await import('./owner.ts')).OWNER_COMMANDS],
  ['ls l path', async () => (await import('./path.ts')).PATH_COMMANDS],
  ['rdump', async () => (await import('./rdump.ts')).RDUMP_COMMANDS],
  [
    'logblock lsb rtblock rtbno rtextent rtx rtconvert dquot',
    async () => (await import('./realtime.ts')).REALTIME_COMMANDS,
  ],
  ['blockget check blockuse blockfree ncheck', async () => (await import('./scan.ts')).SCAN_COMMANDS],
  ['begin status commit rollback', async () => (await import('./stage.ts')).STAGE_COMMANDS],
  ['verify', async () => (await import('./verify.ts')).VERIFY_COMMANDS],
  ['write', async () => (await import('./write.ts')).WRITE_COMMANDS],
];

/** May call, or list, any other. */
const ALL = /^(help|\?|source|diff)$/;

/** Sorted by name; `undefined` for lines that are not known yet: all there are. */
export async function commandsFor(lines: readonly string[] | undefined): Promise<readonly CommandRow[]> {
  // A word that is no command here may be one behind `push`, or in a selector; one module too many does no harm.
  const words = new Set(lines?.flatMap((line) => line.match(/[^\s;"]+/g) ?? []));
  if (lines === undefined || [...words].some((word) => ALL.test(word))) {
    return (await import('./table.ts')).COMMANDS;
  }
  const rows = [...HEADER_COMMANDS, ...MOVE_COMMANDS, ...PLACE_COMMANDS, ...SHOW_COMMANDS];
  for (const [names, load] of MODULES)
    if (names.split(' ').some((name) => words.has(name))) rows.push(...(await load()));
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
}
