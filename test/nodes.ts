import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeBinary } from '../bench/node-binary.js'

// `npm run test:nodes`: what leans on an internal of Node, and the service, under each Node that is supported. The tests
// of test/node are compiled for it, as tap itself needs a node that its loaders know.

/** Major versions; those that the command names, where it names any. */
const NODES = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24', '26']
/** Milliseconds. */
const TIMEOUT = 120_000

const tests = fileURLToPath(new URL('node', import.meta.url))
const files = readdirSync(tests).filter(name => name.endsWith('.test.js'))

// tsc compiles the fixtures and leaves their certificates behind.
cpSync(fileURLToPath(new URL('../../test/fixtures/tls', import.meta.url)), fileURLToPath(new URL('fixtures/tls', import.meta.url)), { recursive: true })

for (const major of NODES) {
  const { path, version } = nodeBinary(major)
  console.log(`Node ${version}`)
  for (const file of files) run(path, file)
}

function run (node: string, file: string): void {
  const start = performance.now()
  const { status, stdout, stderr } = spawnSync(node, ['--enable-source-maps', join(tests, file)], { encoding: 'utf8', timeout: TIMEOUT })
  const took = `${((performance.now() - start) / 1000).toFixed(1)} s`
  if (status === 0) {
    console.log(`  ok      ${basename(file, '.test.js')} (${took})`)
  } else {
    console.log(`  failed  ${basename(file, '.test.js')} (${took})\n${stdout}${stderr}`)
    process.exitCode = 1
  }
}
