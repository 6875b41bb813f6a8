import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = new URL('../../', import.meta.url)
const COMMAND = fileURLToPath(new URL('node_modules/dependency-cruiser/bin/dependency-cruise.mjs', ROOT))
const RULES = fileURLToPath(new URL('.dependency-cruiser.cjs', ROOT))

/** What of `npm run lint` says of a package's files, line by line. */
function complaints (directory: string): { lines: string[], status: number | null } {
  const { status, stdout } = spawnSync('env', ['-u', 'NODE_OPTIONS', process.execPath, COMMAND, '--config', RULES, 'src', 'plugins'], { cwd: directory, encoding: 'utf8' })
  return { status, lines: stdout.split('\n').filter(line => line.includes(' error ')).map(line => line.trim()) }
}

t.test('a forbidden import and a circle are errors, types included', async t => {
  const { lines, status } = complaints(t.testdir({
    'tsconfig.json': '{}',
    src: {
      config: { 'schema.ts': 'export const schema = 1\n' },
      observe: { 'log.ts': 'import { one } from \'../proxy/one.js\'\nexport const log = one\n' },
      proxy: {
        'one.ts': 'import type { Two } from \'./two.js\'\nexport const one: Two = 1\n',
        'two.ts': 'import { one } from \'./one.js\'\nexport type Two = number | typeof one\n',
        'web.ts': 'import type { FastifyInstance } from \'fastify\'\nexport type App = FastifyInstance\n'
      },
      upstream: { 'pool.ts': 'import { schema } from \'../config/schema.js\'\nexport const pool = schema\n' },
      other: { 'place.ts': 'import \'node:fs\'\n' }
    },
    plugins: {
      'one.ts': 'import type { two } from \'./two.js\'\nexport type One = typeof two\n',
      'two.ts': 'import { pool } from \'../src/upstream/pool.js\'\nexport const two = pool\n'
    }
  }))
  for (const expected of [
    /plugins may not import it: plugins\/one\.ts → plugins\/two\.ts/,
    /src\/proxy may not import it: src\/proxy\/web\.ts → .*node_modules\/fastify\//,
    /src\/upstream may not import it: src\/upstream\/pool\.ts → src\/config\/schema\.ts/,
    /src\/observe knows the types of src\/proxy alone: src\/observe\/log\.ts → src\/proxy\/one\.ts/,
    /a circle: src\/proxy\/(one|two)\.ts →/,
    /a file that no rule knows: src\/other\/place\.ts/
  ]) t.ok(lines.some(line => expected.test(line)), String(expected))
  t.notMatch(lines.join('\n'), 'plugins/two.ts → src', 'a plugin may import from src')
  t.not(status, 0)
})
