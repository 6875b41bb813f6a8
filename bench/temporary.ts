import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A directory that goes when this process does. */
export function temporaryDirectory (name: string): string {
  const directory = mkdtempSync(join(tmpdir(), `bench-${name}-`))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}
