import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

// What a process and all that it started have used, from /proc: nothing is asked of the process itself.

/** CPU microseconds since it started, of all threads. Exact where they are asleep. */
export function cpuOf (pid: number): number {
  return sum(pid, process => {
    const tasks = readdirSync(`/proc/${process}/task`)
    return tasks.reduce((all, task) => all + (Number(read(`/proc/${process}/task/${task}/schedstat`).split(' ')[0]) || 0), 0) / 1000
  })
}

/** Bytes: what is resident now, or the most that was since `forgetPeak`. */
export function memoryOf (pid: number, field: 'VmRSS' | 'VmHWM'): number {
  return sum(pid, process => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(read(`/proc/${process}/status`))?.[1]) * 1024)
}

export function forgetPeak (pid: number): void {
  for (const process of withChildren(pid)) writeFileSync(`/proc/${process}/clear_refs`, '5')
}

function sum (pid: number, of: (pid: number) => number): number {
  return withChildren(pid).reduce((all, process) => all + of(process), 0)
}

function withChildren (pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`)
    .flatMap(task => read(`/proc/${pid}/task/${task}/children`).split(' '))
    .filter(child => child !== '')
  return [pid, ...children.flatMap(child => withChildren(Number(child)))]
}

/** Empty where a thread ended meanwhile. */
function read (file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
