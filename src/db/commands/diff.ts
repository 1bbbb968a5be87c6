/** `diff`: which objects and fields of another image are different from those of this one. */
import { openDevice } from '../../device/open.ts';
import { XfskitError } from '../../format/errors.ts';
import { lookupPath } from '../../fs/read/path.ts';
import { type Comparison, compareFilesystems } from '../diff/diff.ts';
import { compareObjects } from '../diff/object.ts';
import { comparisonRows, comparisonText } from '../diff/report.ts';
import { DbError } from '../error.ts';
import { concerns } from '../explain/verdict.ts';
import { type Filesystem, openFilesystem } from '../filesystem.ts';
import { goTo, parseSelector } from '../select.ts';
import { type CommandRow, type Output, Session } from '../session.ts';

/** Throws DbError or DeviceError. */
function openOther(path: string): Filesystem {
  const device = openDevice(path);
  try {
    return openFilesystem(device);
  } catch (error) {
    device.close();
    if (error instanceof XfskitError && !(error instanceof DbError)) throw new DbError(error.message);
    throw error;
  }
}

/** Inodes that a path names in one filesystem; none where it leads nowhere. */
function named(filesystem: Filesystem, path: string): number[] {
  const found = lookupPath(filesystem, path);
  return 'inode' in found ? [found.inode.ino] : [];
}

function compareNamed(a: Filesystem, b: Filesystem, path: string): Comparison {
  const [inA, inB] = [named(a, path), named(b, path)];
  const [inoA] = inA;
  const [inoB] = inB;
  if (inoA === undefined && inoB === undefined) throw new DbError(`${path}: in neither image`);
  const whole = compareFilesystems(a, b, { only: new Set([...inA, ...inB]) });
  if (inoA === inoB) return whole;
  const text = (ino: number | undefined) => (ino === undefined ? 'not there' : `inode ${ino}`);
  const entry = { object: path, type: 'path', fields: [], was: text(inoA), is: text(inoB) };
  return { ...whole, differences: [entry, ...whole.differences] };
}

/** What a selector leads to in both images: an inode with its blocks, or one object. */
function compareSelected(session: Session, b: Filesystem, selector: string): Comparison {
  const a = session.cursor.filesystem;
  const path = /^(?:path\s+)?(\/.*)$/s.exec(selector.trim())?.[1];
  // A blank may belong to a name, or stand before a field.
  const isPath =
    path !== undefined && (!/\s/.test(path) || [a, b].some((one) => named(one, path).length > 0));
  if (isPath) return compareNamed(a, b, path);
  const selection = parseSelector(path === undefined ? selector : `path ${path}`);
  const tops = [a, b].map((filesystem) => {
    const there = new Session(filesystem, session.commands, { program: session.program });
    goTo(there, selection);
    return there.cursor.top;
  });
  const [topA, topB] = tops;
  const type = topB!.type;
  if (!type || !topA!.type) throw new DbError(`${selector}: nothing there`);
  const { field } = selection;
  if (type.name === 'inode' && field === undefined)
    return compareFilesystems(a, b, { only: new Set(tops.map(({ ino }) => ino)) });
  const isSame = Buffer.compare(topA!.data, topB!.data) === 0;
  const all = isSame ? [] : compareObjects(type, [a, topA!.data], [b, topB!.data]);
  const fields = field === undefined ? all : all.filter((change) => concerns(field, change.field));
  const differs = field === undefined ? !isSame : fields.length > 0;
  return {
    differences: differs ? [{ object: selector.trim(), type: type.name, fields }] : [],
    notes: topA!.type === type ? [] : [`${topA!.type.name} in the first image, ${type.name} in the second`],
  };
}

/** Compares the session's image with another. Throws DbError or DeviceError. */
function diff(session: Session, [image, ...words]: readonly string[]): Output {
  const path = image!.replace(/^"(.*)"$/s, '$1');
  const b = openOther(path);
  try {
    const a = session.cursor.filesystem;
    const selector = words.join(' ').replace(/^"(.*)"$/s, '$1');
    const found = selector.trim() === '' ? compareFilesystems(a, b) : compareSelected(session, b, selector);
    const warnings = b.warnings.map((warning) => `${path}: ${warning}`);
    const all = { ...found, notes: [...found.notes, ...warnings] };
    return {
      differs: found.differences.length > 0 || found.notes.length > 0,
      get text() {
        return comparisonText(all);
      },
      rows: () => comparisonRows(all),
    };
  } finally {
    b.device.close();
  }
}

export const DIFF_COMMANDS: readonly CommandRow[] = [
  {
    name: 'diff',
    args: 'IMAGE2 [selector]',
    least: 1,
    most: Number.POSITIVE_INFINITY,
    completes: 'file',
    summary: 'tell which objects and fields another image has differently',
    help: [
      'diff after.img                  all of it: headers, btrees, inodes, directories, attributes, field by field;',
      '                                file content, log and free space only as sums',
      'diff after.img inode 131        one inode and its blocks; also /path/of/a/file',
      'diff after.img agf 0            one object: what any command goes to',
      'The first value is that of the image of this session. A difference ends db with 1 if nothing failed. External log',
      'and realtime devices are not compared.',
    ],
    run: diff,
  },
];
