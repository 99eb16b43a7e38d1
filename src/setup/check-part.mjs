// `node src/setup/check-part.mjs <part>`: types and lint of one part of the sources. Rules ask the compiler for what it has
// worked out about types already, so both take one program, in one process.
import { join, relative } from 'node:path';
import { ESLint } from 'eslint';
import ts from 'typescript';
import { root } from './install.mjs';

/**
 * Together they are the whole. `lints` without `but` is what a part lints; `types` says whose faults of types it tells, of the
 * files in its project's program.
 */
const PARTS = {
  gateway: {
    project: 'tsconfig.json',
    lints: '.',
    but: ['test/**', 'src/dashboard/app/**'],
    types: (path) => !path.startsWith('test/'),
  },
  tests: { project: 'tsconfig.json', lints: 'test', but: [], types: (path) => path.startsWith('test/') },
  dashboard: {
    project: 'src/dashboard/app/tsconfig.json',
    lints: 'src/dashboard/app',
    but: [],
    types: () => true,
  },
};

/** As `tsc -p` makes it, of the part's own files and what they import: no part reads what only another needs. */
function programOf({ project, types }) {
  const refuse = (problem) => {
    throw new Error(ts.flattenDiagnosticMessageText(problem.messageText, '\n'));
  };
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: refuse };
  const { fileNames, options, errors } = ts.getParsedCommandLineOfConfigFile(join(root, project), {}, host);
  errors.forEach(refuse);
  // Rules walk from a node to its parents.
  const own = fileNames.filter((name) => types(relative(root, name)));
  return ts.createProgram(own, options, ts.createCompilerHost(options, true));
}

function faultsOfTypes(program, { types }) {
  const files = program.getSourceFiles().filter(({ fileName }) => types(relative(root, fileName)));
  const faults = ts.sortAndDeduplicateDiagnostics(files.flatMap((file) => ts.getPreEmitDiagnostics(program, file)));
  return ts.formatDiagnosticsWithColorAndContext(faults, {
    getCurrentDirectory: () => root,
    getCanonicalFileName: (name) => name,
    getNewLine: () => '\n',
  });
}

async function faultsOfLint(program, { lints, but }) {
  const eslint = new ESLint({
    cwd: root,
    ignorePatterns: but,
    overrideConfig: {
      files: ['**/*.ts', '**/*.tsx'],
      languageOptions: { parserOptions: { projectService: false, programs: [program] } },
    },
  });
  const results = await eslint.lintFiles([lints]);
  const formatter = await eslint.loadFormatter('stylish');
  return results.some(({ errorCount }) => errorCount > 0) ? formatter.format(results) : '';
}

const part = PARTS[process.argv[2]];
const program = programOf(part);
const faults = [faultsOfTypes(program, part), await faultsOfLint(program, part)];
console.log(faults.join('\n'));
process.exitCode = faults.some(Boolean) ? 1 : 0;
