import { unwatchFile, watchFile } from 'node:fs'

/** Milliseconds between two looks at a file. */
const INTERVAL = 1_000
/** Milliseconds that several files may be apart in being written, a certificate and its key, say. */
const SETTLE = 100

/** Who wants to know of a file: there is one look at it for all of them. */
const listeners = new Map<string, Set<() => void>>()

/**
 * Tells of changes of files, once for several that come together. The files are looked at by their names, whatever
 * these lead to: a rename onto them is seen, and so is a change of the links before them, as Kubernetes and certbot
 * make it; also of a file that is not there yet.
 *
 * @returns ends the watch
 */
export function watchFiles (files: readonly string[], onChange: () => void): () => void {
  let settling: NodeJS.Timeout | undefined
  const changed = (): void => {
    clearTimeout(settling)
    settling = setTimeout(onChange, SETTLE).unref()
  }
  for (const file of files) listen(file, changed)
  return () => {
    clearTimeout(settling)
    for (const file of files) unlisten(file, changed)
  }
}

function listen (file: string, listener: () => void): void {
  const known = listeners.get(file)
  if (known !== undefined) {
    known.add(listener)
    return
  }
  const all = new Set([listener])
  listeners.set(file, all)
  watchFile(file, { interval: INTERVAL, persistent: false }, (now, before) => {
    // Node tells of a file that is not there as of a change.
    if (now.ino === 0 && before.ino === 0) return
    for (const tell of all) tell()
  })
}

function unlisten (file: string, listener: () => void): void {
  const known = listeners.get(file)
  known?.delete(listener)
  if (known?.size !== 0) return
  listeners.delete(file)
  unwatchFile(file)
}
