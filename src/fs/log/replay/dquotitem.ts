/** DQUOT items: one quota record. Replayed unless quota is off, its buffer was freed later, or its LSN is not older. */
import { crcIsGood, sealCrc } from '../../../format/checksum.ts';
import { DQBLK, DQUOT_MAGIC } from '../../../format/dquot.ts';
import { BASIC_BLOCK } from '../../../format/log.ts';
import { LOG_DQUOT } from '../../../format/logitem.ts';
import { viewOf } from '../../../format/struct.ts';
import type { LoggedItem } from '../assembly.ts';
import { LogError } from '../record.ts';
import type { ReplayContext } from './bufferitem.ts';

/** Bytes of a record that are logged: all before its padding, CRC, LSN and UUID. */
const LOGGED_BYTES = 104;

export function replayDquot(context: ReplayContext, item: LoggedItem): boolean {
  const { geometry, buffers, cancelled, lsn, quota } = context;
  if (!quota) return false;
  const [head, record] = item.regions;
  if (!head || head.length < LOG_DQUOT.size) throw fault(`an item of ${head?.length} bytes`);
  if (!record || record.length < LOGGED_BYTES) throw fault(`a record of ${record?.length ?? 0} bytes`);
  if (viewOf(record).getUint16(0) !== DQUOT_MAGIC) throw fault('a record that is none');
  const { blkno, len, boffset } = LOG_DQUOT.over(head);
  const count = (len * geometry.blocksize) / BASIC_BLOCK;
  const daddr = Number(blkno);
  if (cancelled.has(daddr, count)) return false;
  const buffer = buffers.read(daddr, count);
  if (boffset + DQBLK.size > buffer.bytes.length) throw fault(`byte ${boffset} of its buffer`);
  const at = boffset + DQBLK.offset.lsn;
  const own = buffer.view.getBigUint64(at);
  const isWhole = crcIsGood(buffer.bytes, DQBLK.offset.crc, boffset, DQBLK.size);
  if (own !== 0n && own !== 2n ** 64n - 1n && own >= lsn && isWhole) return false;
  buffer.bytes.set(record.subarray(0, LOGGED_BYTES), boffset);
  buffer.view.setBigUint64(at, lsn);
  sealCrc(buffer.bytes, DQBLK.offset.crc, boffset, DQBLK.size);
  buffers.change(buffer, undefined);
  return true;
}

function fault(why: string): LogError {
  return new LogError('LOG_CORRUPT', `quota item: ${why}`);
}
