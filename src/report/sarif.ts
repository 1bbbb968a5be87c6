/**
 * Reports as SARIF 2.1.0, as code scanning services read it: one run; findings are results, their codes its rules,
 * images its artifacts, and what could not be looked at a notification of the run.
 */
import {
  FINDINGS,
  type Finding,
  type FindingCode,
  type FindingRow,
  subjectOf,
  type Where,
} from '../format/findings.ts';
import { flatten } from './consequence.ts';
import { type CheckReport, listed, type ReportWriter, type RunReport, stateOf } from './report.ts';
import { version } from './version.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

/** Halves of surrogate pairs are no text, and no URI can be made of them. */
function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd');
}

/** A path as a URI reference. */
function uriOf(path: string): string {
  const parts = wellFormed(path).split('/').map(encodeURIComponent).join('/');
  return path.startsWith('/') ? `file://${parts}` : parts;
}

/** `AG 3/inode 131/rmapbt`, the widest first. */
function placeName(where: Where): string {
  const parts: string[] = [];
  if (where.agno !== undefined) parts.push(`AG ${where.agno}`);
  if (where.ino !== undefined) parts.push(`inode ${where.ino}`);
  if (where.structure !== undefined) parts.push(where.structure);
  if (where.agbno !== undefined) parts.push(`block ${where.agbno}${where.blocks ? `+${where.blocks}` : ''}`);
  if (where.fileoff !== undefined) parts.push(`file block ${where.fileoff}`);
  if (where.field !== undefined) parts.push(where.field);
  return parts.length === 0 ? 'filesystem' : parts.join('/');
}

function locationOf(artifact: number, image: string, where: Where): object {
  return {
    physicalLocation: { artifactLocation: { uri: uriOf(image), index: artifact } },
    logicalLocations: [{ fullyQualifiedName: placeName(where), kind: 'resource' }],
  };
}

/** The rules that results name, each with its place in the list. */
function rulesOf(reports: readonly CheckReport[]): ReadonlyMap<FindingCode, number> {
  const rules = new Map<FindingCode, number>();
  for (const report of reports)
    for (const { code } of flatten(listed(report))) if (!rules.has(code)) rules.set(code, rules.size);
  return rules;
}

function ruleJson(code: FindingCode): object {
  const row: FindingRow = FINDINGS[code];
  const loses = row.losesData ? ' This loses information.' : '';
  return {
    id: code,
    shortDescription: { text: row.title },
    fullDescription: { text: row.explanation },
    help: { text: `Repair: ${row.fix ?? 'none; left as it is'}.${loses}` },
    defaultConfiguration: { level: row.severity },
    properties: { subject: row.subject, tags: [row.subject] },
  };
}

function resultJson(
  finding: Finding,
  report: CheckReport,
  artifact: number,
  rules: ReadonlyMap<FindingCode, number>,
): object {
  const { code, severity, where, message, found, expected, fix, consequences } = finding;
  const related = [...flatten(consequences ?? [])].map((one, id) => ({
    id,
    ...locationOf(artifact, report.image, one.where),
    message: { text: wellFormed(`${one.code}: ${one.message}`) },
  }));
  return {
    ruleId: code,
    ruleIndex: rules.get(code),
    level: severity,
    message: { text: wellFormed(message) },
    locations: [locationOf(artifact, report.image, where)],
    ...(related.length > 0 ? { relatedLocations: related } : {}),
    partialFingerprints: { 'place/v1': `${code} ${placeName(where)}` },
    properties: { subject: subjectOf(finding), where, found, expected, fix, provisional: report.provisional },
  };
}

/** The images, each once, and their places in the list of artifacts. */
function artifactsOf(reports: readonly CheckReport[]): ReadonlyMap<string, number> {
  const artifacts = new Map<string, number>();
  for (const { image } of reports) if (!artifacts.has(image)) artifacts.set(image, artifacts.size);
  return artifacts;
}

function notificationsOf(reports: readonly CheckReport[], artifacts: ReadonlyMap<string, number>): object[] {
  return reports.flatMap(({ image, error }) =>
    error
      ? [
          {
            level: 'error',
            descriptor: { id: error.code },
            message: { text: wellFormed(error.message) },
            locations: [
              { physicalLocation: { artifactLocation: { uri: uriOf(image), index: artifacts.get(image) } } },
            ],
          },
        ]
      : [],
  );
}

function invocationJson(run: RunReport, artifacts: ReadonlyMap<string, number>): object {
  return {
    executionSuccessful: run.reports.every(({ error }) => !error),
    exitCode: run.exit,
    toolExecutionNotifications: notificationsOf(run.reports, artifacts),
  };
}

function artifactJson(report: CheckReport): object {
  return {
    location: { uri: uriOf(report.image) },
    roles: ['analysisTarget'],
    properties: { state: stateOf(report), log: report.logState, summary: report.summary },
  };
}

/** One document, at the end of the run. */
export function sarifWriter(): ReportWriter {
  return { *image() {}, end: document };
}

function* document(run: RunReport): Generator<string> {
  const rules = rulesOf(run.reports);
  const artifacts = artifactsOf(run.reports);
  const driver = { name: 'xfskit', version, rules: [...rules.keys()].map(ruleJson) };
  yield `{"version":"2.1.0","$schema":${JSON.stringify(SCHEMA)},"runs":[{\n`;
  yield `"tool":${JSON.stringify({ driver })},\n`;
  yield `"invocations":[${JSON.stringify(invocationJson(run, artifacts))}],\n`;
  yield `"artifacts":${JSON.stringify([...artifacts.keys()].map((image) => artifactJson(run.reports.findLast((one) => one.image === image)!)))},\n"results":[`;
  let lead = '\n';
  for (const report of run.reports) {
    for (const finding of listed(report)) {
      yield lead + JSON.stringify(resultJson(finding, report, artifacts.get(report.image)!, rules));
      lead = ',\n';
    }
  }
  yield '\n]}]}\n';
}
