/** All commands, sorted by name. */
import type { CommandRow } from '../session.ts';
import { ABOUT_COMMANDS } from './about.ts';
import { AG_COMMANDS } from './ag.ts';
import { ATTR_COMMANDS } from './attr.ts';
import { BLOCKTRASH_COMMANDS } from './blocktrash.ts';
import { BTDUMP_COMMANDS } from './btdump.ts';
import { BTHEIGHT_COMMANDS } from './btheight.ts';
import { DIFF_COMMANDS } from './diff.ts';
import { DUMP_COMMANDS } from './dump.ts';
import { EXPLAIN_COMMANDS } from './explain.ts';
import { FRAG_COMMANDS } from './frag.ts';
import { FREESP_COMMANDS } from './freesp.ts';
import { FSMAP_COMMANDS } from './fsmap.ts';
import { FUZZ_COMMANDS } from './fuzz.ts';
import { HASHCOLL_COMMANDS } from './hashcoll.ts';
import { HEADER_COMMANDS } from './header.ts';
import { INPUT_COMMANDS } from './input.ts';
import { IUNLINK_COMMANDS } from './iunlink.ts';
import { LABEL_COMMANDS } from './label.ts';
import { LINK_COMMANDS } from './link.ts';
import { LOGFORMAT_COMMANDS } from './logformat.ts';
import { LOGRES_COMMANDS } from './logres.ts';
import { MAP_COMMANDS } from './map.ts';
import { MOVE_COMMANDS } from './move.ts';
import { OWNER_COMMANDS } from './owner.ts';
import { PATH_COMMANDS } from './path.ts';
import { PLACE_COMMANDS } from './place.ts';
import { RDUMP_COMMANDS } from './rdump.ts';
import { REALTIME_COMMANDS } from './realtime.ts';
import { SCAN_COMMANDS } from './scan.ts';
import { SHOW_COMMANDS } from './show.ts';
import { STAGE_COMMANDS } from './stage.ts';
import { VERIFY_COMMANDS } from './verify.ts';
import { WRITE_COMMANDS } from './write.ts';
export const COMMANDS: readonly CommandRow[] = [
  ...ABOUT_COMMANDS,
  ...AG_COMMANDS,
  ...BTDUMP_COMMANDS,
  ...BTHEIGHT_COMMANDS,
  ...DIFF_COMMANDS,
  ...DUMP_COMMANDS,
  ...EXPLAIN_COMMANDS,
  ...FRAG_COMMANDS,
  ...FREESP_COMMANDS,
  ...FSMAP_COMMANDS,
  ...FUZZ_COMMANDS,
  ...HEADER_COMMANDS,
  ...INPUT_COMMANDS,
  ...MAP_COMMANDS,
  ...LOGRES_COMMANDS,
  ...MOVE_COMMANDS,
  ...OWNER_COMMANDS,
  ...PATH_COMMANDS,
  ...PLACE_COMMANDS,
  ...SCAN_COMMANDS,
  ...RDUMP_COMMANDS,
  ...REALTIME_COMMANDS,
  ...SHOW_COMMANDS,
  ...VERIFY_COMMANDS,
  ...WRITE_COMMANDS,
  ...LABEL_COMMANDS,
  ...LOGFORMAT_COMMANDS,
  ...STAGE_COMMANDS,
  ...ATTR_COMMANDS,
  ...BLOCKTRASH_COMMANDS,
  ...HASHCOLL_COMMANDS,
  ...IUNLINK_COMMANDS,
  ...LINK_COMMANDS,
].sort((a, b) => (a.name < b.name ? -1 : 1));
