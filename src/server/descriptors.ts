import { readFileSync } from 'node:fs'

/** What a process has open beside its connections: files, pipes, listeners, and what Node itself needs. */
const RESERVE = 100

interface Logger {
  warn (line: object, message: string): void
}

/**
 * Warns of a process that may open fewer files than its configuration allows connections: then it is the kernel's
 * limit that holds, and what meets it are connections to upstreams as well (EMFILE, a 502). Node has raised the limit
 * as far as it may. It is read where that costs nothing, on Linux.
 *
 * @param connections that may be open at the same time, to clients and to upstreams
 */
export function warnOfFewDescriptors (log: Logger, connections: number, limits = '/proc/self/limits'): void {
  const limit = readLimit(limits)
  const needed = connections + RESERVE
  if (limit === undefined || limit >= needed) return
  log.warn({ limit, needed }, `no more than ${limit} files may be open, which is less than as many connections as are allowed take: ` +
    `set "ulimit -n ${needed}" before the start (LimitNOFILE in systemd), or lower server.maxConnections`)
}

/** @returns `undefined` where there is none, or where it is not known */
function readLimit (limits: string): number | undefined {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync(limits, 'latin1'))?.[1]
    return limit === undefined ? undefined : Number(limit)
  } catch {
    return undefined
  }
}
