/** Jest's transform: TypeScript to ESM by esbuild, types dropped and not checked (tsc does that). */
import { transformSync } from 'esbuild';

export default {
  process(source, path) {
    return transformSync(source, {
      loader: 'ts',
      format: 'esm',
      target: 'node20',
      sourcemap: 'inline',
      sourcefile: path,
    });
  },
};
