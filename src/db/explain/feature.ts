/**
 * The feature that a field is there for, as its row tells: the condition under which it is present, the btree that it
 * points to (and what else is named after that: `rmaplevel` beside `rmaproot`), or a feature's name in its sentence.
 */
import { FEATURES, type Features } from '../../format/features.ts';
import type { Row, Scope, Shape } from '../../format/struct.ts';

/** Types of blocks that there are with a feature only. */
const TYPE_NEEDS: Readonly<Record<string, string>> = {
  rmapbt: 'RMAPBT',
  refcntbt: 'REFLINK',
  finobt: 'FINOBT',
  rtrmapbt: 'METADIR',
  rtrefcntbt: 'METADIR',
};

/** Feature of a flag of `Features`, where that is not its name in lower case. */
const FLAG_NAMES: Readonly<Partial<Record<keyof Features, string>>> = {
  sparse: 'SPINODES',
  metaUuid: 'META_UUID',
  asciiCi: 'BORG',
  logV2: 'LOGV2',
  sectorBit: 'SECTOR',
  stripeBit: 'DALIGN',
};

/** Feature that a type of block needs. */
export function typeNeeds(type: string): string | undefined {
  return TYPE_NEEDS[type];
}

/** Feature that a row needs; undefined for those that are there in any filesystem, as far as the row tells. */
export function rowNeeds(row: Row, shape: Shape, scope: Scope): string | undefined {
  return byPresence(row, scope) ?? byPointer(row, shape) ?? byWords(row.doc);
}

function byPresence(row: Row, scope: Scope): string | undefined {
  const { when } = row;
  if (!when?.(scope)) return undefined;
  const { features } = scope.geometry;
  for (const name of Object.keys(features) as (keyof Features)[]) {
    if (!features[name]) continue;
    const without = Object.create(scope.geometry, { features: { value: { ...features, [name]: false } } });
    if (!when({ ...scope, geometry: without })) return FLAG_NAMES[name] ?? name.toUpperCase();
  }
  return undefined;
}

function byPointer(row: Row, shape: Shape): string | undefined {
  for (const { name, goto } of shape.rows) {
    const needs = typeof goto === 'string' ? TYPE_NEEDS[goto] : undefined;
    if (needs === undefined || !name.endsWith('root')) continue;
    if (row.name.startsWith(name.slice(0, -'root'.length))) return needs;
  }
  return undefined;
}

function byWords(doc: string): string | undefined {
  const words = doc.match(/[A-Z][A-Z0-9_]{4,}/g) ?? [];
  return words.find((word) => FEATURES.some(({ name }) => name === word));
}
