/** Commands about places: the stack, the ring, and what type the current one is looked at as. */
import { DADDR_BYTES } from '../../format/geometry.ts';

import type { Place } from '../cursor.ts';
import { DbError } from '../error.ts';
import type { Filesystem } from '../filesystem.ts';
import { leadingUnsigned } from '../options.ts';
import type { CommandRow } from '../session.ts';
import { findType, TYPES } from '../types.ts';
import type { Json } from '../value.ts';

/** A place in xfs_db's words. */
export function placeText(title: string, place: Place, filesystem: Filesystem): string {
  const offset = place.daddr * DADDR_BYTES + place.start;
  const fsbno = filesystem.daddrFsbno(place.daddr);
  const unit = place.device === 'log' ? 'logbno' : place.device === 'realtime' ? 'rtbno' : 'fsbno';
  const units = `${place.bbs} bb${place.bbs === 1 ? '' : 's'}`;
  const map = place.map ? `\tblock map${place.map.map((p) => ` ${p.daddr}:${p.bbs}`).join('')}\n` : '';
  return (
    `${title}\n\tbyte offset ${offset}, length ${place.length}\n` +
    `\tbuffer block ${place.daddr} (${unit} ${fsbno}), ${units}\n${map}` +
    `\tinode ${place.ino}, dir inode ${place.dirIno}, type ${place.type?.name ?? 'none'}\n`
  );
}

export function placeJson(place: Place, filesystem: Filesystem): Json {
  return {
    type: place.type?.name ?? null,
    ...(place.device ? { device: place.device } : {}),
    offsetBytes: place.daddr * DADDR_BYTES + place.start,
    lengthBytes: place.length,
    daddr: place.daddr,
    fsbno: filesystem.daddrFsbno(place.daddr),
    bbs: place.bbs,
    ino: place.ino < 0 ? null : place.ino,
    crc: place.crc,
    ...(place.map ? { map: place.map.map(({ daddr, bbs }) => ({ daddr, bbs })) } : {}),
  };
}

const stack: CommandRow = {
  name: 'stack',
  least: 0,
  most: 0,
  summary: 'show the stack of places, the current one first',
  run: ({ cursor }) => {
    const places = [...cursor.places.entries()].reverse();
    return {
      text: places.map(([i, place]) => placeText(`${i + 1}: `, place, cursor.filesystem)).join(''),
      json: places.map(([, place]) => placeJson(place, cursor.filesystem)),
    };
  },
};

const push: CommandRow = {
  name: 'push',
  args: '[command]',
  least: 0,
  most: 2,
  completes: 'command',
  summary: 'keep this place on the stack; then run a command that goes elsewhere',
  run: (session, args) => {
    const [name] = args;
    if (name !== undefined) {
      const command = session.find(name);
      if (!command) throw new DbError(`no such command ${name}`);
      if (!command.pushable) throw new DbError(`no push form allowed for ${name}`);
    }
    session.cursor.pushHere();
    return name === undefined ? undefined : session.runArgs(args);
  },
};

const pop: CommandRow = {
  name: 'pop',
  least: 0,
  most: 0,
  summary: 'go back to the place that was pushed last',
  run: ({ cursor }) => {
    cursor.pop();
    return undefined;
  },
};

const ring: CommandRow = {
  name: 'ring',
  args: '[entry]',
  least: 0,
  most: 1,
  summary: 'show the places visited, newest first, or go to one of them',
  run: ({ cursor }, [text]) => {
    if (text !== undefined) {
      cursor.goRing(leadingUnsigned(text));
      return undefined;
    }
    const visited = cursor.visited();
    if (visited.length === 0) return { text: 'no entries in location ring.\n', json: [] };
    let out = '      type    bblock  bblen    fsbno     inode\n';
    for (const { index, place, current } of visited) {
      const fsbno = cursor.filesystem.daddrFsbno(place.daddr);
      const name = (place.type?.name ?? 'none').slice(0, 7).padEnd(7);
      const numbers = [
        String(place.daddr).padStart(8),
        String(place.bbs).padStart(5),
        String(fsbno).padStart(8),
        String(place.ino).padStart(9),
      ];
      out += `${current ? '*' : ' '}${String(index).padStart(2)}: ${name} ${numbers.join(' ')}\n`;
    }
    const json = visited.map(({ index, place, current }) => ({
      entry: index,
      current,
      place: placeJson(place, cursor.filesystem),
    }));
    return { text: out, json };
  },
};

const back: CommandRow = {
  name: 'back',
  alias: 'b',
  least: 0,
  most: 0,
  summary: 'go to the place visited before',
  run: ({ cursor }) => {
    cursor.back();
    return undefined;
  },
};

const forward: CommandRow = {
  name: 'forward',
  alias: 'f',
  least: 0,
  most: 0,
  summary: 'go to the place visited after',
  run: ({ cursor }) => {
    cursor.forward();
    return undefined;
  },
};

const TYPES_IN_LINE = 8;

function typeList(current: string | undefined): string {
  const head = current === undefined ? 'no current type' : `current type is "${current}"`;
  let out = `${head}\n\n supported types are:\n `;
  TYPES.forEach((type, i) => {
    const last = i === TYPES.length - 1;
    out += last ? `${type.name}\n` : `${type.name}, `;
    if (!last && (i + 1) % TYPES_IN_LINE === 0) out += '\n ';
  });
  return out;
}

const type: CommandRow = {
  name: 'type',
  args: '[newtype]',
  least: 0,
  most: 1,
  pushable: true,
  completes: 'type',
  summary: 'look at this place as another type; list the types',
  run: ({ cursor }, [name]) => {
    if (name === undefined) {
      const current = cursor.top.type?.name;
      return { text: typeList(current), json: { type: current ?? null, types: TYPES.map((t) => t.name) } };
    }
    const wanted = findType(name);
    if (!wanted) throw new DbError(`no such type ${name}`);
    cursor.retype(wanted);
    return undefined;
  },
};

export const PLACE_COMMANDS: readonly CommandRow[] = [stack, push, pop, ring, back, forward, type];
