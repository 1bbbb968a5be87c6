/** `explain`: what the current object or a field of it is, by the row that declares it, and what its verifier says. */
import type { Kind } from '../../format/kinds.ts';
import { elementScope, isShape, type Row, type Scope, type Shape } from '../../format/struct.ts';
import { DbError } from '../error.ts';
import { type Accepted, acceptedRange } from '../explain/accepted.ts';
import { rowNeeds, typeNeeds } from '../explain/feature.ts';
import { concerns, judgePlace, positionOf, subjectOf } from '../explain/verdict.ts';
import { type FieldNode, findField, presentRows } from '../field.ts';
import { parsePath } from '../path.ts';
import { type CommandRow, type Output, objectOf, type Session } from '../session.ts';
import { formatScalars, integerJson, isArrayRow, type Json, scalarsJson } from '../value.ts';
import { objectTitle, verdictJson, verdictText } from './verify.ts';

type Facts = { [key: string]: Json };

const line = (name: string, text: string) => `  ${name.padEnd(9)}${text}\n`;

function explain(session: Session, [text]: readonly string[]): Output {
  const { top } = session.cursor;
  if (!top.type) throw new DbError('no current type');
  return text === undefined ? explainObject(session) : explainField(session, text);
}

function explainObject({ cursor }: Session): Output {
  const { top, filesystem } = cursor;
  const type = top.type!;
  const { shape } = type;
  const verdict = judgePlace(filesystem, top);
  const needs = typeNeeds(type.name);
  const doc = shape?.doc ?? type.doc;
  const fields = shape ? membersOf(shape, objectOf(cursor).scope) : [];
  const { agno, agbno } = positionOf(filesystem, top);
  return {
    get text() {
      const members = fields.map(({ name, doc, kind }) => line('', `${name}: ${doc} (${kind})`));
      return [
        `${objectTitle(filesystem, top, verdict.form)}: ${doc}\n`,
        line('where', `daddr ${top.daddr}, byte ${top.start} of its buffer, ${top.length} bytes`),
        ...(needs === undefined ? [] : [line('needs', needs)]),
        line('verdict', verdictText(verdict).trimEnd().replaceAll('\n', '\n         ')),
        ...(members.length === 0 ? [] : [line('fields', ''), ...members]),
      ].join('');
    },
    json: {
      type: type.name,
      ...{ form: verdict.form, doc, agno, agbno, daddr: top.daddr, bytes: top.length },
      ...(needs === undefined ? {} : { needs }),
      ...verdictJson(verdict),
      fields,
    },
  };
}

/** What a structure has here: rows that are present, without second readings of the same bits. */
function membersOf(shape: Shape, scope: Scope): { name: string; doc: string; kind: string }[] {
  return presentRows(shape, scope)
    .filter(({ row }) => !row.hidden && !row.view)
    .map(({ row }) => ({ name: row.alias ?? row.name, doc: row.doc, kind: kindText(row) }));
}

function kindText(row: Row): string {
  const count = row.count === undefined ? '' : typeof row.count === 'number' ? `[${row.count}]` : '[*]';
  return `${row.kind.name}${count}`;
}

/** The node that a path ends at, and the shape its row stands in. */
function innermost(
  nodes: readonly FieldNode[],
  depth: number,
  shape: Shape,
): { node: FieldNode; shape: Shape } {
  let at = { node: nodes[0], shape };
  for (let i = 1; i < depth && at.node; i++)
    at = { node: at.node.children[0], shape: at.node.placed.row.kind as Shape };
  if (!at.node) throw new DbError('there is no such field here');
  return { node: at.node, shape: at.shape };
}

