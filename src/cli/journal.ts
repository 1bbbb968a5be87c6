/** Undo journals of what is written to an image, and to the device of an external log where that is written. */
import { existsSync, unlinkSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type Device, DeviceError } from '../device/device.ts';
import { type Run, writeUndo } from '../device/undo.ts';

/** Beside an image file; in the working folder for a device, as /dev may not outlive the machine. */
function defaultUndo(image: string): string {
  const isDevice = resolve(image).startsWith('/dev/');
  return `${isDevice ? basename(image) : image}.xfskit-undo`;
}

/** A journal, and the path of what it takes back. */
export interface UndoPath {
  readonly path: string;
  readonly of: string;
}

/** Journals of the image and of an external log; `undo`: where that of the image is to be. */
export function undoPaths(
  image: string,
  { undo, log }: { readonly undo?: string | boolean; readonly log?: string },
): UndoPath[] {
  const named = typeof undo === 'string' ? undo : undefined;
  const paths = [{ path: named ?? defaultUndo(image), of: image }];
  if (log !== undefined) paths.push({ path: named ? `${named}.log` : defaultUndo(log), of: log });
  return paths;
}

/** Throws DeviceError when the journal exists. */
export function refuseOldUndo(undo: string, image: string): void {
  if (!existsSync(undo)) return;
  throw new DeviceError(
    'UNDO_EXISTS',
    `${undo} exists, perhaps from a run that was cut off: xfskit undo ${undo} ${image}, or remove it`,
  );
}

/** What will be written to one device, in disk order, and where the journal of it goes. */
export interface Journalled {
  readonly path: string;
  readonly device: Device;
  readonly runs: () => Iterable<Run>;
}

/** Runs `apply` with the journals on disk; unless they are to be kept they are gone after success. */
export function withUndo(journals: readonly Journalled[], keep: boolean, apply: () => void): void {
  const written: string[] = [];
  try {
    for (const { path, device, runs } of journals) {
      writeUndo(path, device, runs());
      written.push(path);
    }
  } catch (error) {
    // Nothing was applied, so they would take nothing back.
    for (const path of written) unlinkSync(path);
    throw error;
  }
  apply();
  if (!keep) for (const path of written) unlinkSync(path);
}
