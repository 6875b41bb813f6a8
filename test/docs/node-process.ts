import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { SpawnedProcess } from '../fixtures/spawned.js'
import { ROOT } from './readme.js'

/** A script as a person would start it: without tap, which would measure the coverage of examples. */
export class NodeProcess extends SpawnedProcess {
  constructor (t: Test, script: string, env: NodeJS.ProcessEnv) {
    // tap puts itself into NODE_OPTIONS of whatever is spawned.
    super(t, 'env', ['-u', 'NODE_OPTIONS', process.execPath, script], { cwd: fileURLToPath(ROOT), env: { ...process.env, ...env } }, 'SIGTERM')
  }
}