function explainField({ cursor }: Session, path: string): Output {
  const { top, filesystem } = cursor;
  const object = objectOf(cursor);
  const segments = parsePath(path);
  const nodes = findField(object.shape, object.scope, segments);
  const { node, shape } = innermost(nodes, segments.length, object.shape);
  const { row } = node.placed;
  const { kind } = row;
  const needs = rowNeeds(row, shape, node.scope);
  const target = typeof row.goto === 'function' ? row.goto(node.scope) : row.goto;
  const verdict = judgePlace(filesystem, top);
  const problems = verdict.problems.filter(({ field }) => concerns(path, field));
  const isSingle = !isShape(kind) && kind.integer && node.low === node.high;
  const subject = subjectOf(filesystem, top);
  const asked = isSingle && !isArrayOf(node) && row.shown !== 'crc' && typeof subject !== 'string';
  const bit = node.placed.elementBit(node.low);
  const accepted = asked ? acceptedRange(subject, { kind: kind as Kind<unknown>, bit, path }) : undefined;
  const members = isShape(kind) ? membersOf(kind, elementScope(node.scope, node.placed, node.low)) : [];
  const value = isShape(kind)
    ? undefined
    : scalarsJson(node.placed, node.scope, node.low, node.high, verdict.crc);
  const of = { verdict: problems.length > 0 ? 'bad' : verdict.unjudged === undefined ? 'good' : 'unknown' };
  const facts: Facts = {
    ...{
      type: top.type!.name,
      form: verdict.form,
      field: path,
      doc: row.doc,
      in: shape.name,
      inDoc: shape.doc,
    },
    ...{ kind: kindText(row), ...where(node), ...(value === undefined ? {} : { value }) },
    ...(target === undefined ? {} : { pointsTo: target }),
    ...(row.unit === undefined ? {} : { unit: row.unit }),
    ...(needs === undefined ? {} : { needs }),
    ...(accepted === undefined ? {} : { accepted: acceptedJson(accepted) }),
    ...(row.unvalidated ? { unvalidated: true } : {}),
    ...of,
    problems: problems.map(({ field, found, expected, stops }) => ({ field, found, expected, stops })),
    ...(members.length === 0 ? {} : { fields: members }),
  };
  return {
    get text() {
      const shown = isShape(kind)
        ? undefined
        : formatScalars(node.placed, node.scope, node.low, node.high, verdict.crc);
      const range = accepted === undefined ? undefined : acceptedText(accepted, row);
      const said = problems.map(({ message }) => `WRONG: ${message}`);
      const verdictLine =
        problems.length > 0
          ? said.join(`\n${' '.repeat(11)}`)
          : (verdict.unjudged ?? 'nothing wrong with it');
      return [
        `${path}: ${row.doc}\n`,
        line('in', `${shape.name}: ${shape.doc}`),
        line('where', whereText(node, kindText(row))),
        ...(shown === undefined ? [] : [line('value', shown)]),
        ...(target === undefined ? [] : [line('points', `to ${target}, as ${row.unit ?? 'number'}`)]),
        ...(target === undefined && row.unit !== undefined ? [line('unit', row.unit)] : []),
        ...(needs === undefined ? [] : [line('needs', needs)]),
        ...(range === undefined ? [] : [line('accepts', range)]),
        line('verdict', verdictLine),
        ...members.map((member) => line('', `${member.name}: ${member.doc} (${member.kind})`)),
      ].join('');
    },
    json: facts,
  };
}

/** Several elements of an array. */
function isArrayOf({ placed, low, high }: FieldNode): boolean {
  return isArrayRow(placed) && high > low;
}

/** Place in the object. Elements that lie scattered are placed one by one: the first. */
function where({ placed, low, high }: FieldNode): { byte: number; bit: number; bits: number } {
  const start = placed.elementBit(low);
  const bits = placed.bits === 0 || placed.count === 1 ? placed.elementBits(low) : 0;
  const whole = bits || placed.elementBits(low) * (high - low + 1);
  return { byte: start >>> 3, bit: start & 7, bits: placed.row.kind.name === 'char' ? placed.bits : whole };
}

function whereText(node: FieldNode, kind: string): string {
  const { byte, bit, bits } = where(node);
  const size = bits % 8 === 0 ? plural(bits / 8, 'byte') : plural(bits, 'bit');
  return `byte ${byte}${bit === 0 ? '' : ` bit ${bit}`}, ${size} (${kind})`;
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function acceptedJson({ low, high, any, orNull }: Accepted): Json {
  return { low: integerJson(low), high: integerJson(high), any, orNull };
}

function acceptedText({ low, high, any, orNull }: Accepted, { kind, shown, unvalidated }: Row): string {
  if (any)
    return unvalidated
      ? 'any value; no checker can notice a change'
      : 'any value, as far as this object alone tells';
  if (low === high && shown === 'null' && !isShape(kind) && low === (1n << BigInt(kind.bits)) - 1n)
    return 'null, all else as it is';
  const range = low === high ? `${low}, but not what is next to it` : `${low} to ${high}`;
  return `${range}${orNull ? ', or null' : ''}, all else as it is`;
}

export const EXPLAIN_COMMANDS: readonly CommandRow[] = [
  {
    name: 'explain',
    args: '[field]',
    least: 0,
    most: 1,
    completes: 'field',
    summary: 'tell what the current object or a field of it means, and whether it is right',
    help: [
      'explain core.forkoff',
      'explain recs[1].startblock',
      'What it accepts is found by asking the verifier for other values with all else as it is.',
    ],
    run: explain,
  },
];
