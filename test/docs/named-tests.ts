import { readFileSync } from 'node:fs'

/** The names of a file's tests as they stand in it: one that is made in a loop keeps its `${…}`. */
export function testNames (file: URL): Set<string> {
  const source = readFileSync(file, 'utf8')
  return new Set([...source.matchAll(/^ *(?:t\.test|option|directive)\((['`])((?:\\.|(?!\1)[^\\])*)\1/gm)].map(([, , name = '']) => name.replaceAll(/\\(['`])/g, '$1')))
}
