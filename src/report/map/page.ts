/** stub */
import type { SpaceMap } from '../../fs/scan/spacemap.ts';
export function printPage(map: SpaceMap): string {
  return map.name;
}
