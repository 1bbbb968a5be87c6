/** Metadata dumps made and restored in this process. */
import { closeSync, openSync } from 'node:fs';
import { type DumpRequest, dumpFilesystem } from '../../src/db/dump/dump.ts';
import { openDumpInput } from '../../src/db/dump/file.ts';
import { readDumpHead, restoreDump } from '../../src/db/dump/restore.ts';
import { DescriptorOutput } from '../../src/db/dump/writer.ts';
import { type Filesystem, openFilesystem } from '../../src/db/filesystem.ts';
import type { Device } from '../../src/device/device.ts';
import { openDevice } from '../../src/device/open.ts';

export const PLAIN: DumpRequest = {
  obfuscate: false,
  clear: true,
  stopOnError: false,
  showWarnings: true,
  maxExtent: 2 ** 21 - 1,
  version: 1,
};

/** Dumps a filesystem into a file; returns its warnings. */
export function dumpTo(
  filesystem: Filesystem,
  file: string,
  options: Partial<DumpRequest> = {},
): readonly string[] {
  const warnings: string[] = [];
  const descriptor = openSync(file, 'w');
  try {
    dumpFilesystem(
      filesystem,
      () => new DescriptorOutput(descriptor, file),
      { ...PLAIN, ...options },
      { warn: (text) => warnings.push(text), progress: () => undefined },
    );
  } finally {
    closeSync(descriptor);
  }
  return warnings;
}

/** Dumps an image file. */
export function dumpImage(
  image: string,
  file: string,
  options: Partial<DumpRequest> = {},
): readonly string[] {
  const device = openDevice(image);
  try {
    return dumpTo(openFilesystem(device), file, options);
  } finally {
    device.close();
  }
}

/** Restores a dump onto what `open` gives for the size of its filesystem. Throws DeviceError. */
export function restoreTo(file: string, open: (bytes: number) => Device): Device {
  const dump = openDumpInput(file);
  try {
    const head = readDumpHead(dump.input);
    const device = open(head.dataBytes);
    restoreDump(dump.input, head, { data: device }, () => undefined);
    return device;
  } finally {
    dump.close();
  }
}

/** Restores a dump into an image file. */
export function restoreImage(file: string, image: string): void {
  restoreTo(file, (bytes) => openDevice(image, { write: true, replace: bytes })).close();
}
